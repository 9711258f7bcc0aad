package feed

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

// everyone has an account.
type everyone struct{}

func (everyone) Exists(context.Context, UserID) (bool, error) { return true, nil }

// newSmallService returns a service whose tail reads nothing.
func newSmallService(t *testing.T) *Service {
	t.Helper()
	log := eventlog.NewMemory()
	for _, topic := range []string{PostsTopic, GraphTopic} {
		if err := log.Create(t.Context(), topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	tail, _ := newSmallTail(Bounds{})
	return &Service{Shape: small, Epoch: 1, Log: log, Posts: NewMemoryPosts(), Graph: NewMemoryGraph(small), Tail: tail, Users: everyone{}}
}

func TestAWriteDoesNotWaitForeverForTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := newSmallService(t), time.Now()
		reach, err := s.Set(t.Context(), EdgeKey{Follow, UserID{15: 1}, UserID{15: 2}}, true)
		if err != nil || time.Since(start) != maxWait || reach.Graph[0] != At(1, 1) {
			t.Errorf("a write that the tail does not read answers %v, %v after %v", reach, err, time.Since(start))
		}
	})
}

func TestARetryOfADeletedPostPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, author := newSmallService(t), UserID{15: 1}
		p, _, err := s.Post(t.Context(), author, NewPost{Text: "text"}, "key")
		if err != nil {
			t.Fatal(err)
		}
		deleted, err := s.Delete(t.Context(), author, false, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, _, err := s.Post(t.Context(), author, NewPost{Text: "text"}, "key"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a retry of a deleted post answers %v", err)
		}
		if deleted.Posts[0] != At(1, 2) || time.Since(start) != 0 {
			t.Error("the retry appended a record")
		}
	})
}

// lostAppend is a log that appends a record and loses the answer, once.
type lostAppend struct {
	eventlog.Log
	lost bool
}

func (l *lostAppend) Append(ctx context.Context, topic string, records ...eventlog.Record) ([]eventlog.Position, error) {
	at, err := l.Log.Append(ctx, topic, records...)
	if err == nil && !l.lost {
		l.lost = true
		return nil, fault.New(fault.Unavailable, "", "the answer was lost")
	}
	return at, err
}

func TestARetryAppendsTheSamePost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, author := newSmallService(t), UserID{15: 1}
		log := s.Log
		s.Log = &lostAppend{Log: log}
		if _, _, err := s.Post(t.Context(), author, NewPost{Text: "text"}, "key"); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("a post whose append was not acknowledged answers %v", err)
		}
		time.Sleep(time.Hour)
		p, _, err := s.Post(t.Context(), author, NewPost{Text: "text"}, "key")
		if err != nil {
			t.Fatal(err)
		}
		messages, err := log.Read(t.Context(), PostsTopic, 0, 0, 10)
		if err != nil || len(messages) != 2 || messages[0].ID != messages[1].ID || !bytes.Equal(messages[0].Value, messages[1].Value) {
			t.Errorf("two tries appended %v, %v; want one post twice", messages, err)
		}
		if p.CreatedAt != p.ID.Made() {
			t.Errorf("the post was made at %v and says %v", p.ID.Made(), p.CreatedAt)
		}
	})
}

// TestARetryIsToldWhereItsPostIs repeats a request on a server that has not read the post: what it answers has to include the post.
func TestARetryIsToldWhereItsPostIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, author := newSmallService(t), UserID{15: 1}
		for try := range 2 {
			p, reach, err := s.Post(t.Context(), author, NewPost{Text: "text"}, "key")
			if err != nil || !reach.Posts.Covers(0, p.At) {
				t.Errorf("try %d of a post at %v is told %v, %v", try, p.At, reach.Posts, err)
			}
		}
	})
}
