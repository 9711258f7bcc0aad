package feedtest

import (
	"reflect"
	"testing"
	"time"

	"agora/fault"
	"agora/feed"
)

// Graph tests a store of the graph. open returns an empty one of Shape and sees to its end.
func Graph(t *testing.T, open func(t *testing.T) feed.GraphStore) {
	for name, test := range map[string]func(*testing.T, feed.GraphStore){
		"late writes change nothing": testLateWrites, "counts": testCounts, "relations": testRelations, "followers": testFollowers, "modes": testModes, "idle": testIdle, "starts": testStarts, "each user": testEachUser,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func edge(kind feed.EdgeKind, from, to byte, on bool, offset int64) feed.Edge {
	return feed.Edge{EdgeKey: feed.EdgeKey{Kind: kind, From: user(from), To: user(to)}, On: on, Since: feed.At(1, offset)}
}

// apply applies edges of one user, and the reach after them.
func apply(t *testing.T, s feed.GraphStore, count int64, edges ...feed.Edge) {
	t.Helper()
	c := feed.GraphChanges{Partition: Shape.GraphOf(edges[0].From), Edges: edges}
	c.Reach = feed.Row{Posts: make(feed.Vector, Shape.Posts), Graph: edges[len(edges)-1].Since + 1}
	c.Counts = []feed.UserCount{{User: edges[0].To, Count: feed.Count{Followers: count, Through: c.Reach.Graph}}}
	mustDo(t, s.Apply(t.Context(), c))
}

func testLateWrites(t *testing.T, s feed.GraphStore) {
	p := Shape.GraphOf(user(1))
	apply(t, s, 1, edge(feed.Follow, 1, 2, true, 3))
	apply(t, s, 0, edge(feed.Follow, 1, 2, false, 7))
	apply(t, s, 1, edge(feed.Follow, 1, 2, true, 5)) // by a leader that hung
	found, err := s.Edges(t.Context(), edge(feed.Follow, 1, 2, true, 0).EdgeKey, edge(feed.Follow, 2, 1, true, 0).EdgeKey)
	if want := []feed.Edge{edge(feed.Follow, 1, 2, false, 7)}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("Edges = %v, %v; want %v", found, err, want)
	}
	counts, err := s.Counts(t.Context(), user(2))
	if err != nil || len(counts) != 1 || len(counts[0]) != Shape.Graph || counts[0][p] != (feed.Count{Followers: 0, Through: feed.At(1, 8)}) {
		t.Errorf("Counts = %v, %v; want none through 1:8", counts, err)
	}
	if row, ok, err := s.Reach(t.Context(), p); err != nil || !ok || row.Graph != feed.At(1, 8) {
		t.Errorf("Reach = %v, %v, %v; want 1:8", row, ok, err)
	}
	if _, ok, err := s.Reach(t.Context(), 1-p); ok || err != nil {
		t.Errorf("Reach of a partition without changes = %v, %v", ok, err)
	}
	rel, err := s.Relations(t.Context(), user(1))
	if err != nil || len(rel.Follows) != 0 || rel.Applied[p] != feed.At(1, 8) {
		t.Errorf("Relations = %+v, %v; want none, applied to 1:8", rel, err)
	}
}

// testCounts asks for the counts of several users, of whom one is asked for twice and one has none.
func testCounts(t *testing.T, s feed.GraphStore) {
	for n := byte(1); n <= 6; n++ {
		apply(t, s, 10+int64(n), edge(feed.Follow, n, 40-n, true, int64(n)))
	}
	want := make([][]feed.Count, 0, 8)
	var users []feed.UserID
	for _, n := range []byte{36, 34, 39, 35, 50, 34, 38, 37} {
		users = append(users, user(n))
		counts := make([]feed.Count, Shape.Graph)
		if n < 40 {
			follower := 40 - n
			counts[Shape.GraphOf(user(follower))] = feed.Count{Followers: 10 + int64(follower), Through: feed.At(1, int64(follower)+1)}
		}
		want = append(want, counts)
	}
	if got, err := s.Counts(t.Context(), users...); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Counts = %v, %v; want %v", got, err, want)
	}
	if got, err := s.Counts(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Counts of nobody = %v, %v", got, err)
	}
}

func testRelations(t *testing.T, s feed.GraphStore) {
	all := []feed.Edge{edge(feed.Follow, 1, 2, true, 1), edge(feed.Mute, 1, 3, true, 2), edge(feed.Block, 1, 4, true, 3), edge(feed.Follow, 1, 5, true, 4)}
	apply(t, s, 1, all...)
	apply(t, s, 0, edge(feed.Block, 6, 1, true, 9))
	apply(t, s, 0, edge(feed.Mute, 7, 1, true, 10))
	rel, err := s.Relations(t.Context(), user(1))
	mustDo(t, err)
	if len(rel.Follows) != 2 || len(rel.Mutes) != 1 || len(rel.Blocks) != 2 {
		t.Errorf("Relations = %+v, want 2 follows, 1 mute, and 2 blocks of which one is of the user", rel)
	}
	for n := range byte(9) {
		applied, err := s.Applied(t.Context(), user(n))
		mustDo(t, err)
		if rel, err := s.Relations(t.Context(), user(n)); err != nil || !reflect.DeepEqual(applied, rel.Applied) {
			t.Errorf("Applied = %v, and of Relations %v, %v", applied, rel.Applied, err)
		}
	}
	for _, e := range []feed.Edge{all[3], edge(feed.Block, 6, 1, true, 9)} {
		if p := Shape.GraphOf(e.From); rel.Applied[p] <= e.Since {
			t.Errorf("Relations are applied to %v, want beyond %v in partition %d", rel.Applied, e.Since, p)
		}
	}
}

