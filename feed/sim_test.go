package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

// The simulation runs the tail, the builder and the reader of this package on in-memory stores. Each actor is a
// coroutine that stops at each call of a store or of the log; which one goes on is drawn from a seed. So one goroutine
// shows any interleaving of servers, of crashes, and of leaders that hang and write late, and shows it again.

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

// call makes a call of a store: it may fail before anything was done, or afterwards.
func call[T any](a *actor, do func() (T, error)) (T, error) {
	a.pause()
	var none T
	failure := a.world.failure
	if a.world.chance(failure) {
		return none, fault.New(fault.Unavailable, "", "the store did not answer")
	}
	v, err := do()
	if err == nil && a.world.chance(failure) {
		return none, fault.New(fault.Unavailable, "", "the answer was lost")
	}
	return v, err
}

func callErr(a *actor, do func() error) error {
	_, err := call(a, func() (struct{}, error) { return struct{}{}, do() })
	return err
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
	tailBytes int     // bound of posts in tails
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

// go_ starts an actor. It ends with its server.
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

// follow reads some records into the server's tail.
func (a *actor) follow() {
	w, s := a.world, a.on
	a.pause()
	topic, p := PostsTopic, w.rng.IntN(w.shape.Posts)
	at := s.tail.Reach().Posts[p]
	if w.rng.IntN(2) == 0 {
		topic, p = GraphTopic, w.rng.IntN(w.shape.Graph)
		at = s.tail.Reach().Graph[p]
	}
	messages, err := w.log.Read(context.Background(), topic, p, at.Offset(), 1+w.rng.IntN(3))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		r, err := Decode(w.epoch, m)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.mutant == "replies do not wait" && r.Post != nil {
			r.Post.Parent = Parent{}
		}
		if !s.tail.Fold(topic, r, false) {
			return
		}
		if w.rng.IntN(3) == 0 {
			a.pause()
		}
	}
}

// watch reads the head back from the store, so that the tail may drop what it covers.
func (a *actor) watch() {
	w := a.world
	b := a.builder()
	for {
		for range w.rng.IntN(20) {
			a.pause()
		}
		head, ok, err := call3(context.Background(), a, w.timelines.Head)
		if err == nil && ok && w.rng.IntN(3) == 0 {
			a.pause()
		}
		if err == nil && ok {
			a.on.tail.Drop(head)
		}
		if w.rng.IntN(3) == 0 {
			if err := b.Shrink(context.Background(), a.on.tail); err == nil && w.mutant == "posts that the tail lacks are not pulled" {
				for _, own := range a.on.tail.posts {
					own.lacking = 0
				}
			}
		}
	}
}

func call3(ctx context.Context, a *actor, do func(context.Context) (Head, bool, error)) (Head, bool, error) {
	var ok bool
	head, err := call(a, func() (head Head, err error) {
		head, ok, err = do(ctx)
		return head, err
	})
	return head, ok, err
}

// lead builds the timelines of partitions while its server leads them. A server that loses a lead finds out only
// between two runs.
func (a *actor) lead(partitions ...int) {
	a.leads = true
	b := a.builder()
	leads := map[int]*Lead{}
	for {
		a.pause()
		mine := a.campaign(b, leads, partitions)
		if len(mine) == 0 {
			continue
		}
		if a.world.chance(0.02) {
			_ = b.Timelines.Drop(context.Background(), mine[0].fence.Epoch, a.world.user())
		}
		for range a.world.rng.IntN(4) {
			a.pause()
		}
		a.run(b, leads, mine)
	}
}

// campaign returns the leads that the server has, and claims those that it has been given.
func (a *actor) campaign(b *Builder, leads map[int]*Lead, partitions []int) (mine []*Lead) {
	w := a.world
	for _, p := range partitions {
		if w.leads[p] != a.on.number {
			delete(leads, p)
			continue
		}
		if leads[p] == nil {
			l, err := b.Claim(context.Background(), p)
			if err != nil {
				continue
			}
			leads[p] = l
			w.note("server %d claims %d: %v", a.on.number, p, l.fence)
		}
		mine = append(mine, leads[p])
	}
	return mine
}

func (a *actor) run(b *Builder, leads map[int]*Lead, mine []*Lead) {
	w := a.world
	stats, err := b.Run(context.Background(), mine...)
	if err == nil {
		if stats.Partitions > 0 {
			w.note("server %d advances: %v", a.on.number, stats)
		}
		return
	}
	w.note("server %d ends to lead: %v", a.on.number, err)
	if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Stale) {
		w.fail("run: %v", err)
	}
	clear(leads)
}

