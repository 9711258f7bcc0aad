package feed

import (
	"bytes"
	"context"
	"iter"
	"slices"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/feed"
)

// defaultIngestBytes is the size of operands from which they are written as files of their own.
const defaultIngestBytes = 256 << 10

// Merge implements feed.TimelineStore.
func (t *Timelines) Merge(ctx context.Context, fence feed.Fence, operands []feed.Operand) error {
	rows, err := t.encode(ctx, fence, operands)
	if err != nil {
		return err
	}
	t.writing.RLock()
	defer t.writing.RUnlock()
	s := t.head.Load()
	current := s.current(fence)
	base := slices.ContainsFunc(operands, func(o feed.Operand) bool { return o.Base })
	if s == nil || s.Epoch != fence.Epoch || base && !current {
		return feed.ErrStale()
	}
	err = t.merge(ctx, rows)
	for i := range operands {
		t.newest.forget(operands[i].User)
	}
	if err != nil {
		return err
	}
	if current {
		s.merges[fence.Partition].Add(1)
	}
	return nil
}

func (t *Timelines) merge(ctx context.Context, rows []row) error {
	size := 0
	for _, r := range rows {
		size += len(r.key) + len(r.value)
	}
	if size >= t.ingestBytes {
		each, err := t.eachOnce(rows)
		if err != nil {
			return err
		}
		return t.db.IngestMerges(ctx, each)
	}
	if len(rows) == 0 {
		return write(ctx, t.db, nil)
	}
	return t.db.Commit(func(b *cockroach.Batch) error {
		for _, r := range rows {
			if err := b.Merge(r.key, r.value, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachOnce sorts rows, and unites those of one key.
func (t *Timelines) eachOnce(rows []row) (iter.Seq2[[]byte, []byte], error) {
	compare := func(a, b row) int { return bytes.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(rows, compare) {
		slices.SortFunc(rows, compare)
	}
	once := rows[:0]
	for _, r := range rows {
		if n := len(once); n > 0 && bytes.Equal(once[n-1].key, r.key) {
			united, err := unite(nil, r.value, once[n-1].value, t.trim)
			if err != nil {
				return nil, err
			}
			r.value = united
			once[n-1] = r
			continue
		}
		once = append(once, r)
	}
	return func(yield func(key, value []byte) bool) {
		for _, r := range once {
			if !yield(r.key, r.value) {
				return
			}
		}
	}, nil
}

// encode returns the rows of operands. Their authors get ordinals.
func (t *Timelines) encode(ctx context.Context, fence feed.Fence, operands []feed.Operand) ([]row, error) {
	authors := map[feed.UserID]uint32{}
	entries := 0
	for _, o := range operands {
		entries += len(o.Entries)
		for i := range o.Entries {
			authors[o.Entries[i].Author] = 0
		}
	}
	if err := t.ordinals.of(ctx, authors); err != nil {
		return nil, err
	}
	const keyBytes = 1 + 8 + 4 + len(feed.UserID{})
	arena := make([]byte, 0, entries*24+len(operands)*(keyBytes+maxHeader+16))
	rows := make([]row, len(operands))
	for i := range operands {
		begin := len(arena)
		arena = appendTimelineKey(arena, fence.Epoch, fence.Partition, operands[i].User)
		rows[i].key = arena[begin:len(arena):len(arena)]
		begin = len(arena)
		arena = appendTimeline(arena, operands[i].Timeline, t.trim, authors)
		rows[i].value = arena[begin:len(arena):len(arena)]
	}
	return rows, nil
}

// appendTimeline encodes a timeline: a header, and the entries above the floor.
func appendTimeline(to []byte, timeline feed.Timeline, trim feed.Trim, authors map[feed.UserID]uint32) []byte {
	entries := timeline.Entries
	for len(entries) > 0 && entries[len(entries)-1].Post.Compare(timeline.Floor) <= 0 {
		entries = entries[:len(entries)-1]
	}
	if len(entries) > trim.Above {
		timeline.Floor, entries = entries[trim.Keep].Post, entries[:trim.Keep]
	}
	e := encoder{out: appendHeader(to, timelineHeader{timeline.Base, timeline.Floor, len(entries)}), time: beforeAll}
	for i := range entries {
		one := &entries[i]
		e.add(&entry{one.Post, one.At, authors[one.Author]})
	}
	return e.out
}
