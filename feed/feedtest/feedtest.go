// Package feedtest holds the conformance suites of the ports of package feed. Every store of posts, of the graph and of
// timelines has to pass its suite.
package feedtest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"agora/fault"
	"agora/feed"
)

// Shape is the shape that the suites expect of a store.
var Shape = feed.Shape{Posts: 2, Graph: 2}

// Trim is the trim that the suites expect of a store.
var Trim = feed.Trim{Above: 5, Keep: 3}

var last = feed.PostID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

func user(n byte) feed.UserID { return feed.UserID{15: n} }

func post(n, author byte, at feed.Position) feed.Post {
	return feed.Post{
		ID: feed.PostID{15: n}, Author: user(author), Text: "text", Media: []string{"https://example.org/a.png"},
		CreatedAt: time.UnixMilli(int64(n)).UTC(), At: at,
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Posts tests a store of posts. open returns an empty one and sees to its end.
func Posts(t *testing.T, open func(t *testing.T) feed.PostStore) {
	for name, test := range map[string]func(*testing.T, feed.PostStore){
		"insert and get": testInsert, "delete": testDelete, "by author": testByAuthor, "claim": testClaim,
		"changes": testChanges, "each post": testEachPost,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func get(t *testing.T, s feed.PostStore, id feed.PostID) feed.Post {
	t.Helper()
	found, err := s.Get(t.Context(), id)
	if err != nil || len(found) != 1 {
		t.Fatalf("Get = %v, %v; want one post", found, err)
	}
	return found[0]
}

func testInsert(t *testing.T, s feed.PostStore) {
	p := post(1, 1, feed.At(1, 5))
	p.ReplyTo, p.Parent, p.Product = feed.PostID{14: 1}, feed.Parent{Partition: 1, At: feed.At(1, 2)}, "prd_1"
	mustDo(t, s.Insert(t.Context(), p))
	if got := get(t, s, p.ID); got.Text != p.Text || got.Author != p.Author || got.ReplyTo != p.ReplyTo ||
		got.Product != p.Product || !reflect.DeepEqual(got.Media, p.Media) || !got.CreatedAt.Equal(p.CreatedAt) || got.At != p.At {
		t.Errorf("Get = %+v, want %+v", got, p)
	}
	later := p
	later.Text, later.At = "other", feed.At(1, 9)
	mustDo(t, s.Insert(t.Context(), later))
	if got := get(t, s, p.ID); got.Text != p.Text || got.At != p.At {
		t.Errorf("a second Insert left %+v, want %+v", got, p)
	}
	later.At = feed.At(1, 3)
	mustDo(t, s.Insert(t.Context(), later))
	if got := get(t, s, p.ID); got.At != later.At {
		t.Errorf("the post is at %v, want the lowest position %v", got.At, later.At)
	}
	if found, err := s.Get(t.Context(), feed.PostID{1}); err != nil || len(found) != 0 {
		t.Errorf("Get of no post = %v, %v", found, err)
	}
}

func testDelete(t *testing.T, s feed.PostStore) {
	p := post(1, 1, feed.At(1, 5))
	mustDo(t, s.Insert(t.Context(), p))
	for _, at := range []feed.Position{feed.At(1, 8), feed.At(1, 7), feed.At(1, 9)} {
		mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: p.ID, Author: p.Author, At: at}))
	}
	mustDo(t, s.Insert(t.Context(), p))
	if got := get(t, s, p.ID); got.Deleted != feed.At(1, 7) || got.Text != "" || len(got.Media) != 0 || got.At != p.At {
		t.Errorf("a deleted post is %+v, want one without content, deleted at %v", got, feed.At(1, 7))
	}
	early := post(2, 1, feed.At(1, 6)) // its deletion comes first
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: early.ID, Author: early.Author, At: feed.At(1, 10)}))
	if got := get(t, s, early.ID); got.At != 0 || got.Deleted != feed.At(1, 10) {
		t.Errorf("a post of which only the deletion is known is %+v", got)
	}
	mustDo(t, s.Insert(t.Context(), early))
	if got := get(t, s, early.ID); got.Deleted != feed.At(1, 10) || got.Text != "" || got.At != early.At {
		t.Errorf("a post inserted after its deletion is %+v, want it deleted", got)
	}
	lists, err := s.ByAuthor(t.Context(), feed.AuthorRange{Author: p.Author, Before: last, Limit: 10})
	if err != nil || len(lists[0]) != 2 {
		t.Errorf("ByAuthor = %v, %v; want the two deleted posts", lists, err)
	}
}

