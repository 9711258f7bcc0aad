package feed

import (
	"context"
	"os"
	"slices"
	"testing"

	"agora/fault"
)

// streams are the live streams of a simulation. Readers keep a cursor, are cut at random, and go on at any server.
type streams struct {
	world   *world
	readers *server // of readers, so that no crash ends them
	bounds  StreamBounds
	left    []listener // what readers have at their end
	told    int
	resets  int
}

// listener is a reader of streams.
type listener struct {
	user   UserID
	cursor string
}

func newStreams(w *world) *streams {
	bounds := StreamBounds{Authors: 100, Missed: 1000}
	if w.rng.IntN(4) == 0 {
		bounds = StreamBounds{Authors: 3, Missed: 5}
	}
	return &streams{world: w, readers: &server{number: -1, up: true}, bounds: bounds}
}

// serve gives a server a hub.
func (st *streams) serve(s *server) {
	w, tail := st.world, s.tail
	s.hub = NewHub(s.tail, hubPosts{w.posts, w, s}, hubGraph{w.graph, w}, st.bounds, nil)
	s.hub.await = func(_ context.Context, reach Reach) error {
		if w.mutant == "streams do not wait for their cursor" {
			return nil
		}
		a := w.running
		for n := 0; !tail.Reach().Includes(reach); n++ {
			if n > 300 || !s.up || s.tail != tail {
				return fault.New(fault.Unavailable, "", "the tail did not get there")
			}
			a.pause()
		}
		return nil
	}
	s.folds = nil
	keep := s.tail.observe
	s.tail.observe = func(f folded) {
		s.folds = append(s.folds, f)
		keep(f)
	}
	w.spawn(s, func(a *actor) {
		for {
			a.pause()
			if err := s.hub.Step(context.Background()); err != nil && !fault.Is(err, fault.Unavailable) {
				w.fail("tell: %v", err)
			}
		}
	})
}

// hubPosts is the store of posts as hubs have it.
type hubPosts struct {
	PostStore
	world *world
	on    *server
}

func (h hubPosts) ports() simPosts { return simPosts{&simPorts{actor: h.world.running}} }

func (h hubPosts) Get(ctx context.Context, ids ...PostID) ([]Post, error) {
	posts, err := h.ports().Get(ctx, ids...)
	for i := range posts {
		switch h.world.mutant {
		case "streams tell repeated records":
			posts[i].At = 0
			if posts[i].Deleted != 0 {
				posts[i].Deleted = 1 << 62
			}
		case "replies that were missed do not wait":
			posts[i].ReplyTo = PostID{}
		}
	}
	return posts, err
}

func (h hubPosts) Changes(ctx context.Context, ranges ...ChangeRange) ([][]Change, error) {
	if h.world.mutant == "streams do not read what the tail lacks" {
		dropped := h.on.tail.generations[len(h.on.tail.generations)-1].dropped.Posts
		for i := range ranges {
			ranges[i].To = min(ranges[i].To, dropped[h.world.shape.PostsOf(ranges[i].Author)])
		}
	}
	if h.world.mutant == "streams do not read what the tail has dropped" {
		return make([][]Change, len(ranges)), nil
	}
	return h.ports().Changes(ctx, ranges...)
}

// hubGraph is the store of the graph as hubs have it.
type hubGraph struct {
	GraphStore
	world *world
}

func (h hubGraph) Relations(ctx context.Context, user UserID) (Relations, error) {
	rel, err := simGraph{&simPorts{actor: h.world.running}}.Relations(ctx, user)
	if h.world.mutant == "streams believe a graph that is ahead" {
		rel.Applied = nil
	}
	return rel, err
}

// open lets a reader follow streams. It begins with a page if there is no cursor.
func (st *streams) open(user UserID, cursor string) {
	w := st.world
	w.spawn(st.readers, func(a *actor) {
		l := listener{user, cursor}
		sessions := 1 + w.rng.IntN(5)
		if w.calm {
			sessions = 1
		}
		for range sessions {
			a.pause()
			s := w.servers[w.rng.IntN(len(w.servers))]
			if !s.up {
				continue
			}
			if l.cursor == "" && w.rng.IntN(2) == 0 {
				a.on = s
				page, err := a.page(s, user, Cursor{}, 3)
				a.on = st.readers
				if err == nil {
					l.cursor = page.AsOf.Live(w.shape, user).Encode()
				}
				continue
			}
			st.listen(a, s, &l)
		}
		st.left = append(st.left, l)
	})
}

