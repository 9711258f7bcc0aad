package feed

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"agora/fault"
	"agora/pattern/eventlog"
)

// actor is a coroutine.
type actor struct {
	world *world
	on    *server
	yield func(struct{}) bool
	next  func() (struct{}, bool)
	stop  func()
	hangs int // until which step
	leads bool
}

// killed is the panic that ends an actor in the middle of what it does.
type killed struct{}

// pause lets other actors go on.
func (a *actor) pause() {
	if !a.yield(struct{}{}) {
		panic(killed{})
	}
}

// world is all servers, the log and the stores.
type world struct {
	t      testing.TB
	rng    *rand.Rand
	mutant string
	shape  Shape
	trim   Trim

	epoch     Epoch
	starts    []LogStart
	log       *eventlog.Memory
	posts     *MemoryPosts
	graph     *MemoryGraph
	timelines *MemoryTimelines
	backup    *MemoryTimelines // an earlier state of timelines
	drops     bool             // the store of timelines drops operands where there is no base
	strategy  Strategy         // of servers that start from now on
	changed   bool             // the strategy was another one before

	servers   []*server
	leads     []int // the server that leads each partition
	actors    []*actor
	users     []UserID
	written   []*Post
	clock     uint64
	failure   float64
	tailBytes int // bound of posts in tails
	streams   *streams
	running   *actor
	eager     float64 // how often a step is one of a leader: there are many other actors
	calm      bool    // no more writes, failures and crashes
	pages     int
	based     int // pages that were read with a timeline
	history   oracle
	problem   string
	trace     []string
	stepping  int
}

// server is one process.
type server struct {
	number   int
	tail     *Tail
	up       bool
	strategy Strategy
	lists    map[UserID]*celebrity // of a mutant
	joint    bool                  // one run writes all partitions that it leads
	asked    map[UserID]int        // until which step no timeline is asked for again
	hub      *Hub                  // of the tail; nil in worlds without streams
	folds    []folded              // by the tail since the hub is there
}

const simPartitions = 2

var simThreshold = Threshold{Up: 3, Down: 2}

func newWorld(t testing.TB, seed uint64, mutant string) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), mutant: mutant,
		shape: Shape{Posts: simPartitions, Graph: simPartitions}, trim: Trim{Above: 5, Keep: 3}, epoch: 1,
		leads: make([]int, simPartitions),
	}
	w.log = newSimLog(t)
	w.starts = []LogStart{{Epoch: w.epoch, Ends: w.ends()}}
	w.posts, w.graph, w.timelines = NewMemoryPosts(), NewMemoryGraph(w.shape), NewMemoryTimelines(w.trim)
	w.history = oracle{shape: w.shape, posts: make([][]Record, simPartitions), graph: make([][]Record, simPartitions)}
	for i := 0; len(w.users) < 5; i++ {
		w.users = append(w.users, UserID{15: byte(i + 1)})
	}
	for n := range 2 {
		w.servers = append(w.servers, &server{number: n, joint: w.rng.IntN(2) == 0})
	}
	w.drops, w.failure = w.rng.IntN(2) == 0, []float64{0.01, 0.01, 0.06}[w.rng.IntN(3)]
	w.eager = []float64{0, 0.5, 0.9}[w.rng.IntN(3)]
	w.tailBytes = []int{0, 5 * postBytes}[w.rng.IntN(2)]
	w.strategy = w.anyStrategy()
	return w
}

func newSimLog(t testing.TB) *eventlog.Memory {
	log := eventlog.NewMemory()
	for _, topic := range []string{PostsTopic, GraphTopic} {
		if err := log.Create(t.Context(), topic, simPartitions); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func (w *world) chance(p float64) bool { return !w.calm && w.rng.Float64() < p }

// anyStrategy returns Hybrid where a mutant is looked for: the others have fewer rules.
func (w *world) anyStrategy() Strategy {
	if w.mutant != "" {
		return Hybrid
	}
	return []Strategy{Hybrid, Hybrid, Push, Pull}[w.rng.IntN(4)]
}

func (w *world) user() UserID { return w.users[w.rng.IntN(len(w.users))] }

// spawn starts an actor. It ends with its server.
func (w *world) spawn(on *server, work func(a *actor)) {
	a := &actor{world: w, on: on}
	a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			if r := recover(); r != nil && r != (killed{}) {
				w.fail("panic: %v\n%s", r, debug.Stack())
			}
		}()
		work(a)
	})
	w.actors = append(w.actors, a)
}

// step lets one actor make one step.
func (w *world) step() {
	w.stepping++
	i := w.rng.IntN(len(w.actors))
	if w.rng.Float64() < w.eager {
		for range 10 {
			if w.actors[i].leads {
				break
			}
			i = w.rng.IntN(len(w.actors))
		}
	}
	if a := w.actors[i]; a.hangs > w.stepping {
		return
	} else if w.chance(0.005) {
		a.hangs = w.stepping + w.rng.IntN(400)
	}
	on := w.actors[i].on
	w.running = w.actors[i]
	if _, alive := w.actors[i].next(); !alive {
		w.actors = slices.Delete(w.actors, i, i+1)
	}
	if w.mutant == "posts that leave the tail are not added to lists" && on.tail != nil {
		for author, list := range on.tail.celebrities.lists {
			if first := on.lists[author]; first != nil && first != list {
				on.tail.celebrities.set(author, first)
			}
		}
		on.lists = maps.Clone(on.tail.celebrities.lists)
	}
}

