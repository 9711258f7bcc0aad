package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"agora/feed"
	"agora/httpapi"
)

// idlePeriod is how long a stream tells nothing before its client gets a new position. Without it, a client of a quiet feed would
// continue from a position that is far back.
const idlePeriod = time.Minute

func addStream(s *httpapi.Server, n *feed.Node) {
	r := streamRoutes{service: n.Service, hub: n.Hub}
	httpapi.RegisterStream(s, httpapi.Route{
		Path: "/v1/feed/stream", Tag: tagFeed, Summary: "Follow your home timeline", Access: httpapi.SignedIn,
		Description: "Events: post (data: a post), delete (data: the id of a post), reset (data: {}). After reset, read GET /v1/feed from the beginning: what happened before it cannot be told. An event without data only moves the id. To continue an interrupted stream on any server without a gap or a repetition, send the id of the last event as Last-Event-ID, or the live of a page to continue after that page. Follows, unfollows, blocks and mutes take effect at once; posts of before a follow are not told.",
		Fails:       []httpapi.Failure{late},
	}, r.stream)
}

type streamRoutes struct {
	service *feed.Service
	hub     *feed.Hub
}

type streamInput struct {
	Live string `query:"live" doc:"The live of a page. The stream begins after that page. Last-Event-ID has precedence" maxLength:"512"`
}

func (r streamRoutes) stream(ctx context.Context, in *streamInput, out *httpapi.Stream) error {
	user, err := callerOf(ctx)
	if err != nil {
		return err
	}
	stream, err := r.hub.Open(ctx, user, cmp.Or(out.LastEventID, in.Live))
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := out.Send(httpapi.Event{ID: stream.Cursor()}); err != nil {
		return err
	}
	for sent := 0; ; sent++ {
		e, err := r.next(ctx, stream)
		if err != nil {
			return err
		}
		if err := out.Send(e); err != nil {
			return err
		}
		if sent%streamBatch == streamBatch-1 { // a stream that catches up must not overflow its queue
			if err := out.Flush(ctx); err != nil {
				return err
			}
		}
	}
}

// streamBatch is how many events are sent before the stream waits until they are written.
const streamBatch = 20

// next returns the next event as clients get it, or an event without data when nothing has happened for long.
func (r streamRoutes) next(ctx context.Context, stream *feed.Stream) (httpapi.Event, error) {
	waiting, cancel := context.WithTimeout(ctx, idlePeriod)
	defer cancel()
	e, err := stream.Next(waiting)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return httpapi.Event{ID: stream.Cursor()}, nil
	}
	if err != nil {
		return httpapi.Event{}, err
	}
	var data any = struct{}{}
	switch e.Kind {
	case feed.Posted:
		data = newPosts(ctx, r.service, []feed.Post{*e.Post})[0]
	case feed.Deleted:
		data = DeletedPost{ID: e.PostID.String()}
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return httpapi.Event{}, fmt.Errorf("encode an event: %w", err)
	}
	return httpapi.Event{ID: e.ID, Name: string(e.Kind), Data: encoded}, nil
}

// DeletedPost is the data of an event that tells a deletion.
type DeletedPost struct {
	ID string `json:"id"`
}
