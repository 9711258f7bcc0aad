package feed

import (
	"context"
	"slices"
	"sync"

	"agora/fault"
)

// EventKind says what an event tells.
type EventKind string

// The kinds of events.
const (
	Posted  EventKind = "post"   // a post of somebody whom the user sees
	Deleted EventKind = "delete" // a post that may have been shown is deleted
	// Reset says that the events since the cursor of the stream cannot be told. The reader reads the feed again; events after it
	// tell what happens from its ID on.
	Reset EventKind = "reset"
)

// Event is one of a live stream.
type Event struct {
	ID     string // the LiveCursor after it, encoded
	Kind   EventKind
	Post   *Post  // of Posted; shared by all streams, so nobody changes it
	PostID PostID // of Posted and Deleted
}

// maxWaiting is how many events wait for the reader of a stream.
const maxWaiting = 256

// ErrStreamSlow returns the error of a stream whose reader did not take its events. The reader continues with a new stream.
func ErrStreamSlow() error {
	return fault.New(fault.Exhausted, "stream_slow", "the reader of the stream did not take its events")
}

// ErrStreamClosed returns the error of a stream that the hub, or its own reader, has closed. It may be continued.
func ErrStreamClosed() error { return fault.New(fault.Unavailable, "", "the stream is closed") }

// told is an event that several streams share.
type told struct {
	kind  EventKind
	id    PostID
	post  *Post
	reach Reach // of the tail after its record
}

// missed is an event of the time before a stream began.
type missed struct {
	Change
	partition int
	post      *Post // nil for a deletion
}

// Stream is the live feed of a user. One goroutine at a time may call Next or Take.
type Stream struct {
	hub       *Hub
	user      UserID
	partition int           // of the user
	number    uint32        // in watchers
	from      string        // the cursor that the reader gave
	joined    Reach         // where live events begin
	wake      chan struct{} // has a value when there is something to take

	// Only the hub uses these, with its lock.
	begun   bool
	ended   bool
	authors []watched          // at first; nil when the stream has begun
	others  map[UserID]edgeSet // without those whom the user only follows
	links   int                // in watchers

	mu    sync.Mutex
	reset bool     // is told first
	past  []missed // is told next
	queue []*told
	at    LiveCursor // after what was told
	err   error      // why the stream has ended
	ready func()     // of Notify
}

// start sets what the stream tells before its live events.
func (s *Stream) start(past []missed, reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past, s.reset = past, reset
	s.at = LiveCursor{Posts: slices.Clone(s.joined.Posts), Graph: s.joined.Graph[s.partition]}
	for p := range s.at.Posts {
		s.at.Posts[p] = s.before(p)
	}
	if reset {
		s.hub.monitor.reset()
	}
}

// Notify has ready called when there is something to take. ready must neither wait nor call the stream. So one goroutine
// can serve many streams with Take, where each of them would need a goroutine of its own to wait in Next.
func (s *Stream) Notify(ready func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
	s.signal()
}

// Next returns the next event, and waits for it. After an error the stream has ended, unless ctx has.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok, err := s.Take(); ok || err != nil {
			return e, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Take returns the next event if there is one. After an error the stream has ended.
func (s *Stream) Take() (e Event, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return Event{}, false, s.err
	case s.reset:
		s.reset = false
		return Event{ID: s.at.Encode(), Kind: Reset}, true, nil
	case len(s.past) > 0:
		return s.takePast(), true, nil
	case len(s.queue) > 0:
		t := s.queue[0]
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.queue = nil // a stream that waits holds no memory
		}
		s.at = LiveCursor{Posts: t.reach.Posts, Graph: t.reach.Graph[s.partition]}
		return Event{ID: s.at.Encode(), Kind: t.kind, Post: t.post, PostID: t.id}, true, nil
	}
	return Event{}, false, nil
}

// takePast takes the next event of the past. The caller holds s.mu.
func (s *Stream) takePast() Event {
	m := s.past[0]
	if s.past = s.past[1:]; len(s.past) == 0 {
		s.past = nil
	}
	s.at.Posts = s.at.Posts.with(m.partition, s.before(m.partition))
	e := Event{ID: s.at.Encode(), Kind: Posted, Post: m.post, PostID: m.Post}
	if m.Deleted {
		e.Kind = Deleted
	}
	return e
}

// before returns the position in a partition of posts before which the stream has told all. So the cursor of a reply also covers
// a parent that the user does not see.
func (s *Stream) before(partition int) Position {
	if next := slices.IndexFunc(s.past, func(m missed) bool { return m.partition == partition }); next >= 0 {
		return s.past[next].At
	}
	return s.joined.Posts[partition]
}

// Cursor returns where a new stream goes on after the events that Next has returned, encoded. A reader that is given it
// at first, and at times, continues even if there was no event.
func (s *Stream) Cursor() string {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.reset:
		return s.from
	case s.err == nil && len(s.past) == 0 && len(s.queue) == 0:
		reach := s.joined
		if s.begun && s.hub.reach.Includes(reach) {
			reach = s.hub.reach
		}
		s.at = LiveCursor{Posts: reach.Posts, Graph: reach.Graph[s.partition]}
	}
	return s.at.Encode()
}

// Close ends the stream.
func (s *Stream) Close() { s.hub.end(s, ErrStreamClosed()) }

// push adds an event for the reader, and returns false if too many wait.
func (s *Stream) push(t *told) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return true
	}
	if len(s.queue) >= maxWaiting {
		return false
	}
	s.queue = append(s.queue, t)
	s.signal()
	return true
}

// stop ends the stream, and returns false if it has ended before.
func (s *Stream) stop(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false
	}
	s.err, s.past, s.queue = err, nil, nil
	s.signal()
	return true
}

// signal wakes the reader. The caller holds s.mu.
func (s *Stream) signal() {
	if s.ready != nil {
		s.ready()
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
