package feed

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"agora/pattern/eventlog"
)

// benchGraph is a graph of random follows that fits into the memory of a test.
type benchGraph struct {
	*MemoryGraph
	users     []UserID
	followers [][][]UserID // by number of the author and partition, sorted
	follows   [][]Edge
}

func newBenchGraph(shape Shape, users, follows int) *benchGraph {
	rng := rand.New(rand.NewPCG(1, 2))
	g := &benchGraph{MemoryGraph: NewMemoryGraph(shape), followers: make([][][]UserID, users), follows: make([][]Edge, users)}
	for n := range users {
		var user UserID
		binary.BigEndian.PutUint64(user[:], rng.Uint64())
		binary.BigEndian.PutUint64(user[8:], uint64(n))
		g.users = append(g.users, user)
	}
	for n, user := range g.users {
		p := shape.GraphOf(user)
		for range follows {
			author := rng.IntN(users)
			if g.followers[author] == nil {
				g.followers[author] = make([][]UserID, shape.Graph)
			}
			g.followers[author][p] = append(g.followers[author][p], user)
			if n < 1000 { // the readers of a benchmark
				g.follows[n] = append(g.follows[n], Edge{EdgeKey{Follow, user, g.users[author]}, true, At(1, 0)})
			}
		}
	}
	for _, partitions := range g.followers {
		for p := range partitions {
			slices.SortFunc(partitions[p], UserID.Compare)
			partitions[p] = slices.Compact(partitions[p])
		}
	}
	return g
}

func (g *benchGraph) number(user UserID) int { return int(binary.BigEndian.Uint64(user[8:])) }

func (g *benchGraph) Followers(_ context.Context, user UserID, partition int, from UserID, limit int) ([]UserID, error) {
	if g.followers[g.number(user)] == nil {
		return nil, nil
	}
	list := g.followers[g.number(user)][partition]
	begin, _ := slices.BinarySearchFunc(list, from, UserID.Compare)
	return list[begin:min(begin+limit, len(list))], nil
}

func (g *benchGraph) Relations(_ context.Context, user UserID) (Relations, error) {
	return Relations{Follows: g.follows[g.number(user)], Applied: make(Vector, g.shape.Graph)}, nil
}

func (g *benchGraph) Applied(context.Context, UserID) (Vector, error) {
	return make(Vector, g.shape.Graph), nil
}

// noTimelines forgets what is merged.
type noTimelines struct{ *MemoryTimelines }

func (s noTimelines) Merge(ctx context.Context, fence Fence, _ []Operand) error {
	return s.MemoryTimelines.Merge(ctx, fence, nil)
}

// BenchmarkBuilder measures the builder's own part of a delivery: the stores cost nothing.
func BenchmarkBuilder(b *testing.B) {
	shape := Shape{Posts: 16, Graph: 16}
	graph := newBenchGraph(shape, 100_000, 200)
	rng := rand.New(rand.NewPCG(3, 4))
	log := eventlog.NewMemory()
	for _, topic := range []string{PostsTopic, GraphTopic} {
		if err := log.Create(b.Context(), topic, 16); err != nil {
			b.Fatal(err)
		}
	}
	var records []eventlog.Record
	for range 40_000 {
		p := &Post{ID: NewPostID(), Author: graph.users[rng.IntN(len(graph.users))], Text: "Hello", CreatedAt: time.Unix(1, 0)}
		records = append(records, PostRecord(p))
	}
	if _, err := log.Append(b.Context(), PostsTopic, records...); err != nil {
		b.Fatal(err)
	}
	timelines := noTimelines{NewMemoryTimelines(Trim{1000, 800})}
	builder := &Builder{
		Shape: shape, Epoch: 1, Log: log, Posts: NewMemoryPosts(), Graph: graph, Timelines: timelines, Strategy: Push,
		Trim: Trim{1000, 800}, Records: len(records), Operands: 10_000, CacheBytes: 1 << 30,
	}
	var leads []*Lead
	for p := range 16 {
		l, err := builder.Claim(b.Context(), p)
		if err != nil {
			b.Fatal(err)
		}
		leads = append(leads, l)
	}
	begin := make([]Row, len(leads))
	for i, l := range leads {
		begin[i] = l.fence.Row
	}
	run := func() RunStats {
		for i, l := range leads { // all again
			to := begin[i]
			to.Writer = l.fence.Row.Writer + 1
			if err := timelines.Advance(b.Context(), l.fence, to); err != nil {
				b.Fatal(err)
			}
			l.fence.Row = to
		}
		stats, err := builder.Run(b.Context(), leads...)
		if err != nil {
			b.Fatal(err)
		}
		return stats
	}
	run()
	b.ReportAllocs()
	deliveries := 0
	for b.Loop() {
		deliveries += run().Deliveries
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(deliveries), "ns/delivery")
	b.ReportMetric(float64(deliveries)/float64(b.N), "deliveries/op")
}

// BenchmarkReader measures the reader's own part of a page, with full timelines and posts that no run has taken yet.
func BenchmarkReader(b *testing.B) {
	shape := Shape{Posts: 16, Graph: 16}
	graph := newBenchGraph(shape, 10_000, 200)
	rng := rand.New(rand.NewPCG(3, 4))
	posts, timelines := NewMemoryPosts(), NewMemoryTimelines(Trim{1000, 800})
	start := Row{Posts: make(Vector, 16), Graph: At(1, 10)}
	for p := range start.Posts {
		start.Posts[p] = At(1, 10)
	}
	if err := timelines.Begin(b.Context(), 0, Head{Epoch: 1, Strategy: Hybrid, Rows: slices.Repeat([]Row{start}, 16)}); err != nil {
		b.Fatal(err)
	}
	for n, list := range graph.follows[:1000] {
		o := Operand{User: graph.users[n], Timeline: Timeline{Base: true, Floor: PostID{0: 1}}}
		for range 800 {
			p := Post{ID: NewPostID(), Author: list[rng.IntN(len(list))].To, Text: "Hello", CreatedAt: time.Unix(1, 0), At: At(1, 1)}
			o.Entries = append(o.Entries, p.Entry())
			if err := posts.Insert(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
		o.Entries = sortEntries(o.Entries)
		fence := Fence{Epoch: 1, Partition: shape.GraphOf(o.User), Row: start}
		if err := timelines.Merge(b.Context(), fence, []Operand{o}); err != nil {
			b.Fatal(err)
		}
	}
	from := Reach{Posts: start.Posts, Graph: slices.Repeat(Vector{At(1, 10)}, 16)}
	tail := NewTail(shape, 1, from, nil, Bounds{Relations: 64 << 20})
	for range 500 {
		p := &Post{ID: NewPostID(), Author: graph.users[rng.IntN(len(graph.users))], Text: "Hello", CreatedAt: time.Unix(1, 0)}
		partition := shape.PostsOf(p.Author)
		p.At = tail.Reach().Posts[partition]
		tail.Fold(PostsTopic, Record{Kind: kindPosted, Partition: partition, At: p.At, Actor: p.Author, Post: p}, false)
	}
	reader := &Reader{Shape: shape, Tail: tail, Posts: posts, Graph: graph, Timelines: timelines, Strategy: Hybrid}
	read := func(n int) {
		page, err := reader.Read(b.Context(), graph.users[n], Cursor{}, 20)
		if err != nil || len(page.Posts) != 20 || page.Baseless {
			b.Fatal(err, len(page.Posts), page.Baseless)
		}
	}
	for n := range 1000 {
		read(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		read(rng.IntN(1000))
	}
}