func (a *actor) builder() *Builder {
	w := a.world
	ports := &simPorts{actor: a, building: true}
	starts := w.starts
	if w.mutant == "only the last epoch of the log is known" {
		starts = starts[len(starts)-1:]
	}
	return &Builder{
		Shape: w.shape, Epoch: w.epoch, Starts: starts, Log: simLog{w.log, a, ports},
		Posts: simPosts{ports}, Graph: simGraph{ports}, Timelines: simTimelines{ports},
		Strategy: a.on.strategy, Threshold: simThreshold, Trim: w.trim, Records: 1 + w.rng.IntN(6), Operands: 1, CacheBytes: 2000, Bounds: Bounds{Relations: 1200, Posts: w.tailBytes, Celebrities: 1000},
		Draw: w.rng.Uint64, Now: func() time.Time { return time.Unix(0, 0) },
	}
}

// walk reads the feed of a user to its end, each page from any server.
func (a *actor) walk() {
	w := a.world
	user, limit := w.user(), 1+w.rng.IntN(3)
	var at Cursor
	for range 1000 {
		s := a.on
		if w.chance(0.3) {
			s = w.servers[w.rng.IntN(len(w.servers))]
		}
		if !s.up {
			s = a.on
		}
		page, err := a.page(s, user, at, limit)
		if fault.Is(err, fault.Unavailable) {
			return
		}
		if err != nil {
			w.fail("read: %v", err)
			return
		}
		w.check(user, at, limit, page)
		if page.Baseless && s.asked[user] < w.stepping {
			s.asked[user] = w.stepping + 300
			_, _ = a.append(GraphTopic, returnRecord(user, time.Unix(0, 0)))
		}
		if page.Next.Posts == nil {
			return
		}
		at = page.Next
	}
	w.fail("the walk of %v does not end", user)
}

func (a *actor) page(s *server, user UserID, at Cursor, limit int) (Page, error) {
	w := a.world
	tail := s.tail
	ports := &simPorts{actor: a, tail: tail}
	reader := &Reader{
		Shape: w.shape, Tail: tail, Posts: simPosts{ports}, Graph: simGraph{ports}, Timelines: simTimelines{ports}, Strategy: s.strategy,
		wait: func(_ context.Context, reach Reach) error {
			for n := 0; !tail.Reach().Includes(reach); n++ {
				if n > 5000 || !s.up || s.tail != tail {
					return fault.New(fault.Unavailable, "", "the tail did not get there")
				}
				a.pause()
			}
			return nil
		},
	}
	if w.mutant == "the graph is read before the tail is pinned" {
		rel, err := w.graph.Relations(context.Background(), user)
		if err != nil {
			w.t.Fatal(err)
		}
		for range 5 {
			a.pause()
		}
		ports.earlyGraph = &rel
	}
	if w.mutant == "the timeline is read before the tail is pinned, and believed" {
		partition := w.shape.GraphOf(user)
		row, timeline, err := w.timelines.Read(context.Background(), user, partition, lastPostID, w.trim.Above)
		if err != nil {
			w.t.Fatal(err)
		}
		ports.early = &earlyRead{row, timeline}
		a.pause()
		a.pause()
	}
	return reader.Read(context.Background(), user, at, limit)
}

// append appends a record and keeps it for the oracle.
func (a *actor) append(topic string, r eventlog.Record) (eventlog.Position, error) {
	return simLog{a.world.log, a, nil}.one(context.Background(), topic, r)
}

// write makes one random change, as a client of a server does.
func (a *actor) write() {
	w := a.world
	zero := time.Unix(0, 0)
	switch n := w.rng.IntN(20); {
	case n < 9:
		a.post()
	case n < 11 && len(w.written) > 0:
		p := w.written[w.rng.IntN(len(w.written))]
		at, err := a.append(PostsTopic, deleteRecord(p.ID, p.Author, zero))
		if err == nil {
			ports := &simPorts{actor: a}
			_ = simPosts{ports}.Delete(context.Background(), Deletion{p.ID, p.Author, At(w.epoch, at.Offset)})
		}
	default:
		key := EdgeKey{Kind: Follow, From: w.user(), To: w.user()}
		if w.rng.IntN(5) == 0 {
			key.Kind = EdgeKind(2 + w.rng.IntN(2))
		}
		if key.From != key.To {
			_, _ = a.append(GraphTopic, edgeRecord(key, w.rng.IntN(5) < 3, zero))
		}
	}
}

