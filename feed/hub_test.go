package feed

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/telemetry"
)

// hubWorld is a hub of one partition whose records a test folds itself.
type hubWorld struct {
	t       *testing.T
	tail    *Tail
	hub     *Hub
	posts   *MemoryPosts
	metrics *telemetry.Metrics
	publish func(author UserID) *Post
}

func newHubWorld(t *testing.T, bounds StreamBounds) *hubWorld {
	w := &hubWorld{t: t, posts: NewMemoryPosts(), metrics: telemetry.NewMetrics()}
	w.tail, w.publish = newSmallTail(Bounds{})
	w.hub = NewHub(w.tail, w.posts, NewMemoryGraph(small), bounds, NewHubMonitor(w.metrics))
	return w
}

func (w *hubWorld) open(user UserID, from string) *Stream {
	w.t.Helper()
	s, err := w.hub.Open(w.t.Context(), user, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *hubWorld) step() {
	w.t.Helper()
	if err := w.hub.Step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *hubWorld) delete(p *Post) {
	at := w.tail.Reach().Posts[0]
	w.tail.Fold(PostsTopic, Record{Kind: kindDeleted, At: at, Actor: p.Author, PostID: p.ID}, false)
}

func (w *hubWorld) set(kind EdgeKind, from, to UserID, on bool) {
	for name, means := range edgeKinds {
		if means.kind == kind && means.on == on {
			w.tail.Fold(GraphTopic, Record{Kind: name, At: w.tail.Reach().Graph[0], Actor: from, To: to}, false)
		}
	}
}

// store brings all posts of the tail to the store, and lets the tail drop them.
func (w *hubWorld) store() {
	w.t.Helper()
	for _, p := range w.tail.byID {
		if err := w.posts.Insert(w.t.Context(), *p); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, d := range w.tail.deletions[0] {
		if err := w.posts.Delete(w.t.Context(), d); err != nil {
			w.t.Fatal(err)
		}
	}
	w.tail.Drop(Head{Epoch: 1, Rows: []Row{{Posts: w.tail.Reach().Posts, Graph: At(1, 0)}}}) // edges stay in the tail
}

// wants checks the next events of a stream, and that there are no more.
func (w *hubWorld) wants(s *Stream, want ...Event) {
	w.t.Helper()
	for _, event := range want {
		e, ok, err := s.Take()
		if err != nil || !ok || e.Kind != event.Kind || e.PostID != event.PostID || (e.Post != nil) != (e.Kind == Posted) {
			w.t.Fatalf("the stream has %v, %v, %v; want %s of %v", e, ok, err, event.Kind, event.PostID)
		}
	}
	if e, ok, err := s.Take(); ok || err != nil {
		w.t.Errorf("the stream also has %v, %v", e, err)
	}
}

func (w *hubWorld) wantMetric(name string, want float64) {
	w.t.Helper()
	if got, ok := w.metrics.Value(name); !ok || got != want {
		w.t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func posted(p *Post) Event  { return Event{Kind: Posted, PostID: p.ID} }
func deleted(p *Post) Event { return Event{Kind: Deleted, PostID: p.ID} }

var (
	ann, bob = UserID{15: 1}, UserID{15: 2}
	wide     = StreamBounds{Authors: 100, Missed: 100}
)

// TestAStreamTellsPostsOfTheZeroUser has the admin of the first start as a reader and as an author.
func TestAStreamTellsPostsOfTheZeroUser(t *testing.T) {
	w := newHubWorld(t, wide)
	zero := UserID{}
	w.set(Follow, ann, zero, true)
	w.step()
	own, follower := w.open(zero, ""), w.open(ann, "")
	p := w.publish(zero)
	w.step()
	w.wants(own, posted(p))
	w.wants(follower, posted(p))
}

func TestAStreamTellsWhatItsUserSees(t *testing.T) {
	w := newHubWorld(t, wide)
	s := w.open(ann, "")
	hidden := w.publish(bob)
	w.set(Follow, ann, bob, true)
	own, first := w.publish(ann), w.publish(bob)
	w.step()
	w.wants(s, posted(own), posted(first))
	for _, key := range []EdgeKey{{Mute, ann, bob}, {Block, ann, bob}, {Block, bob, ann}} {
		w.set(key.Kind, key.From, key.To, true)
		w.publish(bob)
		w.set(key.Kind, key.From, key.To, false)
		next := w.publish(bob)
		w.step()
		w.wants(s, posted(next))
	}
	w.set(Follow, ann, bob, false)
	w.publish(bob)
	w.delete(first)
	w.delete(hidden) // may have been shown by a page
	w.delete(first)  // again
	w.step()
	w.wants(s, deleted(first), deleted(hidden))
	s.Close()
	w.publish(ann)
	w.step()
	if _, _, err := s.Take(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a closed stream returns %v", err)
	}
	w.wantMetric("agora_feed_streams", 0)
	w.wantMetric("agora_feed_stream_events_total", 7)
}

func TestAStreamGoesOnAfterTheTailHasMovedOn(t *testing.T) {
	w := newHubWorld(t, wide)
	w.set(Follow, ann, bob, true)
	before := w.publish(bob)
	s := w.open(ann, "")
	cursor := s.Cursor()
	s.Close()
	missed := w.publish(bob)
	w.delete(before)
	w.publish(UserID{15: 3})
	w.store()
	held := w.publish(bob)
	s = w.open(ann, cursor)
	live := w.publish(bob)
	w.step()
	w.wants(s, posted(missed), deleted(before), posted(held), posted(live))
	w.wants(w.open(ann, s.Cursor()))
	for _, bounds := range []StreamBounds{{Authors: 1, Missed: 100}, {Authors: 100, Missed: 2}} {
		w.hub.bounds = bounds
		s := w.open(ann, cursor)
		if again := s.Cursor(); again != cursor {
			t.Errorf("before its reset, the cursor of a stream is %s, want %s", again, cursor)
		}
		next := w.publish(bob)
		w.step()
		w.wants(s, Event{Kind: Reset}, posted(next))
	}
	w.wantMetric("agora_feed_stream_resets_total", 2)
}

func TestAStreamOfAnotherLogBeginsWithAReset(t *testing.T) {
	w := newHubWorld(t, wide)
	w.wants(w.open(ann, LiveCursor{Posts: Vector{At(9, 1)}, Graph: At(9, 1)}.Encode()), Event{Kind: Reset})
	if _, err := w.hub.Open(t.Context(), ann, "?"); !fault.Is(err, fault.Invalid) {
		t.Errorf("Open with no cursor = %v, want Invalid", err)
	}
}

func TestAStreamWaitsASecondForItsCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHubWorld(t, wide)
		for _, c := range []LiveCursor{{Posts: Vector{At(1, 1)}, Graph: At(1, 0)}, {Posts: Vector{At(1, 0)}, Graph: At(1, 1)}} {
			start := time.Now()
			_, err := w.hub.Open(t.Context(), ann, c.Encode())
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Unavailable || e.RetryAfter == 0 || time.Since(start) != maxWait {
				t.Errorf("Open = %v after %v, want Unavailable after %v", err, time.Since(start), maxWait)
			}
		}
		w.wantMetric("agora_feed_streams", 0)
	})
}

func TestAStreamThatIsNotReadIsDropped(t *testing.T) {
	w := newHubWorld(t, wide)
	s, other := w.open(ann, ""), w.open(ann, "")
	for range maxWaiting + 1 {
		p := w.publish(ann)
		w.step()
		w.wants(other, posted(p))
	}
	for range 3 { // it stays so, and keeps nothing
		if _, ok, err := s.Take(); ok || fault.CodeOf(err) != "stream_slow" || s.queue != nil {
			t.Errorf("a stream that was not read returns %v, %v, and holds %d events", ok, err, len(s.queue))
		}
		w.publish(ann)
		w.step()
	}
	if n := len(w.hub.users[ann]); n != 1 {
		t.Errorf("the hub has %d streams, want 1", n)
	}
	w.wantMetric("agora_feed_streams_dropped_total", 1)
	w.wantMetric("agora_feed_streams", 1)
}

func TestAHubThatFallsBehindEndsItsStreams(t *testing.T) {
	w := newHubWorld(t, wide)
	s := w.open(ann, "")
	p := Record{Kind: kindPosted, Actor: ann, Post: w.publish(bob)}
	for range maxNotes + 1 {
		w.hub.inbox.fold(folded{p, w.tail.Reach(), true})
	}
	late := w.open(ann, "") // lacks what comes before the hub has noticed
	w.step()
	for _, s := range []*Stream{s, late} {
		if _, _, err := s.Take(); fault.CodeOf(err) != "stream_slow" {
			t.Errorf("a stream that lacks records returns %v", err)
		}
	}
	s = w.open(ann, "")
	next := w.publish(ann)
	w.step()
	w.wants(s, posted(next))
}

func TestFewStreamsCatchUpAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounds := wide
		bounds.Pulls = make(chan struct{}, 1)
		w := newHubWorld(t, bounds)
		cursor := w.open(ann, "").Cursor()
		missed := w.publish(ann)
		w.store()
		bounds.Pulls <- struct{}{}
		if _, err := w.hub.Open(t.Context(), ann, cursor); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Open while another stream catches up = %v, want Unavailable", err)
		}
		<-bounds.Pulls
		for range 2 {
			w.wants(w.open(ann, cursor), posted(missed))
		}
		w.wantMetric("agora_feed_streams", 3)
	})
}

func TestOneReaderServesManyStreams(t *testing.T) {
	w := newHubWorld(t, wide)
	ready := make(chan *Stream, 10)
	streams := []*Stream{w.open(ann, ""), w.open(bob, "")}
	for _, s := range streams {
		s.Notify(func() { ready <- s })
		if first := <-ready; first != s { // for what came before
			t.Fatal("another stream is ready")
		}
	}
	p := w.publish(bob)
	w.step()
	if s := <-ready; s != streams[1] || len(ready) > 0 {
		t.Errorf("a stream of %v is ready, and %d more", s.user, len(ready))
	}
	w.wants(streams[1], posted(p))
	streams[0].Close()
	if s := <-ready; s != streams[0] {
		t.Error("the reader is not told of the end of a stream")
	}
}

func TestStreamsEndWithTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHubWorld(t, wide)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.hub.Run(ctx) }()
		s := w.open(ann, "")
		p := w.publish(ann)
		if e, err := s.Next(t.Context()); err != nil || e.PostID != p.ID {
			t.Errorf("Next = %v, %v; want %v", e, err, p.ID)
		}
		synctest.Wait()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		if _, err := s.Next(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("after the end of the hub, Next = %v", err)
		}
	})
}
