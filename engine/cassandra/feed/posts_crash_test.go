package feed

import (
	"context"
	"sync"
	"testing"
	"time"

	"agora/engine/cassandra"
	"agora/fault"
	"agora/feed"
)

// TestAcknowledgedWritesSurviveAKilledNode kills the node while writers insert, delete and claim posts, and a leader applies runs, and
// starts it again.
func TestAcknowledgedWritesSurviveAKilledNode(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a node again")
	}
	s, graph, node := openPosts(t), openGraph(t, feed.Shape{Posts: 1, Graph: 1}), server.Node(t)
	var (
		mu      sync.Mutex
		acked   []feed.Post
		writers sync.WaitGroup
		enough  = make(chan struct{})
		runs    int64 // that were applied
	)
	writers.Go(func() {
		for graph.Apply(t.Context(), followRun(runs)) == nil {
			runs++
		}
	})
	for w := range byte(8) {
		writers.Go(func() {
			for n := uint16(1); ; n++ {
				p := feed.Post{ID: feed.PostID{0: w, 14: byte(n >> 8), 15: byte(n)}, Author: id(7, w), Text: "text", At: feed.At(1, int64(n))}
				if writePost(t.Context(), s, &p, n%3 == 0) != nil {
					return
				}
				mu.Lock()
				if acked = append(acked, p); len(acked) == 300 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	node.Kill(t)
	writers.Wait()
	wantAway(t, s, node.URL())
	node.Restart(t)
	awaitBack(t, func() error { return find(t, s) })
	awaitBack(t, func() error {
		_, _, err := graph.Reach(t.Context(), 0)
		return err
	})
	t.Logf("%d posts and %d runs were acknowledged", len(acked), runs)
	wantRuns(t, graph, runs)
	for _, p := range acked {
		found, err := s.Get(t.Context(), p.ID)
		if err != nil || len(found) != 1 || found[0].At != p.At || found[0].Deleted != p.Deleted {
			t.Fatalf("%v was acknowledged, and is %v, %v", p, found, err)
		}
		claimed, err := s.Claim(t.Context(), feed.Claim{Author: p.Author, Key: p.ID.String(), ID: id(9, 9)})
		if err != nil || claimed != p.ID {
			t.Fatalf("the claim of %v is %v, %v", p.ID, claimed, err)
		}
	}
}

// followRun returns the changes of a run in which a user follows and blocks another one.
func followRun(n int64) feed.GraphChanges {
	from := feed.UserID{0: 8, 14: byte(n >> 8), 15: byte(n)}
	follow := feed.Edge{EdgeKey: feed.EdgeKey{Kind: feed.Follow, From: from, To: id(9, 1)}, On: true, Since: feed.At(1, 2*n)}
	block := feed.Edge{EdgeKey: feed.EdgeKey{Kind: feed.Block, From: from, To: id(9, 1)}, On: true, Since: feed.At(1, 2*n+1)}
	end := feed.At(1, 2*n+2)
	return feed.GraphChanges{
		Edges:  []feed.Edge{follow, block},
		Counts: []feed.UserCount{{User: id(9, 1), Count: feed.Count{Followers: n + 1, Through: end}}},
		Reach:  feed.Row{Posts: feed.Vector{end}, Graph: end},
	}
}

// wantRuns checks that the graph has the first runs of followRun; it may have the next one, or a part of it.
func wantRuns(t *testing.T, g *Graph, runs int64) {
	t.Helper()
	reach, ok, err := g.Reach(t.Context(), 0)
	if err != nil || !ok && runs > 0 || reach.Graph != feed.At(1, 2*runs) && reach.Graph != feed.At(1, 2*runs+2) {
		t.Errorf("the reach is %v, %v after %d runs", reach, err, runs)
	}
	followers, err := g.Followers(t.Context(), id(9, 1), 0, feed.UserID{}, 1<<16)
	if err != nil || int64(len(followers)) < runs {
		t.Errorf("there are %d followers, %v; want %d", len(followers), err, runs)
	}
	var keys []feed.EdgeKey
	for n := range runs {
		for _, e := range followRun(n).Edges {
			keys = append(keys, e.EdgeKey)
		}
	}
	if edges, err := g.Edges(t.Context(), keys...); err != nil || len(edges) != len(keys) {
		t.Errorf("there are %d edges of %d, %v", len(edges), len(keys), err)
	}
}

// writePost claims and inserts a post, and deletes it if that is asked for.
func writePost(ctx context.Context, s *Posts, p *feed.Post, deleted bool) error {
	_, err := s.Claim(ctx, feed.Claim{Author: p.Author, Key: p.ID.String(), ID: p.ID})
	if err == nil {
		err = s.Insert(ctx, *p)
	}
	if err == nil && deleted {
		p.Deleted = p.At + 1000
		err = s.Delete(ctx, feed.Deletion{ID: p.ID, Author: p.Author, At: p.Deleted})
	}
	return err
}

// wantAway checks what calls return while no node runs.
func wantAway(t *testing.T, s *Posts, url string) {
	t.Helper()
	if _, err := s.Get(t.Context(), pinnedPost.ID); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Get without a node = %v, want Unavailable", err)
	}
	if err := s.Insert(t.Context(), pinnedPost); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Insert without a node = %v, want Unavailable", err)
	}
	if _, err := s.Claim(t.Context(), feed.Claim{Author: id(7, 1), Key: "away"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Claim without a node = %v, want Unavailable", err)
	}
	if _, err := cassandra.Open(t.Context(), url+"/agora", cassandra.Options{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Open without a node = %v, want Unavailable", err)
	}
}

// find reads a post, which need not be there.
func find(t *testing.T, s *Posts) error {
	_, err := s.Get(t.Context(), pinnedPost.ID)
	return err
}

// awaitBack repeats a call until a node that was started again is used again.
func awaitBack(t *testing.T, call func() error) {
	t.Helper()
	for err := call(); err != nil; err = call() {
		if !fault.Passing(err) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestANodeThatDoesNotAnswerIsGivenUpAtTheDeadline stops the process of the node, with its connections open.
func TestANodeThatDoesNotAnswerIsGivenUpAtTheDeadline(t *testing.T) {
	s, node := openPosts(t), server.Node(t)
	mustDo(t, s.Insert(t.Context(), pinnedPost))
	node.Pause(t)
	get := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := s.Get(ctx, pinnedPost.ID)
		return err
	}
	err := get()
	for err == nil { // its threads stop one after the other
		err = get()
	}
	if !fault.Passing(err) {
		t.Errorf("Get = %v, want an error that passes", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Claim(ctx, feed.Claim{Author: id(7, 1), Key: "paused"}); !fault.Passing(err) {
		t.Errorf("Claim = %v, want an error that passes", err)
	}
	node.Resume(t)
	awaitBack(t, func() error { return find(t, s) })
}
