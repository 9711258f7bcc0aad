package feedtest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/feed"
)

// ModelShape is the shape that GraphAgree expects of a store.
var ModelShape = feed.Shape{Posts: 2, Graph: 3}

type graphModel struct {
	salt
	got  feed.GraphStore
	want *feed.MemoryGraph
}

// GraphAgree compares a store of the graph with the reference. open returns an empty store of ModelShape for one sequence of calls.
func GraphAgree(t *testing.T, open func(r *rapid.T) (feed.GraphStore, Events)) {
	check(t, 1, func(r *rapid.T) {
		got, events := open(r)
		m := &graphModel{got: got, want: feed.NewMemoryGraph(ModelShape)}
		actions := events.with(map[string]func(*rapid.T){
			"apply": m.apply, "modes": m.putModes, "idle": m.idle,
			"relations": func(r *rapid.T) { m.compareUser(r, m.drawUser(r, "user")) },
		})
		if loader, ok := got.(feed.FollowLoader); ok {
			actions["load"] = func(r *rapid.T) { m.load(r, loader) }
			actions["count"] = func(r *rapid.T) { m.count(r, loader) }
		}
		r.Repeat(actions)
		m.compare(r)
	})
}

// apply draws changes of which a position decides the state: it is that of one record.
func (m *graphModel) apply(r *rapid.T) {
	c := feed.GraphChanges{Partition: rapid.IntRange(0, ModelShape.Graph-1).Draw(r, "partition")}
	c.Reach = feed.Row{Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	for range rapid.IntRange(0, 6).Draw(r, "edges") {
		e := feed.Edge{Since: drawAt(r)}
		e.On = e.Since%3 > 0
		e.Kind = feed.EdgeKind(rapid.IntRange(1, 3).Draw(r, "kind"))
		e.From, e.To = m.drawUser(r, "from"), m.drawUser(r, "to")
		if ModelShape.GraphOf(e.From) == c.Partition {
			c.Edges = append(c.Edges, e)
		}
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.ByteRange(0, modelUsers-2), 0, 2, rapid.ID).Draw(r, "counted") {
		through := drawAt(r)
		count := feed.Count{Followers: through.Offset()*7%300 - 3, Through: through}
		c.Counts = append(c.Counts, feed.UserCount{User: m.user(n), Count: count})
	}
	if rapid.Bool().Draw(r, "active") {
		c.Active = append(c.Active, m.drawUser(r, "user"))
	}
	same(r, "Apply", nil, nil, m.got.Apply(r.Context(), c), m.want.Apply(r.Context(), c))
}

// load draws follows of which a position decides the state, as apply does.
func (m *graphModel) load(r *rapid.T, loader feed.FollowLoader) {
	since := m.drawVector(r)
	for p := range since {
		if since[p]%3 == 0 {
			since[p]++
		}
	}
	var from []feed.UserID
	var followed [][]feed.UserID
	for range rapid.IntRange(0, 4).Draw(r, "followers") {
		from = append(from, m.drawUser(r, "from"))
		followed = append(followed, m.drawUsers(r, "followed"))
	}
	follows := func(yield func(feed.UserID, []feed.UserID) bool) {
		for i := range from {
			if !yield(from[i], followed[i]) {
				return
			}
		}
	}
	same(r, "LoadFollows", nil, nil, loader.LoadFollows(r.Context(), since, follows), m.want.LoadFollows(r.Context(), since, follows))
}

func (m *graphModel) count(r *rapid.T, loader feed.FollowLoader) {
	through, authors := m.drawVector(r), m.drawUsers(r, "authors")
	got, gotErr := loader.CountFollowers(r.Context(), through, authors...)
	want, wantErr := m.want.CountFollowers(r.Context(), through, authors...)
	same(r, "CountFollowers", got, want, gotErr, wantErr)
}

func (m *graphModel) drawUsers(r *rapid.T, label string) []feed.UserID {
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) feed.UserID { return m.drawUser(r, "user") }), 0, 5).Draw(r, label)
}