func testByAuthor(t *testing.T, s feed.PostStore) {
	for n := byte(1); n <= 9; n++ {
		mustDo(t, s.Insert(t.Context(), post(n, 1+n%2, feed.At(1, int64(20-n)))))
	}
	lists, err := s.ByAuthor(t.Context(),
		feed.AuthorRange{Author: user(2), Before: last, Limit: 3},
		feed.AuthorRange{Author: user(1), Before: feed.PostID{15: 6}, Limit: 3},
		feed.AuthorRange{Author: user(3), Before: last, Limit: 3})
	mustDo(t, err)
	var got [][]byte
	for i, list := range lists {
		got = append(got, []byte{})
		for _, e := range list {
			got[i] = append(got[i], e.Post[15])
			if want := feed.At(1, int64(20-e.Post[15])); e.At != want || e.Author != user(1+e.Post[15]%2) {
				t.Errorf("the entry of post %d is %+v", e.Post[15], e)
			}
		}
	}
	if want := [][]byte{{9, 7, 5}, {4, 2}, {}}; !reflect.DeepEqual(got, want) {
		t.Errorf("ByAuthor = %v, want %v", got, want)
	}
}

func testChanges(t *testing.T, s feed.PostStore) {
	at := func(offset int64) feed.Position { return feed.At(1, offset) }
	posted := func(n byte, offset int64) feed.Change { return feed.Change{At: at(offset), Post: feed.PostID{15: n}} }
	deleted := func(n byte, offset int64) feed.Change {
		return feed.Change{At: at(offset), Post: feed.PostID{15: n}, Deleted: true}
	}
	for n := byte(1); n <= 5; n++ { // the first identifier comes last
		mustDo(t, s.Insert(t.Context(), post(n, 1, at(20-2*int64(n)))))
	}
	mustDo(t, s.Insert(t.Context(), post(6, 2, at(13))))
	mustDo(t, s.Insert(t.Context(), post(7, 1, feed.At(2, 0))))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 3}, Author: user(1), At: at(15)}))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 8}, Author: user(1), At: at(17)})) // its Insert comes later
	mustDo(t, s.Insert(t.Context(), post(1, 1, at(19))))                                                 // again
	for _, tt := range []struct {
		name     string
		author   byte
		from, to feed.Position
		limit    int
		want     []feed.Change
	}{
		{"all", 1, 0, feed.At(2, 1), 10, []feed.Change{
			posted(5, 10), posted(4, 12), posted(3, 14), deleted(3, 15), posted(2, 16), deleted(8, 17), posted(1, 18), {At: feed.At(2, 0), Post: feed.PostID{15: 7}},
		}},
		{"a part", 1, at(12), at(16), 10, []feed.Change{posted(4, 12), posted(3, 14), deleted(3, 15)}},
		{"the first", 1, at(11), at(18), 2, []feed.Change{posted(4, 12), posted(3, 14)}},
		{"another author", 2, at(11), at(18), 2, []feed.Change{posted(6, 13)}},
		{"none", 3, 0, feed.At(2, 1), 10, nil},
		{"nothing", 1, at(18), at(18), 10, nil},
	} {
		lists, err := s.Changes(t.Context(), feed.ChangeRange{Author: user(4), To: feed.At(2, 1), Limit: 1},
			feed.ChangeRange{Author: user(tt.author), From: tt.from, To: tt.to, Limit: tt.limit})
		if err != nil || len(lists) != 2 || len(lists[0]) != 0 {
			t.Errorf("%s: Changes = %v, %v; want two lists, of which the first is empty", tt.name, lists, err)
			continue
		}
		got := counting(t, s, lists[1])
		if len(got) != len(tt.want) || len(got) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: Changes = %v, want %v", tt.name, got, tt.want)
		}
	}
	mustDo(t, s.Insert(t.Context(), post(2, 1, at(11)))) // a lower position
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 3}, Author: user(1), At: at(13)}))
	lists, err := s.Changes(t.Context(), feed.ChangeRange{Author: user(1), From: at(11), To: at(17), Limit: 10})
	if want := []feed.Change{posted(2, 11), posted(4, 12), deleted(3, 13), posted(3, 14)}; err != nil || !reflect.DeepEqual(counting(t, s, lists[0]), want) {
		t.Errorf("with lower positions, Changes = %v, %v; want %v", lists[0], err, want)
	}
}

// counting returns the changes whose positions count.
func counting(t *testing.T, s feed.PostStore, changes []feed.Change) (left []feed.Change) {
	t.Helper()
	for _, c := range changes {
		p := get(t, s, c.Post)
		if c.Deleted && p.Deleted == c.At || !c.Deleted && p.At == c.At {
			left = append(left, c)
		}
	}
	return left
}

