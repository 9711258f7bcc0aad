package feed

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"gotest.tools/v3/golden"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// dump returns all rows of a database, one a line.
func dump(t *testing.T, db *pebble.DB) string {
	t.Helper()
	iter, err := db.Pebble().NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for ok := iter.First(); ok; ok = iter.Next() {
		fmt.Fprintf(&out, "%c %s → %s\n", iter.Key()[0], hex.EncodeToString(iter.Key()[1:]), hex.EncodeToString(iter.Value()))
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func id(first, last byte) [16]byte { return [16]byte{0: first, 15: last} }

var pinnedPost = feed.Post{
	ID: id(1, 2), Author: id(3, 4), Text: "Hello", Product: "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", ReplyTo: id(5, 6),
	Media: []string{"https://example.org/a.png", "https://example.org/b.png"},
	At:    feed.At(2, 77), Parent: feed.Parent{Partition: 9, At: feed.At(2, 55)},
	CreatedAt: time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC),
}

// TestPostFormat pins the keys and values of posts. docs/upgrading.md says how to change them.
func TestPostFormat(t *testing.T) {
	db := openRows(t, vfs.NewMem())
	s := NewPosts(db)
	mustDo(t, s.Insert(t.Context(), pinnedPost))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: id(1, 3), Author: id(3, 4), At: feed.At(2, 99)}))
	_, err := s.Claim(t.Context(), feed.Claim{Author: id(3, 4), Key: "key", Hash: [32]byte{1, 31: 2}, ID: id(1, 2)})
	mustDo(t, err)
	golden.Assert(t, dump(t, db.db), "posts.txt")
	got, err := decodePost(pinnedPost.ID, appendPost(nil, pinnedPost))
	if err != nil || !reflect.DeepEqual(got, pinnedPost) {
		t.Errorf("the stored post is decoded to %+v, %v; want %+v", got, err, pinnedPost)
	}
}

