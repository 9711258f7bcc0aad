package feed

import (
	"context"
	"encoding/binary"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

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
		Shape: w.shape, Epoch: w.epoch, Starts: starts, Log: simLog{w.log, a},
		Posts: simPosts{ports}, Graph: simGraph{ports}, Timelines: simTimelines{ports},
		Strategy: a.on.strategy, Threshold: simThreshold, Trim: w.trim, Records: 1 + w.rng.IntN(6), Operands: 1, CacheBytes: 1 << 20, // what a full cache gives up is not drawn from the seed
		Bounds: Bounds{Relations: 1 << 20, Posts: w.tailBytes, Celebrities: 1 << 20},
		Draw:   w.rng.Uint64, Now: func() time.Time { return time.Unix(0, 0) },
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
			_, _ = a.append(GraphTopic, ReturnRecord(user, time.Unix(0, 0)))
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
	return simLog{a.world.log, a}.one(context.Background(), topic, r)
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
			_, _ = a.append(GraphTopic, EdgeRecord(key, w.rng.IntN(5) < 3, zero))
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
	record := PostRecord(p)
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
