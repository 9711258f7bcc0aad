package feed

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
)

var (
	modelTimelines = feed.Shape{Graph: 2}

	modelTrim = feed.Trim{Above: 5, Keep: 3}
	never     = feed.Trim{Above: 1 << 30}
)

// timelinesModel compares timelines with the reference, which trims nothing: when Pebble trims depends on when it merges.
type timelinesModel struct {
	disk  *disk
	got   *Timelines
	want  *feed.MemoryTimelines
	fence feed.Fence
	// maybe has the posts that were merged where no base was: they may be dropped.
	maybe map[feed.UserID]map[feed.PostID]bool
	// ingest is the size from which operands are ingested.
	ingest int
}

func TestTimelinesAgreeWithMemory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &timelinesModel{disk: newDisk(), want: feed.NewMemoryTimelines(never)}
		m.ingest = rapid.SampledFrom([]int{0, 1, 150, 1 << 20}).Draw(r, "ingest")
		m.open(r)
		defer func() { m.close(r) }()
		for m.fence.Epoch == 0 {
			m.begin(r)
		}
		r.Repeat(map[string]func(*rapid.T){
			"begin":   m.begin,
			"merge":   m.merge,
			"advance": m.advance,
			"drop":    m.drop,
			"compact": m.compact,
			"reopen":  func(r *rapid.T) { m.close(r); m.open(r); m.claim(r) },
			"crash":   m.crash,
			"":        m.compare,
		})
	})
}

func (m *timelinesModel) open(r *rapid.T) {
	s, err := OpenTimelines("timelines", modelTrim, openOptions(m.disk.fs))
	if err != nil {
		r.Fatal(err)
	}
	s.ingestBytes = m.ingest
	m.got = s
}

func (m *timelinesModel) close(r *rapid.T) {
	if err := m.got.Close(); err != nil {
		r.Fatal(err)
	}
}

func (m *timelinesModel) crash(r *rapid.T) {
	old := m.got
	m.disk.crash(r)
	m.open(r)
	m.claim(r)
	if err := old.Close(); err != nil {
		r.Fatal(err)
	}
}

func (m *timelinesModel) begin(r *rapid.T) {
	row := feed.Row{Writer: 1, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	head := feed.Head{Epoch: m.fence.Epoch + 1, Strategy: feed.Hybrid, Rows: []feed.Row{row, row}}
	was := rapid.SampledFrom([]uint64{m.fence.Epoch, m.fence.Epoch, m.fence.Epoch + 5}).Draw(r, "was")
	got, want := m.got.Begin(r.Context(), was, head), m.want.Begin(r.Context(), was, head)
	same(r, "Begin", nil, nil, got, want)
	if want == nil {
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
	same(r, "Advance", nil, nil, m.got.Advance(r.Context(), fence, to), m.want.Advance(r.Context(), fence, to))
	m.fence.Row, m.fence.Merges = to, 0
}

// drawFence returns the fence, or sometimes one that is old.
func (m *timelinesModel) drawFence(r *rapid.T) feed.Fence {
	fence := m.fence
	switch rapid.IntRange(0, 9).Draw(r, "fence") {
	case 0:
		fence.Row.Writer += 100
	case 1:
		fence.Epoch += 100
	}
	return fence
}

func (m *timelinesModel) advance(r *rapid.T) {
	fence := m.drawFence(r)
	fence.Merges += rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(r, "merges")
	to := feed.Row{Writer: fence.Row.Writer, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	got, want := m.got.Advance(r.Context(), fence, to), m.want.Advance(r.Context(), fence, to)
	same(r, "Advance", nil, nil, got, want)
	if want == nil {
		m.fence.Row, m.fence.Merges = to, 0
	}
}

func drawOperand(r *rapid.T) feed.Operand {
	o := feed.Operand{User: drawUser(r, "user")}
	o.Base = rapid.Bool().Draw(r, "base")
	if rapid.IntRange(0, 4).Draw(r, "floor") == 0 {
		o.Floor = drawPost(r).ID
	}
	for _, p := range rapid.SliceOfNDistinct(rapid.Custom(drawPost), 0, 8, func(p feed.Post) feed.PostID { return p.ID }).Draw(r, "posts") {
		if p.ID.Compare(o.Floor) > 0 {
			o.Entries = append(o.Entries, p.Entry())
		}
	}
	slices.SortFunc(o.Entries, func(a, b feed.Entry) int { return b.Post.Compare(a.Post) })
	return o
}

func (m *timelinesModel) merge(r *rapid.T) {
	fence := m.drawFence(r)
	operands := rapid.SliceOfN(rapid.Custom(drawOperand), 0, 6).Draw(r, "operands")
	operands = slices.DeleteFunc(operands, func(o feed.Operand) bool { return modelTimelines.GraphOf(o.User) != fence.Partition })
	based := slices.ContainsFunc(operands, func(o feed.Operand) bool { return o.Base })
	current := fence.Epoch == m.fence.Epoch && fence.Row.Writer == m.fence.Row.Writer
	if !current && !based && fence.Epoch != m.fence.Epoch {
		return // the reference takes operands of any epoch
	}
	if !current && based {
		operands = slices.DeleteFunc(operands, func(o feed.Operand) bool { return !o.Base }) // the reference has merged those before
	}
	for i, o := range operands {
		if _, known, _ := m.want.Read(r.Context(), o.User, 0, drawnLast, 1); !known.Base && !o.Base {
			operands[i].Floor = feed.PostID{} // it may be dropped, too
			for _, e := range o.Entries {
				if m.maybe[o.User] == nil {
					m.maybe[o.User] = map[feed.PostID]bool{}
				}
				m.maybe[o.User][e.Post] = true
			}
		}
	}
	got, want := m.got.Merge(r.Context(), fence, operands), m.want.Merge(r.Context(), fence, operands)
	same(r, "Merge", nil, nil, got, want)
	if want == nil && current {
		m.fence.Merges++
	}
}

var drawnLast = feed.PostID{0: 255}

func (m *timelinesModel) drop(r *rapid.T) {
	user := drawUser(r, "user")
	same(r, "Drop", nil, nil, m.got.Drop(r.Context(), m.fence.Epoch, user), m.want.Drop(r.Context(), m.fence.Epoch, user))
	delete(m.maybe, user)
}

func (m *timelinesModel) compact(r *rapid.T) {
	err := m.got.db.Pebble().Compact(r.Context(), key(timelines), key(timelines+1), false)
	if err != nil {
		r.Fatal(err)
	}
}

func (m *timelinesModel) compare(r *rapid.T) {
	gotHead, gotOK, gotErr := m.got.Head(r.Context())
	wantHead, wantOK, wantErr := m.want.Head(r.Context())
	same(r, "Head", []any{gotHead, gotOK}, []any{wantHead, wantOK}, gotErr, wantErr)
	for n := range byte(7) {
		user := feed.UserID{0: 7, 15: n}
		gotRow, got, gotErr := m.got.Read(r.Context(), user, m.fence.Partition, drawnLast, 100)
		wantRow, want, wantErr := m.want.Read(r.Context(), user, m.fence.Partition, drawnLast, 100)
		same(r, "Read", []any{gotRow, got.Base}, []any{wantRow, want.Base}, gotErr, wantErr)
		if !want.Base {
			continue
		}
		if trimmed := got.Floor.Compare(want.Floor); trimmed < 0 || trimmed > 0 && len(got.Entries) < modelTrim.Keep {
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
		if len(got.Entries) > modelTrim.Above {
			r.Fatalf("the timeline has %d entries", len(got.Entries))
		}
	}
}
