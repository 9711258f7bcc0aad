package feed

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"agora/feed"
)

// benchID returns identifiers that spread over all partitions.
func benchID(first byte, n int) (id [16]byte) {
	id[0] = first
	binary.BigEndian.PutUint64(id[8:], uint64(n)*0x9e3779b97f4a7c15)
	return id
}

func benchPost(n int) feed.Post {
	return feed.Post{ID: benchID(1, n), Author: benchID(7, n%1000), Text: fmt.Sprint("the text of post ", n), At: feed.At(1, int64(n))}
}

// BenchmarkInsert inserts posts one by one, by 32 writers.
func BenchmarkInsert(b *testing.B) {
	s := openPosts(b)
	var n atomic.Int64
	b.SetParallelism(16)
	b.ResetTimer() // the server has started
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustDo(b, s.Insert(b.Context(), benchPost(int(n.Add(1)))))
		}
	})
}

// BenchmarkInsertRun inserts the posts of a run at once.
func BenchmarkInsertRun(b *testing.B) {
	s := openPosts(b)
	for run := 0; b.Loop(); run++ {
		posts := make([]feed.Post, 1000)
		for i := range posts {
			posts[i] = benchPost(run*len(posts) + i)
		}
		mustDo(b, s.Insert(b.Context(), posts...))
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "posts/s")
}

// BenchmarkGet reads the posts of a page.
func BenchmarkGet(b *testing.B) {
	s := openPosts(b)
	posts := make([]feed.Post, 2000)
	for i := range posts {
		posts[i] = benchPost(i)
	}
	mustDo(b, s.Insert(b.Context(), posts...))
	for n := 0; b.Loop(); n++ {
		ids := make([]feed.PostID, 20)
		for i := range ids {
			ids[i] = posts[(n*20+i)%len(posts)].ID
		}
		if found, err := s.Get(b.Context(), ids...); err != nil || len(found) != len(ids) {
			b.Fatal(len(found), err)
		}
	}
}

// BenchmarkByAuthor lists the newest posts of 200 authors.
func BenchmarkByAuthor(b *testing.B) {
	s := openPosts(b)
	posts := make([]feed.Post, 5000)
	for i := range posts {
		posts[i] = benchPost(i)
	}
	mustDo(b, s.Insert(b.Context(), posts...))
	ranges := make([]feed.AuthorRange, 200)
	for i := range ranges {
		ranges[i] = feed.AuthorRange{Author: benchID(7, i), Before: feed.PostID{0: 255}, Limit: 20}
	}
	for b.Loop() {
		if _, err := s.ByAuthor(b.Context(), ranges...); err != nil {
			b.Fatal(err)
		}
	}
}

// benchFollows makes a user follow 200 others.
func benchFollows(b *testing.B) *Graph {
	b.Helper()
	g := openGraph(b, feed.Shape{Posts: 1, Graph: 1})
	c := feed.GraphChanges{Reach: feed.Row{Posts: feed.Vector{feed.At(1, 0)}, Graph: feed.At(1, 200)}}
	for n := range 200 {
		key := feed.EdgeKey{Kind: feed.Follow, From: benchID(7, 0), To: benchID(7, n+1)}
		c.Edges = append(c.Edges, feed.Edge{EdgeKey: key, On: true, Since: feed.At(1, int64(n))})
	}
	mustDo(b, g.Apply(b.Context(), c))
	return g
}

func BenchmarkApplied(b *testing.B) {
	g := benchFollows(b)
	for b.Loop() {
		if _, err := g.Applied(b.Context(), benchID(7, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRelations(b *testing.B) {
	g := benchFollows(b)
	for b.Loop() {
		if rel, err := g.Relations(b.Context(), benchID(7, 0)); err != nil || len(rel.Follows) != 200 {
			b.Fatal(rel, err)
		}
	}
}

// BenchmarkApplyRun applies runs of 1,000 follows by as many users.
func BenchmarkApplyRun(b *testing.B) {
	g := openGraph(b, feed.Shape{Posts: 1, Graph: 1})
	for run := 0; b.Loop(); run++ {
		begin := int64(run * 1000)
		c := feed.GraphChanges{Reach: feed.Row{Posts: feed.Vector{feed.At(1, 0)}, Graph: feed.At(1, begin+1000)}}
		for n := range 1000 {
			key := feed.EdgeKey{Kind: feed.Follow, From: benchID(7, run*1000+n), To: benchID(8, n%100)}
			c.Edges = append(c.Edges, feed.Edge{EdgeKey: key, On: true, Since: feed.At(1, begin+int64(n))})
		}
		for n := range 100 {
			count := feed.Count{Followers: int64(run+1) * 10, Through: c.Reach.Graph}
			c.Counts = append(c.Counts, feed.UserCount{User: benchID(8, n), Count: count})
		}
		mustDo(b, g.Apply(b.Context(), c))
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "follows/s")
}
