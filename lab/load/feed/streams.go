package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"agora/backoff"
	"agora/feed"
	"agora/lab/load"
	verifyfeed "agora/lab/verify/feed"
)

const (
	streamPath    = "/v1/feed/stream"
	openWithin    = 30 * time.Second      // all streams
	settleWithin  = 5 * time.Second       // the last events
	betweenSettle = 10 * time.Millisecond // looks
	reconnectMost = 2 * time.Second       // pause before a lost stream is opened again
	reconnectAt   = 20 * time.Millisecond // the first of these pauses
)

// streams are the live streams of a trial. Each is cut at times, and goes on after its last event.
type streams struct {
	run    load.Run
	people *people
	cut    time.Duration
	all    []*stream
	of     [][]*stream // by author: streams of followers
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

func newStreams(run load.Run, people *people, s Scenario) *streams {
	all := &streams{run: run, people: people, cut: s.Cut, all: make([]*stream, s.Streams), of: make([][]*stream, len(people.ids))}
	n := len(people.ids)
	of := make([][]*stream, n)
	for i := range all.all {
		user := i * max(1, n/max(1, s.Streams)) % n
		all.all[i] = &stream{streams: all, user: user, client: run.Connections + watchersAtOnce + 1 + i}
		of[user] = append(of[user], all.all[i])
	}
	for author, followers := range people.followers {
		for _, follower := range followers {
			all.of[author] = append(all.of[author], of[follower]...)
		}
	}
	return all
}

// open opens all streams and returns when each has begun.
func (s *streams) open(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	for _, one := range s.all {
		one.reset()
		s.ended.Go(func() { one.listen(running) })
	}
	opening, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	for _, one := range s.all {
		select {
		case <-one.begun:
		case <-opening.Done():
			stop()
			s.ended.Wait()
			return fmt.Errorf("open the stream of user %s: %w", s.people.ids[one.user], context.Cause(opening))
		}
	}
	return nil
}

// close waits for the events that have to come, and ends the streams. An event that does not come is a gap.
func (s *streams) close(ctx context.Context) {
	settling, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for _, one := range s.all {
		for one.lacks() > 0 && settling.Err() == nil {
			backoff.Sleep(settling, betweenSettle)
		}
	}
	s.stop()
	s.ended.Wait()
	for _, one := range s.all {
		if n := one.lacks(); n > 0 {
			s.run.Measures.Count(streamGaps, int64(n))
		}
	}
}

// posted tells the streams of followers which post has to come.
func (s *streams) posted(p published, sent, acknowledged time.Time) {
	for _, one := range s.of[p.author] {
		one.expect(p.id, sent, acknowledged)
	}
}

// deleting tells the streams of followers that a post is about to be deleted, so that they need not tell it.
func (s *streams) deleting(p published) {
	for _, one := range s.of[p.author] {
		one.forget(p.id)
	}
}

// stream is the stream of one user over its connections.
type stream struct {
	*streams
	user, client int
	begun        chan struct{} // closed when the first connection has a position

	mu        sync.Mutex
	last      string               // the ID of the last event
	connected time.Time            // since when; zero while the stream is cut
	began     time.Time            // the first connection; zero before
	expected  map[string]expected  // posts that have to come, by id
	told      map[string]time.Time // posts that came lately, by id
	before    map[string]time.Time // those that came before them
	events    []verifyfeed.Event   // of this connection, for the history
}

// expected is a post that has to come.
type expected struct{ sent, acknowledged time.Time }

// toldLately is how many posts a stream remembers at least, to notice repetitions.
const toldLately = 1000

// reset forgets the trial before.
func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.last, s.connected, s.began = make(chan struct{}), "", time.Time{}, time.Time{}
	s.expected, s.told, s.before = map[string]expected{}, map[string]time.Time{}, nil
}

// listen connects until ctx ends.
func (s *stream) listen(ctx context.Context) {
	pause := reconnectAt
	for ctx.Err() == nil {
		if s.connect(ctx) {
			pause = reconnectAt
			continue
		}
		backoff.Sleep(ctx, pause)
		pause = min(2*pause, reconnectMost)
	}
}

