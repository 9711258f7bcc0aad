package feed

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// randomFollows is a graph in which each user follows 200 random authors of many.
type randomFollows struct {
	*MemoryGraph
	authors int
}

func benchUser(n int) (user UserID) {
	binary.BigEndian.PutUint64(user[8:], uint64(n)+1)
	return user
}

func (g randomFollows) Relations(_ context.Context, user UserID) (Relations, error) {
	rng := rand.New(rand.NewPCG(binary.BigEndian.Uint64(user[8:]), 1))
	rel := Relations{Applied: make(Vector, g.shape.Graph)}
	for range 200 {
		rel.Follows = append(rel.Follows, Edge{EdgeKey{Follow, user, benchUser(rng.IntN(g.authors))}, true, At(1, 0)})
	}
	return rel, nil
}

// BenchmarkHub measures a post while 10,000 streams are open, each of a user who follows 200 authors: until all streams that want
// it have their events. It also says what a stream holds in memory.
func BenchmarkHub(b *testing.B) {
	const open = 10_000
	for _, bb := range []struct {
		name    string
		authors int
	}{{"authors=100k", 100_000}, {"authors=1M", 1_000_000}} {
		b.Run(bb.name, func(b *testing.B) {
			shape := Shape{Posts: 16, Graph: 16}
			start := Reach{Posts: make(Vector, 16), Graph: make(Vector, 16)}
			for p := range 16 {
				start.Posts[p], start.Graph[p] = At(1, 1_000_000), At(1, 1_000_000)
			}
			tail := NewTail(shape, 1, start, nil, Bounds{})
			hub := NewHub(tail, NewMemoryPosts(), randomFollows{NewMemoryGraph(shape), bb.authors}, wide, nil)
			before := heldBytes()
			for n := range open {
				if _, err := hub.Open(b.Context(), benchUser(n), ""); err != nil {
					b.Fatal(err)
				}
			}
			if err := hub.Step(b.Context()); err != nil {
				b.Fatal(err)
			}
			held := heldBytes() - before
			rng, events := rand.New(rand.NewPCG(1, 2)), 0
			b.ReportAllocs()
			for b.Loop() {
				author := benchUser(rng.IntN(bb.authors))
				partition := shape.PostsOf(author)
				p := &Post{ID: NewPostID(), Author: author, Text: "Hello", CreatedAt: time.Unix(1, 0), At: tail.Reach().Posts[partition]}
				tail.Fold(PostsTopic, Record{Kind: kindPosted, Partition: partition, At: p.At, Actor: author, Post: p}, false)
				if err := hub.Step(b.Context()); err != nil {
					b.Fatal(err)
				}
				for number := range hub.sees.of(author) {
					if _, ok, err := hub.streams[number].Take(); err != nil || !ok {
						b.Fatal(ok, err)
					}
					events++
				}
			}
			b.ReportMetric(float64(held)/open, "B/stream")
			b.ReportMetric(float64(events)/float64(b.N), "events/op")
		})
	}
}

func heldBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
