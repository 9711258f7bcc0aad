package feedtest

import (
	"errors"
	"reflect"
	"testing"

	"agora/fault"
	"agora/feed"
)

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