func testFollowers(t *testing.T, s feed.GraphStore) {
	want := make([][]feed.UserID, Shape.Graph)
	admin := edge(feed.Follow, 0, 1, true, 1) // the identifier of the admin of the first start is zero
	apply(t, s, 0, admin)
	want[Shape.GraphOf(admin.From)] = []feed.UserID{admin.From}
	for n := byte(2); n < 30; n++ {
		apply(t, s, 0, edge(feed.Follow, n, 1, true, int64(n)))
		if n%5 == 0 {
			apply(t, s, 0, edge(feed.Follow, n, 1, false, int64(n)+100))
			continue
		}
		p := Shape.GraphOf(user(n))
		want[p] = append(want[p], user(n))
	}
	for p := range want {
		var got []feed.UserID
		for from := (feed.UserID{}); ; from = got[len(got)-1].Next() {
			some, err := s.Followers(t.Context(), user(1), p, from, 3)
			mustDo(t, err)
			got = append(got, some...)
			if len(some) < 3 {
				break
			}
		}
		if !reflect.DeepEqual(got, want[p]) {
			t.Errorf("the followers in partition %d are %v, want %v", p, got, want[p])
		}
	}
	lists, err := s.FollowersOf(t.Context(), []int{1, 0}, 3, user(9), user(1), user(1))
	mustDo(t, err)
	for i, list := range lists {
		for j, p := range []int{1, 0} {
			if first := want[p][:3]; len(list) != 2 || i == 0 && len(list[j]) != 0 || i > 0 && !reflect.DeepEqual(list[j], first) {
				t.Errorf("FollowersOf = %v, want none, and twice the first 3 in partition %d: %v", lists, p, first)
			}
		}
	}
	if lists, err := s.FollowersOf(t.Context(), []int{1}, 100, user(1)); err != nil || !reflect.DeepEqual(lists[0][0], want[1]) {
		t.Errorf("FollowersOf = %v, %v; want all in partition 1: %v", lists, err, want[1])
	}
}

func testModes(t *testing.T, s feed.GraphStore) {
	low := feed.Modes{Author: user(1), Changes: []feed.ModeChange{{Number: 1, At: feed.At(1, 1), Least: feed.PostID{15: 5}, Greatest: feed.PostID{15: 6}}}}
	high := feed.Modes{Author: user(1), Changes: []feed.ModeChange{
		{Number: 1, At: feed.At(1, 1), Least: feed.PostID{15: 4}, Greatest: feed.PostID{15: 5}}, {Number: 2, At: feed.At(1, 9)},
	}}
	mustDo(t, s.PutModes(t.Context(), high))
	mustDo(t, s.PutModes(t.Context(), low))
	want := high.Merge(low)
	for _, authors := range [][]feed.UserID{nil, {user(1)}, {user(1), user(2)}} {
		if got, err := s.Modes(t.Context(), authors...); err != nil || !reflect.DeepEqual(got, []feed.Modes{want}) {
			t.Errorf("Modes(%v) = %v, %v; want %v", authors, got, err, want)
		}
	}
	if got, err := s.Modes(t.Context(), user(2)); err != nil || len(got) != 0 {
		t.Errorf("Modes of an author who was always pushed = %v, %v", got, err)
	}
}

func testIdle(t *testing.T, s feed.GraphStore) {
	p := Shape.GraphOf(user(1))
	mustDo(t, s.Apply(t.Context(), feed.GraphChanges{Partition: p, Active: []feed.UserID{user(1)}, Reach: feed.Row{Posts: make(feed.Vector, Shape.Posts)}}))
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	idle := func(before time.Time, want int) {
		t.Helper()
		if got, err := s.Idle(t.Context(), p, before, 10); err != nil || len(got) != want {
			t.Errorf("Idle = %v, %v; want %d users", got, err, want)
		}
	}
	idle(past, 0)
	idle(future, 1)
	mustDo(t, s.Forget(t.Context(), past, user(1), user(2)))
	idle(future, 1)
	mustDo(t, s.Forget(t.Context(), future, user(1), user(2)))
	idle(future, 0)
}

func testStarts(t *testing.T, s feed.GraphStore) {
	start := func(epoch feed.Epoch, mark uint64, marked bool) feed.LogStart {
		ends := feed.Vector{feed.At(epoch, 3), feed.At(epoch, 5)}
		return feed.LogStart{Epoch: epoch, Ends: feed.Reach{Posts: ends, Graph: ends[:Shape.Graph]}, Mark: mark, Marked: marked}
	}
	for _, tt := range []struct {
		put   feed.LogStart
		stale bool
		want  []feed.LogStart
	}{
		{start(1, 7, false), false, []feed.LogStart{start(1, 7, false)}},
		{start(1, 8, true), true, []feed.LogStart{start(1, 7, false)}},
		{start(1, 7, true), false, []feed.LogStart{start(1, 7, true)}},
		{start(1, 7, false), false, []feed.LogStart{start(1, 7, true)}},
		{start(3, 1<<63, false), false, []feed.LogStart{start(1, 7, true), start(3, 1<<63, false)}},
		{start(1, 7, true), true, []feed.LogStart{start(1, 7, true), start(3, 1<<63, false)}},
		{start(2, 9, true), true, []feed.LogStart{start(1, 7, true), start(3, 1<<63, false)}},
	} {
		if err := s.PutStart(t.Context(), tt.put); fault.Is(err, fault.Stale) != tt.stale || err != nil && !tt.stale {
			t.Errorf("PutStart(%v) = %v, want Stale: %v", tt.put, err, tt.stale)
		}
		if got, err := s.Starts(t.Context()); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("after PutStart(%v), Starts = %v, %v; want %v", tt.put, got, err, tt.want)
		}
	}
}
