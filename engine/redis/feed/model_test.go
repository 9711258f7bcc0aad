package feed

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/engine/redis"
	"agora/fault"
	"agora/feed"
)

var (
	modelShape = feed.Shape{Graph: 2}
	modelTrim  = feed.Trim{Above: 5, Keep: 3}
)

// model compares timelines with the reference, which trims nothing: a packed timeline is trimmed when it is folded or read.
type model struct {
	form  string
	got   *Timelines
	want  *feed.MemoryTimelines
	fence feed.Fence
	epoch uint64 // the last one that was begun
	// dropped has the posts that were merged where no base was.
	dropped map[feed.UserID]map[feed.PostID]bool
}

func TestTimelinesAgreeWithMemory(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		s, err := redis.Open(server.URL(t), nil, nil)
		mustDo(t, err)
		defer func() { mustDo(t, s.Close()) }()
		rapid.Check(t, func(r *rapid.T) {
			m := &model{form: form, got: NewTimelines(s, Options{Trim: modelTrim, SortedSets: form == "sorted sets"})}
			if tune := forms[form]; tune != nil {
				tune(m.got)
			}
			m.flush(r)
			for m.fence.Epoch == 0 {
				m.begin(r)
			}
			r.Repeat(map[string]func(*rapid.T){
				"begin":   m.begin,
				"merge":   m.merge,
				"advance": m.advance,
				"drop":    m.drop,
				"evict":   m.evict,
				"lose":    m.lose,
				"":        m.compare,
			})
		})
	})
}

// lose loses everything, or the head alone. It comes seldom, so that there is something to lose.
func (m *model) lose(r *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(r, "lose") {
	case 0:
		m.flush(r)
	case 1:
		same(r, "Del", nil, nil, m.got.client.Del(r.Context(), m.got.headKey()).Err(), nil)
		m.want, m.fence = feed.NewMemoryTimelines(never), feed.Fence{}
	}
}

func (m *model) flush(r *rapid.T) {
	same(r, "FlushAll", nil, nil, m.got.client.FlushAll(r.Context()).Err(), nil)
	m.want, m.fence = feed.NewMemoryTimelines(never), feed.Fence{}
}