// connect listens over one connection until it is cut, and reports whether the load has cut it.
func (s *stream) connect(ctx context.Context) (cut bool) {
	connected := ctx
	if s.cut > 0 {
		var cancel context.CancelFunc
		connected, cancel = context.WithTimeout(ctx, time.Duration((0.5+rand.Float64())*float64(s.cut)))
		defer cancel()
	}
	done := record(s.run.Recorder, s.client, verifyfeed.Listen, verifyfeed.Input{User: s.people.ids[s.user], From: s.last})
	answer, _ := s.run.Listen(connected, streamPath, s.people.tokens[s.user], s.last, s.event)
	switch {
	case answer.Status == 200:
		done(verifyfeed.Output{Outcome: verifyfeed.OK, Events: s.disconnect()})
	case answer.Status != 0:
		done(verifyfeed.Output{Outcome: verifyfeed.Refused})
	}
	switch {
	case ctx.Err() != nil:
		return true
	case connected.Err() != nil:
		s.run.Measures.Count(streamCuts, 1)
		return true
	default:
		s.run.Measures.Count(streamLosses, 1)
		return false
	}
}

// disconnect returns the events of the connection that has ended.
func (s *stream) disconnect() []verifyfeed.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events, s.connected = nil, time.Time{}
	return events
}

// event takes an event.
func (s *stream) event(e load.Event) {
	now := time.Now()
	var of struct {
		ID string `json:"id"`
	}
	if len(e.Data) > 0 {
		_ = json.Unmarshal(e.Data, &of) // an event without an id fits no post, and so leaves a gap
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected.IsZero() {
		s.connected = now
	}
	if s.began.IsZero() {
		s.began = now
		close(s.begun)
	}
	if e.ID != "" {
		s.last = e.ID
	}
	s.note(e, of.ID)
	switch feed.EventKind(e.Name) {
	case feed.Posted:
		s.run.Measures.Count(streamEvents, 1)
		s.tell(of.ID, now)
	case feed.Deleted:
		s.run.Measures.Count(streamEvents, 1)
	case feed.Reset:
		s.run.Measures.Count(streamResets, 1)
		clear(s.expected)
	}
}

// note keeps an event for the history. The caller holds s.mu.
func (s *stream) note(e load.Event, post string) {
	if s.run.Recorder != nil {
		s.events = append(s.events, verifyfeed.Event{At: s.run.Recorder.Now(), ID: s.last, Kind: feed.EventKind(e.Name), Post: post})
	}
}

// tell takes the event of a post. The caller holds s.mu.
func (s *stream) tell(post string, now time.Time) {
	if _, again := s.toldAt(post); again {
		s.run.Measures.Count(streamRepeats, 1)
		return
	}
	if len(s.told) >= toldLately {
		s.before, s.told = s.told, map[string]time.Time{}
	}
	s.told[post] = now
	if e, ok := s.expected[post]; ok {
		delete(s.expected, post)
		s.measure(e, now)
	}
}

func (s *stream) toldAt(post string) (time.Time, bool) {
	at, ok := s.told[post]
	if !ok {
		at, ok = s.before[post]
	}
	return at, ok
}

// measure notes how long a post took, if the stream was connected all the time. The caller holds s.mu.
func (s *stream) measure(e expected, told time.Time) {
	if !s.connected.IsZero() && !s.connected.After(e.sent) {
		s.run.Measures.Note(Told, e.acknowledged, max(0, told.Sub(e.acknowledged)))
	}
}

// expect notes that a post has to come, if the stream had begun when the post was sent. It may have come before its answer.
func (s *stream) expect(post string, sent, acknowledged time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() || s.began.After(sent) {
		return
	}
	e := expected{sent, acknowledged}
	if at, ok := s.toldAt(post); ok {
		s.measure(e, at)
		return
	}
	s.expected[post] = e
}

func (s *stream) forget(post string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expected, post)
}

// lacks returns how many events have to come.
func (s *stream) lacks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.expected)
}