func testClaim(t *testing.T, s feed.PostStore) {
	c := feed.Claim{Author: user(1), Key: "key", Hash: [32]byte{1}, ID: feed.PostID{15: 1}}
	for _, id := range []feed.PostID{{15: 1}, {15: 2}} {
		c.ID = id
		if got, err := s.Claim(t.Context(), c); err != nil || got != (feed.PostID{15: 1}) {
			t.Errorf("Claim = %v, %v; want the first identifier", got, err)
		}
	}
	c.Hash = [32]byte{2}
	if _, err := s.Claim(t.Context(), c); fault.CodeOf(err) != feed.CodeKeyReused {
		t.Errorf("Claim for another request = %v, want code %s", err, feed.CodeKeyReused)
	}
	c.Author = user(2)
	if got, err := s.Claim(t.Context(), c); err != nil || got != c.ID {
		t.Errorf("Claim of another author = %v, %v", got, err)
	}
}

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

// Timelines tests a store of timelines. open returns an empty one of Shape and Trim and sees to its end.
func Timelines(t *testing.T, open func(t *testing.T) feed.TimelineStore) {
	for name, test := range map[string]func(*testing.T, feed.TimelineStore){
		"head": testHead, "merge": testMerge, "fences": testFences, "parts": testParts, "epochs": testEpochs,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func row(writer uint64, offset int64) feed.Row {
	return feed.Row{Writer: writer, Posts: feed.Vector{feed.At(1, offset), feed.At(1, offset)}, Graph: feed.At(1, offset)}
}

// begin begins an epoch and returns the fence of the partition of the first user.
func begin(t *testing.T, s feed.TimelineStore, was, epoch uint64) feed.Fence {
	t.Helper()
	mustDo(t, s.Begin(t.Context(), was, feed.Head{Epoch: epoch, Strategy: feed.Hybrid, Rows: []feed.Row{row(1, 0), row(1, 0)}}))
	return feed.Fence{Epoch: epoch, Partition: Shape.GraphOf(user(1)), Row: row(1, 0)}
}

func operand(base bool, floor byte, posts ...byte) feed.Operand {
	o := feed.Operand{User: user(1), Timeline: feed.Timeline{Base: base}}
	if floor > 0 {
		o.Floor = feed.PostID{15: floor}
	}
	for _, n := range posts {
		o.Entries = append(o.Entries, feed.Entry{Post: feed.PostID{15: n}, Author: user(2), At: feed.At(1, int64(n))})
	}
	return o
}

func wantTimeline(t *testing.T, s feed.TimelineStore, want feed.Operand) {
	t.Helper()
	_, got, err := s.Read(t.Context(), user(1), Shape.GraphOf(user(1)), last, 10)
	if err != nil || got.Base != want.Base || got.Base && (got.Floor != want.Floor || !reflect.DeepEqual(got.Entries, want.Entries)) {
		t.Errorf("the timeline is %v, %v; want %v", got, err, want.Timeline)
	}
}

func testHead(t *testing.T, s feed.TimelineStore) {
	if _, ok, err := s.Head(t.Context()); ok || err != nil {
		t.Errorf("Head of an empty store = %v, %v", ok, err)
	}
	if r, timeline, err := s.Read(t.Context(), user(1), 0, last, 10); err != nil || timeline.Base || r.Posts != nil {
		t.Errorf("Read of an empty store = %v, %v, %v", r, timeline, err)
	}
	fence := begin(t, s, 0, 10)
	if err := s.Begin(t.Context(), 0, feed.Head{Epoch: 11}); !fault.Is(err, fault.Stale) {
		t.Errorf("Begin over another epoch = %v, want Stale", err)
	}
	mustDo(t, s.Advance(t.Context(), fence, row(2, 4)))
	head, ok, err := s.Head(t.Context())
	if err != nil || !ok || head.Epoch != 10 || head.Strategy != feed.Hybrid || !reflect.DeepEqual(head.Rows[fence.Partition], row(2, 4)) {
		t.Errorf("Head = %v, %v, %v; want the row that was advanced to", head, ok, err)
	}
}

func testMerge(t *testing.T, s feed.TimelineStore) {
	fence := begin(t, s, 0, 10)
	merge := func(o feed.Operand) { t.Helper(); mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{o})) }
	merge(operand(true, 0, 3, 1))
	wantTimeline(t, s, operand(true, 0, 3, 1))
	merge(operand(false, 0, 4, 3, 2))
	merge(operand(false, 0, 4, 3, 2))
	wantTimeline(t, s, operand(true, 0, 4, 3, 2, 1))
	merge(operand(false, 0, 9, 8)) // more than Trim.Above
	wantTimeline(t, s, operand(true, 3, 9, 8, 4))
	merge(operand(false, 0, 2)) // below the floor
	merge(operand(false, 4, 7))
	wantTimeline(t, s, operand(true, 4, 9, 8, 7))
	mustDo(t, s.Drop(t.Context(), 10, user(1), user(2)))
	wantTimeline(t, s, operand(false, 0))
	merge(operand(false, 0, 12))
	wantTimeline(t, s, operand(false, 0)) // an operand without a base is no timeline
	merge(operand(true, 0, 11))
	_, got, err := s.Read(t.Context(), user(1), Shape.GraphOf(user(1)), last, 10)
	if err != nil || !got.Base || got.Entries[len(got.Entries)-1].Post != (feed.PostID{15: 11}) {
		t.Errorf("a timeline that was dropped and based again is %v, %v", got, err)
	}
}

