package feed

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/feed"
)

var modelShape = feed.Shape{Posts: 2, Graph: 3}

type graphModel struct {
	got  *Graph
	want *feed.MemoryGraph
}

func TestGraphAgreesWithMemory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &graphModel{want: feed.NewMemoryGraph(modelShape)}
		rows := newRowsModel(r, func(db *DB) { m.got = NewGraph(db, modelShape) })
		defer func() { rows.close(r) }()
		r.Repeat(map[string]func(*rapid.T){
			"apply":  m.apply,
			"load":   m.load,
			"count":  m.count,
			"modes":  m.putModes,
			"idle":   m.idle,
			"reopen": rows.reopen,
			"crash":  rows.crash,
			"":       m.compare,
		})
	})
}

func (m *graphModel) apply(r *rapid.T) {
	c := feed.GraphChanges{Partition: rapid.IntRange(0, modelShape.Graph-1).Draw(r, "partition")}
	c.Reach = feed.Row{Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	for range rapid.IntRange(0, 6).Draw(r, "edges") {
		e := feed.Edge{On: rapid.Bool().Draw(r, "on"), Since: drawAt(r)}
		e.Kind = feed.EdgeKind(rapid.IntRange(1, 3).Draw(r, "kind"))
		e.From, e.To = drawUser(r, "from"), drawUser(r, "to")
		if modelShape.GraphOf(e.From) == c.Partition {
			c.Edges = append(c.Edges, e)
		}
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.ByteRange(1, 5), 0, 2, rapid.ID).Draw(r, "counted") {
		count := feed.Count{Followers: rapid.Int64Range(-3, 300).Draw(r, "followers"), Through: drawAt(r)}
		c.Counts = append(c.Counts, feed.UserCount{User: feed.UserID{0: 7, 15: n}, Count: count})
	}
	if rapid.Bool().Draw(r, "active") {
		c.Active = append(c.Active, drawUser(r, "user"))
	}
	same(r, "Apply", nil, nil, m.got.Apply(r.Context(), c), m.want.Apply(r.Context(), c))
}

func (m *graphModel) load(r *rapid.T) {
	since := feed.Vector{drawAt(r), drawAt(r), drawAt(r)}
	var from []feed.UserID
	var followed [][]feed.UserID
	for range rapid.IntRange(0, 4).Draw(r, "followers") {
		from = append(from, drawUser(r, "from"))
		followed = append(followed, rapid.SliceOfN(rapid.Custom(func(r *rapid.T) feed.UserID { return drawUser(r, "to") }), 0, 5).Draw(r, "followed"))
	}
	follows := func(yield func(feed.UserID, []feed.UserID) bool) {
		for i := range from {
			if !yield(from[i], followed[i]) {
				return
			}
		}
	}
	same(r, "LoadFollows", nil, nil, m.got.LoadFollows(r.Context(), since, follows), m.want.LoadFollows(r.Context(), since, follows))
}

func (m *graphModel) count(r *rapid.T) {
	through := feed.Vector{drawAt(r), drawAt(r), drawAt(r)}
	authors := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) feed.UserID { return drawUser(r, "author") }), 0, 5).Draw(r, "authors")
	got, gotErr := m.got.CountFollowers(r.Context(), through, authors...)
	want, wantErr := m.want.CountFollowers(r.Context(), through, authors...)
	same(r, "CountFollowers", got, want, gotErr, wantErr)
}

func (m *graphModel) putModes(r *rapid.T) {
	var modes []feed.Modes
	for range rapid.IntRange(0, 2).Draw(r, "modes") {
		changed := feed.Modes{Author: drawUser(r, "author")}
		for n := range rapid.IntRange(1, 3).Draw(r, "changes") {
			c := feed.ModeChange{Number: n + 1, At: feed.At(1, int64(n))}
			if n%2 == 0 {
				c.Least, c.Greatest = drawPost(r).ID, drawPost(r).ID
			}
			changed.Changes = append(changed.Changes, c)
		}
		modes = append(modes, changed)
	}
	same(r, "PutModes", nil, nil, m.got.PutModes(r.Context(), modes...), m.want.PutModes(r.Context(), modes...))
}