func (a *actor) post() {
	w := a.world
	w.clock += 10
	made := w.clock
	if w.rng.IntN(5) == 0 { // a clock that is wrong
		made = uint64(max(1, int64(w.clock)+int64(w.rng.IntN(200))-150))
	}
	p := &Post{Author: w.user(), Text: "text", CreatedAt: time.Unix(0, 0).UTC()}
	binary.BigEndian.PutUint64(p.ID[:], made)
	binary.BigEndian.PutUint64(p.ID[8:], w.rng.Uint64())
	if len(w.written) > 0 && w.rng.IntN(3) == 0 {
		parent := w.written[len(w.written)-1-w.rng.IntN(min(3, len(w.written)))]
		p.ReplyTo, p.Parent = parent.ID, Parent{Partition: w.shape.PostsOf(parent.Author), At: parent.At}
	}
	record := postRecord(p)
	at, err := a.append(PostsTopic, record)
	if w.rng.IntN(6) == 0 { // a retry with the same Idempotency-Key
		again, errAgain := a.append(PostsTopic, record)
		if err != nil {
			at, err = again, errAgain
		}
	}
	if err != nil {
		return // the record may be in the log all the same
	}
	p.At = At(w.epoch, at.Offset)
	w.written = append(w.written, p)
	if w.rng.IntN(8) > 0 {
		ports := &simPorts{actor: a}
		_ = simPosts{ports}.Insert(context.Background(), *p)
	}
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

// run simulates one schedule and returns the problem that it found.
func (w *world) run() string {
	for _, s := range w.servers {
		w.start(s)
	}
	disturb := w.rng.Float64() * 0.04
	for range 2500 {
		if w.problem != "" {
			return w.problem
		}
		if w.rng.Float64() < 0.1 {
			if s := w.servers[w.rng.IntN(len(w.servers))]; s.up {
				w.spawn(s, (*actor).write)
			}
		}
		if w.rng.Float64() < 0.04 {
			if s := w.servers[w.rng.IntN(len(w.servers))]; s.up {
				w.spawn(s, (*actor).walk)
			}
		}
		if w.rng.Float64() < disturb {
			w.disturb()
		}
		w.step()
	}
	w.calm, w.eager = true, 0
	w.restartOld()
	w.settle()
	for range 10 {
		w.spawn(w.servers[w.rng.IntN(len(w.servers))], (*actor).walk)
	}
	for range 1500 {
		w.step()
	}
	w.checkCounts()
	if w.epoch == 1 && w.strategy == Hybrid && !w.changed { // a log that returned to an earlier state may have lost a change
		w.checkModes()
	}
	for _, s := range w.servers {
		w.kill(s)
	}
	return w.problem
}

// settle waits until all is at rest.
func (w *world) settle() {
	loops := 0
	for _, s := range w.servers {
		loops += 4 // follow, watch, and two to lead
		if s.joint {
			loops--
		}
	}
	for range 1000 {
		for range 100 {
			w.step()
		}
		ends, rest := w.ends(), true
		for _, s := range w.servers {
			rest = rest && s.up && s.tail.Reach().Includes(ends)
		}
		if rest && w.timelines.head.Epoch != 0 && w.timelines.head.reach().Includes(ends) && len(w.actors) == loops {
			return
		}
	}
	w.fail("the feed does not come to rest: %d actors, %v, ends %v, leads %v", len(w.actors), w.timelines.head, w.ends(), w.leads)
}

// seeds returns how many schedules to try.
func seeds(short int) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("FEED_SEEDS"), 10, 64); err == nil {
		return n
	}
	if os.Getenv("STRESS") != "" {
		return 20_000
	}
	return uint64(short)
}

func firstSeed() uint64 {
	n, _ := strconv.ParseUint(os.Getenv("FEED_SEED"), 10, 64)
	return n
}

func TestPagesAreWhatTheySay(t *testing.T) {
	pages, based := 0, 0
	n := seeds(300)
	for seed := firstSeed(); seed < firstSeed()+n; seed++ {
		w := newWorld(t, seed, os.Getenv("FEED_MUTANT"))
		if problem := w.run(); problem != "" {
			for _, line := range w.trace {
				t.Log(line)
			}
			t.Fatalf("FEED_SEED=%d FEED_SEEDS=1: %s", seed, problem)
		}
		pages, based = pages+w.pages, based+w.based
	}
	t.Logf("%d schedules, %d pages, %d of them with a timeline", n, pages, based)
}