func testParts(t *testing.T, s feed.TimelineStore) {
	fence := begin(t, s, 0, 10)
	mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{operand(true, 2, 9, 7, 5, 3)}))
	for _, tt := range []struct {
		before, floor byte
		limit         int
		want          []byte
	}{
		{10, 2, 4, []byte{9, 7, 5, 3}}, {10, 5, 2, []byte{9, 7}}, {9, 3, 2, []byte{7, 5}}, {8, 2, 3, []byte{7, 5, 3}},
		{6, 3, 1, []byte{5}}, {3, 2, 1, nil}, {2, 2, 5, nil},
	} {
		_, got, err := s.Read(t.Context(), user(1), Shape.GraphOf(user(1)), feed.PostID{15: tt.before}, tt.limit)
		mustDo(t, err)
		var posts []byte
		for _, e := range got.Entries {
			posts = append(posts, e.Post[15])
		}
		if !got.Base || got.Floor != (feed.PostID{15: tt.floor}) || !reflect.DeepEqual(posts, tt.want) {
			t.Errorf("%d entries below %d are %v with floor %v, want %v with floor %d", tt.limit, tt.before, posts, got.Floor, tt.want, tt.floor)
		}
	}
}

func testFences(t *testing.T, s feed.TimelineStore) {
	old := begin(t, s, 0, 10)
	mustDo(t, s.Advance(t.Context(), old, row(2, 0)))
	if err := s.Merge(t.Context(), old, []feed.Operand{operand(true, 0, 1)}); !fault.Is(err, fault.Stale) {
		t.Errorf("Merge of a base under a row that was replaced = %v, want Stale", err)
	}
	if err := s.Merge(t.Context(), old, []feed.Operand{operand(false, 0, 1)}); err != nil && !fault.Is(err, fault.Stale) {
		t.Errorf("Merge without a base under a row that was replaced = %v, want nil or Stale", err)
	}
	wantTimeline(t, s, operand(false, 0))
	if err := s.Advance(t.Context(), old, row(1, 9)); !fault.Is(err, fault.Stale) {
		t.Errorf("Advance of a row that was replaced = %v, want Stale", err)
	}
	now := feed.Fence{Epoch: 10, Partition: old.Partition, Row: row(2, 0)}
	mustDo(t, s.Merge(t.Context(), now, []feed.Operand{operand(true, 0, 1)}))
	for _, merges := range []int{0, 2} {
		now.Merges = merges
		if err := s.Advance(t.Context(), now, row(2, 5)); !fault.Is(err, fault.Stale) {
			t.Errorf("Advance after 1 merge with a fence of %d = %v, want Stale", merges, err)
		}
	}
	now.Merges = 1
	mustDo(t, s.Advance(t.Context(), now, row(2, 5)))
	now.Row, now.Merges = row(2, 5), feed.AnyMerges
	mustDo(t, s.Advance(t.Context(), now, row(3, 5)))
	wantTimeline(t, s, operand(true, 0, 1))
}

func testEpochs(t *testing.T, s feed.TimelineStore) {
	old := begin(t, s, 0, 10)
	mustDo(t, s.Merge(t.Context(), old, []feed.Operand{operand(true, 0, 1)}))
	begin(t, s, 10, 11)
	wantTimeline(t, s, operand(false, 0))
	for name, err := range map[string]error{
		"Merge":   s.Merge(t.Context(), old, []feed.Operand{operand(true, 0, 2)}),
		"Advance": s.Advance(t.Context(), old, row(1, 3)),
	} {
		if !fault.Is(err, fault.Stale) {
			t.Errorf("%s of another epoch = %v, want Stale", name, errors.Unwrap(err))
		}
	}
	wantTimeline(t, s, operand(false, 0))
}