func (w *world) kill(s *server) {
	for _, a := range w.actors {
		if a.on == s {
			a.stop()
		}
	}
	w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a.on == s })
	s.up = false
}

// fail records the first problem.
func (w *world) fail(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf("step %d: ", w.stepping) + fmt.Sprintf(format, args...)
	}
}

func (w *world) note(format string, args ...any) {
	if os.Getenv("FEED_TRACE") != "" {
		w.trace = append(w.trace, fmt.Sprintf("%5d  ", w.stepping)+fmt.Sprintf(format, args...))
	}
}

// start boots a server and its loops.
func (w *world) start(s *server) {
	s.strategy = w.strategy
	w.spawn(s, func(a *actor) {
		b := a.builder()
		for {
			tail, err := b.OpenTail(context.Background())
			if err == nil {
				s.tail = tail
				break
			}
			if !fault.Is(err, fault.Unavailable) {
				w.fail("open: %v", err)
				return
			}
		}
		if w.streams != nil {
			w.streams.serve(s)
		}
		s.up, s.asked = true, map[UserID]int{}
		w.note("server %d is up: %v", s.number, s.tail.Reach())
		if s.joint {
			w.spawn(s, func(a *actor) { a.lead(0, 1) })
		} else {
			w.spawn(s, func(a *actor) { a.lead(0) })
			w.spawn(s, func(a *actor) { a.lead(1) })
		}
		w.spawn(s, (*actor).watch)
		for {
			a.follow()
		}
	})
}

// ends returns the ends of the log.
func (w *world) ends() Reach {
	var r Reach
	for topic, v := range map[string]*Vector{PostsTopic: &r.Posts, GraphTopic: &r.Graph} {
		ends, err := w.log.Ends(context.Background(), topic)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range ends {
			*v = append(*v, At(w.epoch, e.Next))
		}
	}
	return r
}

// disturb lets something go wrong.
func (w *world) disturb() {
	switch n := w.rng.IntN(100); {
	case n < 30:
		p := w.rng.IntN(len(w.leads))
		w.leads[p] = w.rng.IntN(len(w.servers))
		w.note("server %d is to lead %d", w.leads[p], p)
	case n < 36:
		s := w.servers[w.rng.IntN(len(w.servers))]
		w.note("server %d crashes", s.number)
		w.kill(s)
		w.start(s)
	case n < 55:
		w.note("a timeline is evicted")
		delete(w.timelines.timelines, timelineKey{w.timelines.head.Epoch, w.user()})
	case n < 60:
		w.note("the timelines are flushed")
		w.timelines.head = Head{}
		clear(w.timelines.timelines)
	case n < 63:
		w.note("the head is evicted")
		w.timelines.head = Head{}
	case n < 70:
		w.note("the timelines are backed up")
		w.backup = &MemoryTimelines{trim: w.trim, head: w.timelines.head, merges: maps.Clone(w.timelines.merges), timelines: maps.Clone(w.timelines.timelines)}
	case n < 82 && w.backup != nil:
		w.note("the timelines return to an earlier state")
		w.timelines.head, w.timelines.merges, w.timelines.timelines = w.backup.head, maps.Clone(w.backup.merges), maps.Clone(w.backup.timelines)
	case n < 84:
		w.restore()
	case n < 88: // the servers restart one after the other
		if to := w.anyStrategy(); to != w.strategy {
			w.note("the strategy is %s", to)
			w.strategy, w.changed = to, true
		}
	case n < 91:
		w.restartOld()
	}
}

// restartOld restarts the servers that have an old strategy.
func (w *world) restartOld() {
	for _, s := range w.servers {
		if s.strategy != w.strategy {
			w.note("server %d restarts", s.number)
			w.kill(s)
			w.start(s)
		}
	}
}

// restore replaces the log by an older copy, or by an empty log, while all servers are down.
func (w *world) restore() {
	for _, s := range w.servers {
		w.kill(s)
	}
	ends := w.ends()
	log := newSimLog(w.t)
	for i, v := range []Vector{ends.Posts, ends.Graph} {
		topic := []string{PostsTopic, GraphTopic}[i]
		for p, end := range v {
			kept := end.Offset() - min(end.Offset(), int64(w.rng.IntN(6)))
			if w.rng.IntN(4) == 0 {
				kept = 0
			}
			messages, err := w.log.Read(context.Background(), topic, p, 0, int(kept))
			if err != nil {
				w.t.Fatal(err)
			}
			for _, m := range messages {
				if _, err := log.Append(context.Background(), topic, m.Record); err != nil {
					w.t.Fatal(err)
				}
			}
			w.history.restore(w, topic, p, kept)
		}
	}
	w.log = log
	if w.mutant != "a restored log has the same epoch" {
		w.epoch++
	}
	w.starts = append(w.starts, LogStart{Epoch: w.epoch, Ends: w.ends()})
	w.note("the log returns to an earlier state, in epoch %d", w.epoch)
	for _, s := range w.servers {
		w.start(s)
	}
}