func (m *graphModel) idle(r *rapid.T) {
	before := time.Now().Add(rapid.SampledFrom([]time.Duration{-time.Hour, time.Hour}).Draw(r, "before"))
	partition, limit := rapid.IntRange(0, modelShape.Graph-1).Draw(r, "partition"), rapid.IntRange(1, 2).Draw(r, "limit")
	got, gotErr := m.got.Idle(r.Context(), partition, before, limit)
	want, wantErr := m.want.Idle(r.Context(), partition, before, limit)
	same(r, "Idle", got, want, gotErr, wantErr)
	if rapid.Bool().Draw(r, "forget") {
		forgotten := before.Add(rapid.SampledFrom([]time.Duration{0, -2 * time.Hour}).Draw(r, "forgotten"))
		same(r, "Forget", nil, nil, m.got.Forget(r.Context(), forgotten, want...), m.want.Forget(r.Context(), forgotten, want...))
	}
}

func (m *graphModel) compare(r *rapid.T) {
	var keys []feed.EdgeKey
	for from := range byte(7) {
		user := feed.UserID{0: 7, 15: from}
		got, gotErr := m.got.Relations(r.Context(), user)
		want, wantErr := m.want.Relations(r.Context(), user)
		same(r, "Relations", sorted(got), sorted(want), gotErr, wantErr)
		applied, gotErr := m.got.Applied(r.Context(), user)
		same(r, "Applied", applied, want.Applied, gotErr, wantErr)
		gotCounts, gotErr := m.got.Counts(r.Context(), user)
		wantCounts, wantErr := m.want.Counts(r.Context(), user)
		same(r, "Counts", gotCounts, wantCounts, gotErr, wantErr)
		m.compareFollowers(r, user)
		for to := range byte(7) {
			for kind := feed.Follow; kind <= feed.Mute; kind++ {
				keys = append(keys, feed.EdgeKey{Kind: kind, From: user, To: feed.UserID{0: 7, 15: to}})
			}
		}
	}
	got, gotErr := m.got.Edges(r.Context(), keys...)
	want, wantErr := m.want.Edges(r.Context(), keys...)
	same(r, "Edges", got, want, gotErr, wantErr)
	for _, authors := range [][]feed.UserID{nil, {{0: 7, 15: 1}, {0: 7, 15: 2}}} {
		got, gotErr := m.got.Modes(r.Context(), authors...)
		want, wantErr := m.want.Modes(r.Context(), authors...)
		slices.SortFunc(want, func(a, b feed.Modes) int { return a.Author.Compare(b.Author) })
		same(r, "Modes", got, want, gotErr, wantErr)
	}
}

func (m *graphModel) compareFollowers(r *rapid.T, user feed.UserID) {
	for p := range modelShape.Graph {
		gotReach, gotOK, gotErr := m.got.Reach(r.Context(), p)
		wantReach, wantOK, wantErr := m.want.Reach(r.Context(), p)
		same(r, "Reach", []any{gotReach, gotOK}, []any{wantReach, wantOK}, gotErr, wantErr)
		for after := range byte(6) {
			got, gotErr := m.got.Followers(r.Context(), user, p, feed.UserID{0: 7, 15: after}, 1+int(after)%2)
			want, wantErr := m.want.Followers(r.Context(), user, p, feed.UserID{0: 7, 15: after}, 1+int(after)%2)
			if !slices.Equal(got, want) {
				r.Fatalf("Followers after %d = %v, the reference says %v", after, got, want)
			}
			same(r, "Followers", nil, nil, gotErr, wantErr)
		}
	}
}

// sorted brings relations into one order, without empty lists.
func sorted(rel feed.Relations) feed.Relations {
	for _, list := range []*[]feed.Edge{&rel.Follows, &rel.Mutes, &rel.Blocks} {
		if len(*list) == 0 {
			*list = nil
		}
		slices.SortFunc(*list, func(a, b feed.Edge) int {
			return bytes.Compare(append(a.From[:], a.To[:]...), append(b.From[:], b.To[:]...))
		})
	}
	return rel
}
