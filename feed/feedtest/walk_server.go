package feedtest

import (
	"context"
	"errors"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
	"agora/pattern/eventlog"
)

// walkServer is a server of a feed. What it does by itself elsewhere, a world makes it do step by step.
type walkServer struct {
	number  int
	tail    *feed.Tail
	builder *feed.Builder
	service *feed.Service
	reader  *feed.Reader
	leads   map[int]*feed.Lead
}

// start starts all servers.
func (w *walkWorld) start(r *rapid.T) {
	starts, err := feed.Epochs{Shape: WalkShape, Log: w.log, Graph: w.stores.Graph}.Open(r.Context(), false)
	mustDraw(r, err)
	epoch := starts[len(starts)-1].Epoch
	small := feed.Bounds{Relations: 1 << 20, Celebrities: 1 << 20}
	if rapid.Bool().Draw(r, "small tail") {
		small.Posts = 2000
	}
	for n := range w.servers {
		s := &walkServer{number: n, leads: map[int]*feed.Lead{}}
		s.builder = &feed.Builder{
			Shape: WalkShape, Epoch: epoch, Starts: starts, Log: w.log,
			Posts: interruptedPosts{w.stores.Posts, &w.interruption}, Graph: interruptedGraph{w.stores.Graph, &w.interruption},
			Timelines: interruptedTimelines{w.stores.Timelines, &w.interruption},
			Strategy:  w.strategy, Threshold: feed.Threshold{Up: 3, Down: 2}, Trim: w.trim,
			Records: rapid.SampledFrom([]int{5, 50, 5000}).Draw(r, "records"), Operands: 2, CacheBytes: 1 << 20, Bounds: small,
		}
		s.tail, err = s.builder.OpenTail(r.Context())
		mustDraw(r, err)
		s.service = &feed.Service{
			Shape: WalkShape, Epoch: epoch, Log: followedLog{w.log, s}, Posts: w.stores.Posts, Graph: w.stores.Graph, Tail: s.tail, Users: anybody{},
		}
		s.reader = &feed.Reader{
			Shape: WalkShape, Tail: s.tail, Posts: w.stores.Posts, Graph: w.stores.Graph, Timelines: w.stores.Timelines, Strategy: w.strategy,
		}
		w.servers[n] = s
	}
}

// anybody has an account.
type anybody struct{}

func (anybody) Exists(context.Context, feed.UserID) (bool, error) { return true, nil }

// followedLog is a log whose server has read what it has appended, so that no request waits.
type followedLog struct {
	eventlog.Log
	server *walkServer
}

func (l followedLog) Append(ctx context.Context, topic string, records ...eventlog.Record) ([]eventlog.Position, error) {
	at, err := l.Log.Append(ctx, topic, records...)
	return at, errors.Join(err, l.server.catchUp(ctx))
}

// catchUp reads the log to its end.
func (s *walkServer) catchUp(ctx context.Context) error {
	for {
		before := s.tail.Reach()
		for topic, partitions := range map[string]int{feed.PostsTopic: WalkShape.Posts, feed.GraphTopic: WalkShape.Graph} {
			for p := range partitions {
				if err := s.builder.Follow(ctx, s.tail, topic, p, false); err != nil {
					return err
				}
			}
		}
		if before.Includes(s.tail.Reach()) {
			return nil
		}
	}
}

// read reads a page.
func (s *walkServer) read(r *rapid.T, user feed.UserID, from feed.Cursor) (feed.Page, error) {
	if err := s.catchUp(r.Context()); err != nil {
		return feed.Page{}, err
	}
	return s.reader.Read(r.Context(), user, from, walkPage)
}

// restart ends all servers and starts them again.
func (w *walkWorld) restart(r *rapid.T) {
	if events := w.stores.Restarts; len(events) > 0 {
		drawEvent(r, events)(r)
	}
	w.interruption = interruption{}
	w.start(r)
}

func (w *walkWorld) elect(r *rapid.T) {
	p := rapid.IntRange(0, len(w.leads)-1).Draw(r, "partition")
	w.leads[p] = rapid.IntRange(0, len(w.servers)-1).Draw(r, "leader")
}

// drop drops the timeline of a user, as one who has not read for long.
func (w *walkWorld) drop(r *rapid.T) {
	head, ok, err := w.stores.Timelines.Head(r.Context())
	mustDraw(r, err)
	if ok {
		mustDraw(r, w.stores.Timelines.Drop(r.Context(), head.Epoch, w.drawUser(r, "user")))
	}
}

func (w *walkWorld) work(r *rapid.T) { w.runOn(r, w.drawServer(r)) }

// interruptRun lets something happen before a write of a run.
func (w *walkWorld) interruptRun(r *rapid.T) {
	s := w.drawServer(r)
	happen := map[string]func(*rapid.T){"crash": func(*rapid.T) { w.crashed = true }, "no answer": nil}
	for name, lose := range w.stores.Losses {
		happen[name] = lose
	}
	w.left, w.happen = rapid.IntRange(1, 8).Draw(r, "writes"), nil
	if event := drawEvent(r, happen); event != nil {
		w.happen = func() { event(r) }
	}
	w.runOn(r, s)
	w.left = 0
	if w.crashed {
		w.restart(r)
	}
}

// runOn makes a run of the partitions that a server leads, and claims those that it does not lead yet. After a run that has failed it
// claims all of them again. runOn reports whether another run may have something to do.
func (w *walkWorld) runOn(r *rapid.T, s *walkServer) bool {
	r.Helper()
	mustDraw(r, s.catchUp(r.Context()))
	var mine []*feed.Lead
	for p, elected := range w.leads {
		if elected != s.number {
			delete(s.leads, p)
			continue
		}
		if s.leads[p] == nil {
			lead, err := s.builder.Claim(r.Context(), p)
			if w.failed(r, s, err) {
				return true
			}
			s.leads[p] = lead
		}
		mine = append(mine, s.leads[p])
	}
	if len(mine) == 0 {
		return false
	}
	stats, err := s.builder.Run(r.Context(), mine...)
	if w.failed(r, s, err) {
		return true
	}
	if stats.Partitions > 0 {
		w.seen.Runs++
	}
	for _, s := range w.servers {
		head, ok, err := w.stores.Timelines.Head(r.Context())
		mustDraw(r, err)
		if ok {
			mustDraw(r, s.catchUp(r.Context()))
			s.tail.Drop(head)
			if err := s.builder.Shrink(r.Context(), s.tail); !fault.Passing(err) {
				mustDraw(r, err)
			}
		}
	}
	return stats.Partitions > 0
}

func (w *walkWorld) failed(r *rapid.T, s *walkServer, err error) bool {
	r.Helper()
	if err == nil {
		return false
	}
	if !fault.Is(err, fault.Stale) && !fault.Passing(err) {
		r.Fatalf("a run fails with %v", err)
	}
	clear(s.leads)
	w.seen.Failed++
	return true
}
