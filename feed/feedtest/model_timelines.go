package feedtest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
)

// TimelineSubject is a store of timelines that TimelinesAgree compares with the reference. All but the store may be nil.
type TimelineSubject struct {
	Store  feed.TimelineStore
	Events Events // the store counts merges as before

	Restarts Events                                           // the store may count the merges since the row anew
	Losses   Events                                           // the store is empty after each
	Evict    func(r *rapid.T, epoch uint64, user feed.UserID) // the store loses one timeline
	// OnePosition says that the store relies on one position of each post, as a log has it.
	OnePosition bool
}

// timelinesModel compares timelines with the reference, which trims nothing: when a store trims depends on when it merges.
type timelinesModel struct {
	salt
	TimelineSubject
	want  *feed.MemoryTimelines
	fence feed.Fence
	epoch uint64 // the last one that was begun
	// maybe has the posts that were merged where no base was, or under a row that was replaced: they may be dropped.
	maybe map[feed.UserID]map[feed.PostID]bool
}

// never trims nothing.
var never = feed.Trim{Above: 1 << 30}

// modelTimelines is the shape of the timelines of a model.
var modelTimelines = feed.Shape{Graph: 2}

// TimelinesAgree compares a store of timelines with the reference. open returns an empty store of Trim for one sequence of calls.
func TimelinesAgree(t *testing.T, open func(r *rapid.T) *TimelineSubject) {
	check(t, 1, func(r *rapid.T) {
		m := &timelinesModel{TimelineSubject: *open(r), want: feed.NewMemoryTimelines(never)}
		for m.fence.Epoch == 0 {
			m.begin(r)
		}
		actions := m.Events.with(map[string]func(*rapid.T){
			"begin": m.begin, "merge": m.merge, "advance": m.advance, "drop": m.drop, "": m.compare,
		})
		if m.Evict != nil {
			actions["evict"] = m.evict
		}
		for name, restart := range m.Restarts {
			actions[name] = func(r *rapid.T) { restart(r); m.claim(r) }
		}
		for name, lose := range m.Losses {
			actions[name] = func(r *rapid.T) { m.lose(r, lose) }
		}
		r.Repeat(actions)
	})
}

// lose loses everything. It comes seldom, so that there is something to lose.
func (m *timelinesModel) lose(r *rapid.T, lose func(*rapid.T)) {
	if rapid.IntRange(0, 9).Draw(r, "lose") == 0 {
		lose(r)
		m.want, m.fence = feed.NewMemoryTimelines(never), feed.Fence{}
	}
}

