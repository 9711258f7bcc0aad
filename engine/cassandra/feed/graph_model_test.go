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
	g := openGraph(t, modelShape)
	rapid.Check(t, func(r *rapid.T) {
		server.URL(t) // empties the tables
		m := &graphModel{got: g, want: feed.NewMemoryGraph(modelShape)}
		r.Repeat(map[string]func(*rapid.T){
			"apply":     m.apply,
			"modes":     m.putModes,
			"idle":      m.idle,
			"relations": func(r *rapid.T) { m.compareUser(r, drawUser(r, "user")) },
		})
		m.compare(r)
	})
}

func drawUser(r *rapid.T, label string) feed.UserID { return salt(0).drawUser(r, label) }

// apply draws changes of which a position decides the state: it is that of one record.
func (m *graphModel) apply(r *rapid.T) {
	c := feed.GraphChanges{Partition: rapid.IntRange(0, modelShape.Graph-1).Draw(r, "partition")}
	c.Reach = feed.Row{Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	for range rapid.IntRange(0, 6).Draw(r, "edges") {
		e := feed.Edge{Since: drawAt(r)}
		e.On = e.Since%3 > 0
		e.Kind = feed.EdgeKind(rapid.IntRange(1, 3).Draw(r, "kind"))
		e.From, e.To = drawUser(r, "from"), drawUser(r, "to")
		if modelShape.GraphOf(e.From) == c.Partition {
			c.Edges = append(c.Edges, e)
		}
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.ByteRange(1, 5), 0, 2, rapid.ID).Draw(r, "counted") {
		through := drawAt(r)
		count := feed.Count{Followers: through.Offset()*7%300 - 3, Through: through}
		c.Counts = append(c.Counts, feed.UserCount{User: salt(0).id(7, n), Count: count})
	}
	if rapid.Bool().Draw(r, "active") {
		c.Active = append(c.Active, drawUser(r, "user"))
	}
	same(r, "Apply", nil, nil, m.got.Apply(r.Context(), c), m.want.Apply(r.Context(), c))
}

func (m *graphModel) putModes(r *rapid.T) {
	var modes []feed.Modes
	for range rapid.IntRange(0, 2).Draw(r, "modes") {
		changed := feed.Modes{Author: drawUser(r, "author")}
		for n := range rapid.IntRange(1, 3).Draw(r, "changes") {
			c := feed.ModeChange{Number: n + 1, At: feed.At(1, int64(n))}
			if n%2 == 0 && rapid.Bool().Draw(r, "posts") {
				c.Least, c.Greatest = salt(0).drawPost(r).ID, salt(0).drawPost(r).ID
			}
			changed.Changes = append(changed.Changes, c)
		}
		modes = append(modes, changed)
	}
	same(r, "PutModes", nil, nil, m.got.PutModes(r.Context(), modes...), m.want.PutModes(r.Context(), modes...))
}

// idle compares all idle users: which of them a limit leaves is not said.
func (m *graphModel) idle(r *rapid.T) {
	before := time.Now().Add(rapid.SampledFrom([]time.Duration{-time.Hour, time.Hour}).Draw(r, "before"))
	partition := rapid.IntRange(0, modelShape.Graph-1).Draw(r, "partition")
	got, gotErr := m.got.Idle(r.Context(), partition, before, 100)
	want, wantErr := m.want.Idle(r.Context(), partition, before, 100)
	slices.SortFunc(got, feed.UserID.Compare)
	same(r, "Idle", got, slices.Clip(want), gotErr, wantErr)
	some, err := m.got.Idle(r.Context(), partition, before, 1)
	if err != nil || len(some) != min(1, len(want)) || len(some) > 0 && !slices.Contains(want, some[0]) {
		r.Fatalf("Idle with a limit of 1 = %v, %v; all are %v", some, err, want)
	}
	if rapid.Bool().Draw(r, "forget") {
		forgotten := before.Add(rapid.SampledFrom([]time.Duration{0, -2 * time.Hour}).Draw(r, "forgotten"))
		same(r, "Forget", nil, nil, m.got.Forget(r.Context(), forgotten, want...), m.want.Forget(r.Context(), forgotten, want...))
	}
}

func (m *graphModel) compare(r *rapid.T) {
	var keys []feed.EdgeKey
	for from := range byte(7) {
		user := feed.UserID(salt(0).id(7, from))
		m.compareUser(r, user)
		m.compareFollowers(r, user)
		for to := range byte(7) {
			for kind := feed.Follow; kind <= feed.Mute; kind++ {
				keys = append(keys, feed.EdgeKey{Kind: kind, From: user, To: salt(0).id(7, to)})
			}
		}
	}
	got, gotErr := m.got.Edges(r.Context(), keys...)
	want, wantErr := m.want.Edges(r.Context(), keys...)
	same(r, "Edges", got, want, gotErr, wantErr)
	for _, authors := range [][]feed.UserID{nil, {salt(0).id(7, 1), salt(0).id(7, 2)}} {
		got, gotErr := m.got.Modes(r.Context(), authors...)
		want, wantErr := m.want.Modes(r.Context(), authors...)
		for _, list := range [][]feed.Modes{got, want} {
			slices.SortFunc(list, func(a, b feed.Modes) int { return a.Author.Compare(b.Author) })
		}
		same(r, "Modes", got, want, gotErr, wantErr)
	}
}

func (m *graphModel) compareUser(r *rapid.T, user feed.UserID) {
	got, gotErr := m.got.Relations(r.Context(), user)
	want, wantErr := m.want.Relations(r.Context(), user)
	same(r, "Relations", sorted(got), sorted(want), gotErr, wantErr)
	applied, gotErr := m.got.Applied(r.Context(), user)
	same(r, "Applied", applied, want.Applied, gotErr, wantErr)
	gotCounts, gotErr := m.got.Counts(r.Context(), user)
	wantCounts, wantErr := m.want.Counts(r.Context(), user)
	same(r, "Counts", gotCounts, wantCounts, gotErr, wantErr)
}

func (m *graphModel) compareFollowers(r *rapid.T, user feed.UserID) {
	for p := range modelShape.Graph {
		gotReach, gotOK, gotErr := m.got.Reach(r.Context(), p)
		wantReach, wantOK, wantErr := m.want.Reach(r.Context(), p)
		same(r, "Reach", []any{gotReach, gotOK}, []any{wantReach, wantOK}, gotErr, wantErr)
		for from := range byte(6) {
			got, gotErr := m.got.Followers(r.Context(), user, p, salt(0).id(7, from), 1+int(from)%2)
			want, wantErr := m.want.Followers(r.Context(), user, p, salt(0).id(7, from), 1+int(from)%2)
			if !slices.Equal(got, want) {
				r.Fatalf("Followers from %d = %v, the reference says %v", from, got, want)
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