// drawVector draws a position of each partition of the graph.
func (m *graphModel) drawVector(r *rapid.T) (v feed.Vector) {
	for range ModelShape.Graph {
		v = append(v, drawAt(r))
	}
	return v
}

func (m *graphModel) putModes(r *rapid.T) {
	var modes []feed.Modes
	for range rapid.IntRange(0, 2).Draw(r, "modes") {
		changed := feed.Modes{Author: m.drawUser(r, "author")}
		for n := range rapid.IntRange(1, 3).Draw(r, "changes") {
			c := feed.ModeChange{Number: n + 1, At: feed.At(1, int64(n))}
			if n%2 == 0 && rapid.Bool().Draw(r, "posts") {
				c.Least, c.Greatest = m.drawPost(r).ID, m.drawPost(r).ID
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
	partition := rapid.IntRange(0, ModelShape.Graph-1).Draw(r, "partition")
	got, gotErr := m.got.Idle(r.Context(), partition, before, 100)
	want, wantErr := m.want.Idle(r.Context(), partition, before, 100)
	for _, list := range []*[]feed.UserID{&got, &want} {
		*list = slices.SortedFunc(slices.Values(*list), feed.UserID.Compare)
	}
	same(r, "Idle", got, want, gotErr, wantErr)
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
	for from := range byte(modelUsers) {
		m.compareUser(r, m.user(from))
		m.compareFollowers(r, m.user(from))
		for to := range byte(modelUsers) {
			for kind := feed.Follow; kind <= feed.Mute; kind++ {
				keys = append(keys, feed.EdgeKey{Kind: kind, From: m.user(from), To: m.user(to)})
			}
		}
	}
	got, gotErr := m.got.Edges(r.Context(), keys...)
	want, wantErr := m.want.Edges(r.Context(), keys...)
	for _, list := range [][]feed.Edge{got, want} {
		slices.SortFunc(list, func(a, b feed.Edge) int {
			return slices.Index(keys, a.EdgeKey) - slices.Index(keys, b.EdgeKey)
		})
	}
	same(r, "Edges", got, want, gotErr, wantErr)
	for _, authors := range [][]feed.UserID{nil, {m.user(1), m.user(2)}} {
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
	same(r, "Relations", Sorted(got), Sorted(want), gotErr, wantErr)
	applied, gotErr := m.got.Applied(r.Context(), user)
	same(r, "Applied", applied, want.Applied, gotErr, wantErr)
	gotCounts, gotErr := m.got.Counts(r.Context(), user)
	wantCounts, wantErr := m.want.Counts(r.Context(), user)
	same(r, "Counts", gotCounts, wantCounts, gotErr, wantErr)
}

func (m *graphModel) compareFollowers(r *rapid.T, user feed.UserID) {
	for p := range ModelShape.Graph {
		gotReach, gotOK, gotErr := m.got.Reach(r.Context(), p)
		wantReach, wantOK, wantErr := m.want.Reach(r.Context(), p)
		same(r, "Reach", []any{gotReach, gotOK}, []any{wantReach, wantOK}, gotErr, wantErr)
		for from := range byte(modelUsers) {
			got, gotErr := m.got.Followers(r.Context(), user, p, m.user(from), 1+int(from)%2)
			want, wantErr := m.want.Followers(r.Context(), user, p, m.user(from), 1+int(from)%2)
			if !slices.Equal(got, want) {
				r.Fatalf("Followers from %d = %v, the reference says %v", from, got, want)
			}
			same(r, "Followers", nil, nil, gotErr, wantErr)
		}
	}
}

// Sorted brings relations into one order, without empty lists.
func Sorted(rel feed.Relations) feed.Relations {
	for _, list := range []*[]feed.Edge{&rel.Follows, &rel.Mutes, &rel.Blocks} {
		*list = slices.SortedFunc(slices.Values(*list), func(a, b feed.Edge) int {
			return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
		})
	}
	return rel
}