func TestADamagedPostIsAnError(t *testing.T) {
	whole := appendPost(nil, pinnedPost)
	for n := range whole {
		if _, err := decodePost(pinnedPost.ID, whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are decoded", n, len(whole))
		}
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	for version, want := range map[int64]string{rowsVersion: "", rowsVersion + 1: fault.CodeNewerSchema} {
		db, err := pebble.OpenForm("rows", pebble.Options{FS: fs}, pebble.Form{Version: version})
		mustDo(t, err)
		mustDo(t, db.Close())
		opened, err := Open("rows", pebble.Options{FS: fs})
		if fault.CodeOf(err) != want && (want != "" || err != nil) {
			t.Errorf("Open of version %d = %v, want the code %q", version, err, want)
		}
		_, refused := OpenTimelines("rows", never, pebble.Options{FS: fs})
		if want != "" && fault.CodeOf(refused) != want {
			t.Errorf("OpenTimelines of version %d = %v, want the code %q", version, refused, want)
		}
		if err == nil {
			mustDo(t, opened.Close())
		}
		fs = vfs.NewMem()
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGraphFormat pins the keys and values of the graph. docs/upgrading.md says how to change them.
func TestGraphFormat(t *testing.T) {
	db := openRows(t, vfs.NewMem())
	g := NewGraph(db, feed.Shape{Posts: 2, Graph: 1})
	for _, e := range []feed.Edge{ // one by one, so that ordinals are given in this order
		{EdgeKey: feed.EdgeKey{Kind: feed.Follow, From: id(1, 1), To: id(1, 2)}, On: true, Since: feed.At(2, 300)},
		{EdgeKey: feed.EdgeKey{Kind: feed.Follow, From: id(1, 3), To: id(1, 2)}, On: true, Since: feed.At(2, 301)},
		{EdgeKey: feed.EdgeKey{Kind: feed.Follow, From: id(1, 1), To: id(1, 3)}, Since: feed.At(2, 302)},
		{EdgeKey: feed.EdgeKey{Kind: feed.Block, From: id(1, 1), To: id(1, 3)}, On: true, Since: feed.At(2, 303)},
		{EdgeKey: feed.EdgeKey{Kind: feed.Mute, From: id(1, 1), To: id(1, 2)}, On: true, Since: feed.At(2, 304)},
	} {
		users := map[feed.UserID]uint32{e.From: 0}
		mustDo(t, db.ordinals.of(t.Context(), users))
		mustDo(t, g.Apply(t.Context(), feed.GraphChanges{
			Edges: []feed.Edge{e}, Counts: []feed.UserCount{{User: e.To, Count: feed.Count{Followers: 7, Through: e.Since + 1}}},
			Reach: feed.Row{Writer: 5, Posts: feed.Vector{feed.At(2, 8), feed.At(2, 9)}, Graph: e.Since + 1},
		}))
	}
	mustDo(t, g.PutModes(t.Context(), feed.Modes{Author: id(1, 2), Changes: []feed.ModeChange{
		{Number: 1, At: feed.At(2, 5), Least: id(4, 4), Greatest: id(5, 5)}, {Number: 2, At: feed.At(2, 9)},
	}}))
	ends := feed.Reach{Posts: feed.Vector{feed.At(1, 3), feed.At(1, 4)}, Graph: feed.Vector{feed.At(1, 5)}}
	mustDo(t, g.PutStart(t.Context(), feed.LogStart{Epoch: 2, Ends: ends, Mark: 258, Marked: true}))
	golden.Assert(t, dump(t, db.db), "graph.txt")
	active := key(lastActive, key32(3), make([]byte, 16)) // its value is a time
	if want := "a" + "\x00\x00\x00\x03" + string(make([]byte, 16)); string(active) != want {
		t.Errorf("the key of an active user is %q, want %q", active, want)
	}
}

func TestDamagedSetsAreErrors(t *testing.T) {
	list := edges{{feed.Follow, 300, true, feed.At(1, 9)}}
	for n, whole := 1, appendEdges(nil, list); n < len(whole); n++ {
		if got, err := decodeEdges(whole[:n]); err == nil && len(got) > 0 {
			t.Errorf("%d of %d bytes are decoded to %v", n, len(whole), got)
		}
	}
	for _, data := range [][]byte{{2}, {setVersion, 0x80}} {
		if _, err := decodeEdges(data); err == nil {
			t.Errorf("edges %x are decoded", data)
		}
		if _, err := decodeSet(data); err == nil {
			t.Errorf("the set %x is decoded", data)
		}
	}
}

// TestTimelineFormat pins the keys and values of timelines. docs/upgrading.md says how to change them.
func TestTimelineFormat(t *testing.T) {
	s := openTimelines(t, vfs.NewMem(), never)
	h := head(258)
	mustDo(t, s.Begin(t.Context(), 0, h))
	timeline := feed.Timeline{Base: true, Floor: id(1, 1), Entries: []feed.Entry{
		{Post: feed.PostID{4: 2, 5: 9, 6: 4, 15: 7}, Author: id(3, 1), At: feed.At(2, 700)},
		{Post: feed.PostID{4: 1, 5: 8, 15: 6}, Author: id(3, 1), At: feed.At(2, 300)},
	}}
	timeline.Floor = feed.PostID{5: 1, 15: 5}
	operands := []feed.Operand{{User: id(1, 2), Timeline: timeline}, {User: id(1, 3), Timeline: feed.Timeline{Entries: timeline.Entries[:1]}}}
	mustDo(t, s.Merge(t.Context(), feed.Fence{Epoch: 258, Row: h.Rows[0]}, operands))
	// An iterator shows the timelines as the operator merges them, so that one without a base is empty.
	golden.Assert(t, dump(t, s.db), "timelines.txt")
	_, got, err := s.Read(t.Context(), id(1, 2), 0, feed.PostID{0: 255}, 10)
	if err != nil || !reflect.DeepEqual(got, timeline) {
		t.Errorf("the stored timeline is decoded to %+v, %v; want %+v", got, err, timeline)
	}
	whole := appendTimeline(nil, timeline, never, map[feed.UserID]uint32{id(3, 1): 0})
	for n := range whole {
		if _, err := decodeTimeline(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are decoded", n, len(whole))
		}
		if _, err := unite(nil, whole[:n], whole, never); err == nil {
			t.Errorf("%d of %d bytes are merged", n, len(whole))
		}
	}
}
