package feed

import (
	"context"
	"log/slog"
	"time"

	"agora/pattern/eventlog"
	"agora/pattern/guard"
)

// maxWait bounds how long a request waits for the tail of its server.
const maxWait = time.Second

// Users knows who has an account.
type Users interface {
	// Exists reports whether a user has an account.
	Exists(ctx context.Context, user UserID) (bool, error)
}

// Service answers the requests of users. Each write returns the reach that includes it: a page that is read after that
// reach shows it.
type Service struct {
	Shape     Shape
	Epoch     Epoch
	Log       eventlog.Log
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Tail      *Tail   // RunTail keeps it up to date
	Reader    *Reader // of home timelines
	Strategy  Strategy
	Users     Users
	Products  Products      // nil if no post may have a product
	Posting   guard.Limiter // of the posts of each author; nil sets no limit
	Presence  *Presence     // nil records nobody
	Monitor   *Monitor      // nil measures nothing
	Logger    *slog.Logger
}

// Await returns when the tail has reached what is asked for. If that takes too long, because this server is late, the
// error is Unavailable.
func (s *Service) Await(ctx context.Context, reach Reach) error {
	return s.Tail.await(ctx, reach)
}

func (s *Service) append(ctx context.Context, topic string, r eventlog.Record) (Position, error) {
	at, err := s.Log.Append(ctx, topic, r)
	if err != nil {
		return 0, err
	}
	return At(s.Epoch, at[0].Offset), nil
}

// reached waits until the tail has a record, so that the next read of this server shows it. It gives up after
// maxWait: the record is in the log all the same.
func (s *Service) reached(ctx context.Context, topic string, partition int, at Position) (Reach, error) {
	reach := s.Tail.Reach()
	want := Reach{Posts: reach.Posts, Graph: reach.Graph}
	if topic == GraphTopic {
		want.Graph = want.Graph.with(partition, max(want.Graph[partition], at+1))
	} else {
		want.Posts = want.Posts.with(partition, max(want.Posts[partition], at+1))
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := s.Tail.Wait(ctx, want); err != nil {
		return want, nil // the write is done; a read after want waits by itself
	}
	return s.Tail.Reach(), nil
}

func (s *Service) warn(message string, err error) {
	if s.Logger != nil {
		s.Logger.Warn(message, "error", err)
	}
}
