package feedtest

import (
	"errors"
	"reflect"
	"testing"

	"agora/feed"
)

// scanned is how many posts and users the tests of scans have: more than any engine reads at a time.
const scanned = 6000

// testEachPost lists all posts, of which one is deleted, and one is nothing but deleted.
func testEachPost(t *testing.T, s feed.PostStore) {
	scan, ok := s.(feed.PostScan)
	if !ok {
		t.Fatal("the store cannot list its posts, so that nobody can audit them")
	}
	want := map[feed.PostID]feed.Post{}
	posts := make([]feed.Post, scanned)
	for i := range posts {
		posts[i] = feed.Post{ID: numbered(i), Author: user(byte(i % 7)), Text: "text", CreatedAt: numbered(i).Made(), At: feed.At(1, int64(i+1))}
		want[posts[i].ID] = posts[i]
	}
	mustDo(t, s.Insert(t.Context(), posts...))
	gone, lost := posts[3], feed.Post{ID: numbered(scanned), Author: user(1), Deleted: feed.At(1, scanned+2)}
	gone.Deleted, gone.Text, gone.CreatedAt = feed.At(1, scanned+1), "", lost.CreatedAt
	for _, p := range []feed.Post{gone, lost} {
		mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: p.ID, Author: p.Author, At: p.Deleted}))
		want[p.ID] = p
	}
	got := map[feed.PostID]feed.Post{}
	err := scan.EachPost(t.Context(), func(p feed.Post) error {
		if _, again := got[p.ID]; again {
			t.Errorf("post %s is listed twice", p.ID)
		}
		got[p.ID] = p
		if len(got)%1000 == 0 {
			if _, err := s.Get(t.Context(), p.ID); err != nil { // visits may read
				return err
			}
		}
		return nil
	})
	if err != nil || len(got) != len(want) {
		t.Errorf("%d posts are listed, %v; want %d", len(got), err, len(want))
	}
	for id, p := range want {
		if !reflect.DeepEqual(got[id], p) {
			t.Errorf("post %s is listed as %+v, want %+v", id, got[id], p)
			break
		}
	}
	wantStop(t, func(visit func() error) error {
		return scan.EachPost(t.Context(), func(feed.Post) error { return visit() })
	})
}

// numbered returns the identifier of the post with a number.
func numbered(n int) feed.PostID { return feed.PostID{5: 1, 14: byte(n >> 8), 15: byte(n)} }

// wantStop checks that a scan ends with the error of the first visit.
func wantStop(t *testing.T, scan func(visit func() error) error) {
	t.Helper()
	visits, stop := 0, errors.New("stop")
	err := scan(func() error {
		visits++
		return stop
	})
	if !errors.Is(err, stop) || visits != 1 {
		t.Errorf("a scan ends after %d visits that failed with %v, want after one", visits, err)
	}
}

// testEachUser lists users who follow many, who are followed, and who block and are blocked.
func testEachUser(t *testing.T, s feed.GraphStore) {
	scan, ok := s.(feed.UserScan)
	if !ok {
		t.Fatal("the store cannot list its users, so that nobody can audit them")
	}
	want := map[feed.UserID]bool{user(1): true, user(2): true, user(3): true, user(4): true, user(5): true}
	apply(t, s, 0, edge(feed.Block, 2, 3, true, 1))
	apply(t, s, 0, edge(feed.Mute, 4, 2, true, 2))
	apply(t, s, 0, edge(feed.Follow, 5, 2, true, 3), edge(feed.Follow, 5, 2, false, 4))
	follows := feed.GraphChanges{Partition: Shape.GraphOf(user(1)), Reach: feed.Row{Posts: make(feed.Vector, Shape.Posts), Graph: feed.At(1, 9)}}
	for i := range scanned {
		to := feed.UserID{0: 1, 14: byte(i >> 8), 15: byte(i)}
		want[to] = true
		follows.Edges = append(follows.Edges, feed.Edge{EdgeKey: feed.EdgeKey{Kind: feed.Follow, From: user(1), To: to}, On: true, Since: feed.At(1, 8)})
		follows.Counts = append(follows.Counts, feed.UserCount{User: to, Count: feed.Count{Followers: 1, Through: feed.At(1, 9)}})
	}
	mustDo(t, s.Apply(t.Context(), follows))
	got := map[feed.UserID]bool{}
	err := scan.EachUser(t.Context(), func(u feed.UserID) error {
		if got[u] {
			t.Errorf("user %s is listed twice", u)
		}
		got[u] = true
		if len(got)%1000 == 0 {
			if _, err := s.Relations(t.Context(), u); err != nil { // visits may read
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("EachUser = %v", err)
	}
	for u := range want {
		if !got[u] {
			t.Errorf("user %s is not listed", u)
		}
	}
	wantStop(t, func(visit func() error) error {
		return scan.EachUser(t.Context(), func(feed.UserID) error { return visit() })
	})
}