// same checks that both stores returned the same result, or errors with the same code.
func same(r *rapid.T, call string, got, want any, gotErr, wantErr error) {
	r.Helper()
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && fault.CodeOf(gotErr) != fault.CodeOf(wantErr) {
		r.Fatalf("%s = %v, the reference says %v", call, gotErr, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		r.Fatalf("%s = %+v, the reference says %+v", call, got, want)
	}
}

func drawUser(r *rapid.T) feed.UserID { return id(7, byte(rapid.IntRange(1, 5).Draw(r, "user"))) }

func drawAt(r *rapid.T) feed.Position {
	return feed.At(feed.Epoch(rapid.IntRange(1, 2).Draw(r, "epoch")), rapid.Int64Range(1, 40).Draw(r, "offset"))
}

// drawEntry draws an entry of which the identifier decides the author, and in sorted sets, which count positions, the
// position too.
func (m *model) drawEntry(r *rapid.T) feed.Entry {
	n := byte(rapid.IntRange(1, 12).Draw(r, "post"))
	e := feed.Entry{Post: feed.PostID{0: n / 3, 15: n}, Author: id(7, 1+n%5), At: feed.At(1, int64(n))}
	if m.form != "sorted sets" {
		e.At = drawAt(r)
	}
	return e
}

func (m *model) begin(r *rapid.T) {
	row := feed.Row{Writer: 1, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	head := feed.Head{Epoch: m.epoch + 1, Strategy: feed.Hybrid, Rows: []feed.Row{row, row}}
	was := rapid.SampledFrom([]uint64{m.fence.Epoch, m.fence.Epoch, m.fence.Epoch + 5}).Draw(r, "was")
	got, want := m.got.Begin(r.Context(), was, head), m.want.Begin(r.Context(), was, head)
	same(r, "Begin", nil, nil, got, want)
	if want == nil {
		m.epoch = head.Epoch
		m.fence = feed.Fence{Epoch: head.Epoch, Partition: rapid.IntRange(0, 1).Draw(r, "partition"), Row: row}
		m.dropped = map[feed.UserID]map[feed.PostID]bool{}
	}
}

// drawFence returns the fence, or sometimes one that is old.
func (m *model) drawFence(r *rapid.T) (fence feed.Fence, current bool) {
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

func (m *model) advance(r *rapid.T) {
	fence, _ := m.drawFence(r)
	fence.Merges = rapid.SampledFrom([]int{fence.Merges, fence.Merges, fence.Merges + 1, feed.AnyMerges}).Draw(r, "merges")
	to := feed.Row{Writer: fence.Row.Writer, Posts: feed.Vector{drawAt(r), drawAt(r)}, Graph: drawAt(r)}
	got, want := m.got.Advance(r.Context(), fence, to), feed.ErrStale()
	if m.fence.Epoch != 0 {
		want = m.want.Advance(r.Context(), fence, to)
	}
	same(r, "Advance", nil, nil, got, want)
	if want == nil {
		m.fence.Row, m.fence.Merges = to, 0
	}
}

func (m *model) drawOperand(r *rapid.T) feed.Operand {
	o := feed.Operand{User: drawUser(r)}
	o.Base = rapid.Bool().Draw(r, "base")
	if rapid.IntRange(0, 4).Draw(r, "floor") == 0 {
		o.Floor = m.drawEntry(r).Post
	}
	for _, e := range rapid.SliceOfNDistinct(rapid.Custom(m.drawEntry), 0, 8, func(e feed.Entry) feed.PostID { return e.Post }).Draw(r, "entries") {
		if e.Post.Compare(o.Floor) > 0 {
			o.Entries = append(o.Entries, e)
		}
	}
	slices.SortFunc(o.Entries, func(a, b feed.Entry) int { return b.Post.Compare(a.Post) })
	return o
}

func (m *model) merge(r *rapid.T) {
	fence, current := m.drawFence(r)
	operands := rapid.SliceOfN(rapid.Custom(m.drawOperand), 0, 6).Draw(r, "operands")
	operands = slices.DeleteFunc(operands, func(o feed.Operand) bool { return modelShape.GraphOf(o.User) != fence.Partition })
	if !current { // the reference takes some of them, and the store none
		if err := m.got.Merge(r.Context(), fence, operands); !fault.Is(err, fault.Stale) {
			r.Fatalf("Merge under another row = %v, want Stale", err)
		}
		return
	}
	based := map[feed.UserID]bool{}
	for i, o := range operands {
		_, known, err := m.want.Read(r.Context(), o.User, 0, last, 1)
		if err != nil {
			r.Fatal(err)
		}
		based[o.User] = based[o.User] || known.Base || o.Base
		if !based[o.User] {
			operands[i].Floor = feed.PostID{} // the store drops it, too
			for _, e := range o.Entries {
				if m.dropped[o.User] == nil {
					m.dropped[o.User] = map[feed.PostID]bool{}
				}
				m.dropped[o.User][e.Post] = true
			}
		}
	}
	got, want := m.got.Merge(r.Context(), fence, operands), m.want.Merge(r.Context(), fence, operands)
	same(r, "Merge", nil, nil, got, want)
	m.fence.Merges++
}

func (m *model) drop(r *rapid.T) {
	user := drawUser(r)
	same(r, "Drop", nil, nil, m.got.Drop(r.Context(), m.fence.Epoch, user), m.want.Drop(r.Context(), m.fence.Epoch, user))
	delete(m.dropped, user)
}

// evict loses one timeline.
func (m *model) evict(r *rapid.T) {
	user := drawUser(r)
	got := m.got.client.Del(r.Context(), m.got.key(m.fence.Epoch, user)).Err()
	same(r, "Drop", nil, nil, got, m.want.Drop(r.Context(), m.fence.Epoch, user))
	delete(m.dropped, user)
}

func (m *model) compare(r *rapid.T) {
	gotHead, gotOK, gotErr := m.got.Head(r.Context())
	wantHead, wantOK, wantErr := m.want.Head(r.Context())
	same(r, "Head", []any{gotHead, gotOK}, []any{wantHead, wantOK}, gotErr, wantErr)
	for n := range byte(7) {
		user := id(7, n)
		gotRow, got, gotErr := m.got.Read(r.Context(), user, m.fence.Partition, last, 100)
		wantRow, want, wantErr := m.want.Read(r.Context(), user, m.fence.Partition, last, 100)
		same(r, "Read", []any{gotRow, got.Base}, []any{wantRow, want.Base}, gotErr, wantErr)
		if want.Base {
			m.compareTimelines(r, user, got, want)
		}
	}
}

func (m *model) compareTimelines(r *rapid.T, user feed.UserID, got, want feed.Timeline) {
	if trimmed := got.Floor.Compare(want.Floor); trimmed < 0 || trimmed > 0 && len(got.Entries) < modelTrim.Keep {
		r.Fatalf("the timeline %v has a floor that is not that of %v, and fewer entries than are kept", got, want)
	}
	certain := func(entries []feed.Entry) []feed.Entry {
		return slices.DeleteFunc(slices.Clone(entries), func(e feed.Entry) bool {
			return m.dropped[user][e.Post] || e.Post.Compare(got.Floor) <= 0
		})
	}
	if !slices.Equal(certain(got.Entries), certain(want.Entries)) {
		r.Fatalf("the timeline is %v, the reference says %v, above %v", got, want, got.Floor)
	}
	if len(got.Entries) > modelTrim.Above {
		r.Fatalf("the timeline has %d entries", len(got.Entries))
	}
	before, limit := m.drawEntry(r).Post, rapid.IntRange(1, 4).Draw(r, "limit")
	_, part, err := m.got.Read(r.Context(), user, m.fence.Partition, before, limit)
	if below := got.Below(before, limit); err != nil || part.Floor != below.Floor || !slices.Equal(part.Entries, below.Entries) {
		r.Fatalf("%d entries below %v are %v, %v; want %v", limit, before, part, err, below)
	}
}