// listen reads a stream of a server for some time.
func (st *streams) listen(a *actor, s *server, l *listener) {
	w, hub := st.world, s.hub
	stream, err := hub.Open(context.Background(), l.user, l.cursor)
	if err != nil {
		if !fault.Is(err, fault.Unavailable) {
			w.fail("open a stream: %v", err)
		}
		return
	}
	session := &session{streams: st, from: l.cursor, stream: stream, reset: stream.reset, server: s, at: l.cursor}
	alive := func() bool { return s.up && s.hub == hub }
	for steps := 20 + w.rng.IntN(100); steps > 0 && alive(); steps-- {
		e, ok, err := stream.Take()
		if err != nil {
			w.fail("a stream ended: %v", err)
			return
		}
		if ok {
			session.take(e)
			continue
		}
		a.pause()
	}
	if alive() && w.rng.IntN(2) == 0 {
		session.at = stream.Cursor()
	}
	if alive() && session.at != "" {
		session.check(l.user)
	}
	l.cursor = session.at
	stream.Close()
}

// finish lets all readers go on at rest, and checks that nothing is left to tell.
func (st *streams) finish() {
	w := st.world
	for _, l := range st.left[max(0, len(st.left)-15):] {
		st.open(l.user, l.cursor)
	}
	st.left = nil
	for range 2000 {
		for range 100 {
			w.step()
		}
		if !slices.ContainsFunc(w.actors, func(a *actor) bool { return a.on == st.readers }) {
			break
		}
	}
	ends := w.ends()
	for _, s := range w.servers {
		if n := len(s.hub.inbox.notes) + len(s.hub.pending); n > 0 || !s.tail.Reach().Includes(ends) {
			w.fail("server %d has %d notes at rest", s.number, n)
		}
		if len(s.hub.users) > 0 || len(s.hub.sees.first) > 0 || len(s.hub.saw.first) > 0 || s.hub.links != 0 || s.hub.stale != 0 {
			w.fail("server %d has %d users and %d links without a stream", s.number, len(s.hub.users), s.hub.links)
		}
	}
}

func TestStreamsTellAllOnce(t *testing.T) {
	told, resets := 0, 0
	n := seeds(60)
	for seed := firstSeed(); seed < firstSeed()+n; seed++ {
		w := newStreamWorld(t, seed, os.Getenv("FEED_MUTANT"))
		if problem := w.run(); problem != "" {
			for _, line := range w.trace {
				t.Log(line)
			}
			t.Fatalf("FEED_SEED=%d FEED_SEEDS=1: %s", seed, problem)
		}
		told, resets = told+w.streams.told, resets+w.streams.resets
	}
	t.Logf("%d schedules, %d events, %d of them resets", n, told, resets)
}

func newStreamWorld(t testing.TB, seed uint64, mutant string) *world {
	w := newWorld(t, seed, mutant)
	w.streams = newStreams(w)
	return w
}

// streamMutants are rules of streams, each broken, with the schedules that it takes to find them.
var streamMutants = []struct {
	name  string
	seeds uint64
}{
	{"streams tell repeated records", 100},
	{"streams do not wait for their cursor", 50},
	{"streams do not read what the tail has dropped", 20},
	{"streams do not read what the tail lacks", 100},
	{"streams believe a graph that is ahead", 100},
	{"replies that were missed do not wait", 50},
}

func TestTheSimulationFindsEachBrokenRuleOfStreams(t *testing.T) {
	for _, m := range streamMutants {
		t.Run(m.name, func(t *testing.T) {
			for seed := range 2 * m.seeds {
				if problem := newStreamWorld(t, seed, m.name).run(); problem != "" {
					t.Logf("found after %d schedules: %s", seed+1, problem)
					return
				}
			}
			t.Errorf("not found by %d schedules", 2*m.seeds)
		})
	}
}