func (m *timelinesModel) begin(r *rapid.T) {
	row := feed.Row{Writer: 1, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	head := feed.Head{Epoch: m.epoch + 1, Strategy: feed.Hybrid, Rows: []feed.Row{row, row}}
	was := rapid.SampledFrom([]uint64{m.fence.Epoch, m.fence.Epoch, m.fence.Epoch + 5}).Draw(r, "was")
	got, want := m.Store.Begin(r.Context(), was, head), m.want.Begin(r.Context(), was, head)
	same(r, "Begin", nil, nil, got, want)
	if want == nil {
		m.epoch = head.Epoch
		m.fence = feed.Fence{Epoch: head.Epoch, Partition: rapid.IntRange(0, 1).Draw(r, "partition"), Row: row}
		m.maybe = map[feed.UserID]map[feed.PostID]bool{}
	}
}

// claim takes the lead, as a builder does after a restart.
func (m *timelinesModel) claim(r *rapid.T) {
	if m.fence.Epoch == 0 {
		return
	}
	fence, to := m.fence, m.fence.Row
	fence.Merges = feed.AnyMerges
	to.Writer++
	same(r, "Advance", nil, nil, m.Store.Advance(r.Context(), fence, to), m.want.Advance(r.Context(), fence, to))
	m.fence.Row, m.fence.Merges = to, 0
}

// drawFence returns the fence, or sometimes one that is old.
func (m *timelinesModel) drawFence(r *rapid.T) (fence feed.Fence, current bool) {
	fence = m.fence
	switch rapid.IntRange(0, 9).Draw(r, "fence") {
	case 0:
		fence.Row.Writer += 100
	case 1:
		fence.Epoch += 100
	default:
		return fence, m.fence.Epoch != 0
	}
	return fence, false
}

func (m *timelinesModel) advance(r *rapid.T) {
	fence, _ := m.drawFence(r)
	fence.Merges = rapid.SampledFrom([]int{fence.Merges, fence.Merges, fence.Merges + 1, feed.AnyMerges}).Draw(r, "merges")
	to := feed.Row{Writer: fence.Row.Writer, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	got, want := m.Store.Advance(r.Context(), fence, to), feed.ErrStale()
	if m.fence.Epoch != 0 {
		want = m.want.Advance(r.Context(), fence, to)
	}
	same(r, "Advance", nil, nil, got, want)
	if want == nil {
		m.fence.Row, m.fence.Merges = to, 0
	}
}

// drawEntry draws an entry of which the identifier decides the author.
func (m *timelinesModel) drawEntry(r *rapid.T) feed.Entry {
	p := m.drawPost(r)
	if m.OnePosition {
		p.At = feed.At(1, int64(p.ID[15]))
	}
	return p.Entry()
}

func (m *timelinesModel) drawOperand(r *rapid.T) feed.Operand {
	return feed.Operand{User: m.drawUser(r, "user"), Timeline: m.drawTimeline(r)}
}

// DrawTimeline draws a timeline of few entries.
func DrawTimeline(r *rapid.T) feed.Timeline { return new(timelinesModel).drawTimeline(r) }

func (m *timelinesModel) drawTimeline(r *rapid.T) feed.Timeline {
	drawn := feed.Timeline{Base: rapid.Bool().Draw(r, "base")}
	if rapid.IntRange(0, 4).Draw(r, "floor") == 0 {
		drawn.Floor = m.drawEntry(r).Post
	}
	for _, e := range rapid.SliceOfNDistinct(rapid.Custom(m.drawEntry), 0, 8, func(e feed.Entry) feed.PostID { return e.Post }).Draw(r, "entries") {
		if e.Post.Compare(drawn.Floor) > 0 {
			drawn.Entries = append(drawn.Entries, e)
		}
	}
	slices.SortFunc(drawn.Entries, func(a, b feed.Entry) int { return b.Post.Compare(a.Post) })
	return drawn
}

func (m *timelinesModel) merge(r *rapid.T) {
	fence, current := m.drawFence(r)
	operands := rapid.SliceOfN(rapid.Custom(m.drawOperand), 0, 6).Draw(r, "operands")
	operands = slices.DeleteFunc(operands, func(o feed.Operand) bool { return modelTimelines.GraphOf(o.User) != fence.Partition })
	if !current {
		m.mergeLate(r, fence, operands)
		return
	}
	for i, o := range operands {
		if !m.based(r, o.User) && !slices.ContainsFunc(operands[:i+1], func(p feed.Operand) bool { return p.User == o.User && p.Base }) {
			operands[i].Floor = feed.PostID{} // it may be dropped, too
			m.doubt(o)
		}
	}
	got, want := m.Store.Merge(r.Context(), fence, operands), m.want.Merge(r.Context(), fence, operands)
	same(r, "Merge", nil, nil, got, want)
	m.fence.Merges++
}

// mergeLate merges under a row that is not the store's. Operands with a base are refused; without one, a store may take them.
func (m *timelinesModel) mergeLate(r *rapid.T, fence feed.Fence, operands []feed.Operand) {
	based := rapid.Bool().Draw(r, "based")
	operands = slices.DeleteFunc(operands, func(o feed.Operand) bool { return o.Base != based })
	for i := range operands {
		operands[i].Floor = feed.PostID{} // a store may take it
	}
	err := m.Store.Merge(r.Context(), fence, operands)
	if err != nil && !fault.Is(err, fault.Stale) || err == nil && based && len(operands) > 0 {
		r.Fatalf("Merge under another row = %v, want Stale", err)
	}
	if fence.Epoch == m.fence.Epoch && !based {
		for _, o := range operands {
			m.doubt(o)
		}
	}
}

func (m *timelinesModel) based(r *rapid.T, user feed.UserID) bool {
	_, known, err := m.want.Read(r.Context(), user, 0, last, 1)
	if err != nil {
		r.Fatal(err)
	}
	return known.Base
}

func (m *timelinesModel) doubt(o feed.Operand) {
	if m.maybe[o.User] == nil {
		m.maybe[o.User] = map[feed.PostID]bool{}
	}
	for _, e := range o.Entries {
		m.maybe[o.User][e.Post] = true
	}
}

func (m *timelinesModel) drop(r *rapid.T) {
	user := m.drawUser(r, "user")
	same(r, "Drop", nil, nil, m.Store.Drop(r.Context(), m.fence.Epoch, user), m.want.Drop(r.Context(), m.fence.Epoch, user))
	delete(m.maybe, user)
}

func (m *timelinesModel) evict(r *rapid.T) {
	user := m.drawUser(r, "user")
	m.Evict(r, m.fence.Epoch, user)
	same(r, "Drop", nil, nil, nil, m.want.Drop(r.Context(), m.fence.Epoch, user))
	delete(m.maybe, user)
}

func (m *timelinesModel) compare(r *rapid.T) {
	gotHead, gotOK, gotErr := m.Store.Head(r.Context())
	wantHead, wantOK, wantErr := m.want.Head(r.Context())
	same(r, "Head", []any{gotHead, gotOK}, []any{wantHead, wantOK}, gotErr, wantErr)
	for n := range byte(modelUsers) {
		user := m.user(n)
		gotRow, got, gotErr := m.Store.Read(r.Context(), user, m.fence.Partition, last, 100)
		wantRow, want, wantErr := m.want.Read(r.Context(), user, m.fence.Partition, last, 100)
		same(r, "Read", []any{gotRow, got.Base}, []any{wantRow, want.Base}, gotErr, wantErr)
		if want.Base {
			m.compareTimelines(r, user, got, want)
		}
	}
}

func (m *timelinesModel) compareTimelines(r *rapid.T, user feed.UserID, got, want feed.Timeline) {
	if trimmed := got.Floor.Compare(want.Floor); trimmed < 0 || trimmed > 0 && len(got.Entries) < Trim.Keep {
		r.Fatalf("the timeline %v has a floor that is not that of %v, and fewer entries than are kept", got, want)
	}
	certain := func(entries []feed.Entry) []feed.Entry {
		return slices.DeleteFunc(slices.Clone(entries), func(e feed.Entry) bool {
			return m.maybe[user][e.Post] || e.Post.Compare(got.Floor) <= 0
		})
	}
	if !slices.Equal(certain(got.Entries), certain(want.Entries)) {
		r.Fatalf("the timeline is %v, the reference says %v, above %v", got, want, got.Floor)
	}
	if len(got.Entries) > Trim.Above {
		r.Fatalf("the timeline has %d entries", len(got.Entries))
	}
	before, limit := m.drawEntry(r).Post, rapid.IntRange(1, 4).Draw(r, "limit")
	_, part, err := m.Store.Read(r.Context(), user, m.fence.Partition, before, limit)
	if below := got.Below(before, limit); err != nil || part.Floor != below.Floor || !slices.Equal(part.Entries, below.Entries) {
		r.Fatalf("%d entries below %v are %v, %v; want %v", limit, before, part, err, below)
	}
}
