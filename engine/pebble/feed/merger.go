package feed

import (
	"io"
	"sync"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/feed"
)

// newMerger returns the operator that merges timelines. Its name is stored.
func newMerger(trim feed.Trim) *cockroach.Merger {
	return &cockroach.Merger{Name: "agora.feed.timelines", Merge: func(_, value []byte) (cockroach.ValueMerger, error) {
		m := mergings.Get().(*merging)
		m.trim = trim
		m.merged = append(m.merged[:0], value...)
		return m, nil
	}}
}

// mergings are used again, because a compaction would make garbage of each timeline otherwise.
var mergings = sync.Pool{New: func() any { return new(merging) }}

// merging is one timeline that is being merged. The order of operands is of no matter.
type merging struct {
	trim          feed.Trim
	merged, spare []byte
}

var _ cockroach.ValueMerger = (*merging)(nil)

func (m *merging) MergeNewer(value []byte) error { return m.merge(value, m.merged) }
func (m *merging) MergeOlder(value []byte) error { return m.merge(m.merged, value) }

func (m *merging) merge(newer, older []byte) error {
	united, err := unite(m.spare[:0], newer, older, m.trim)
	if err != nil {
		return err
	}
	m.merged, m.spare = united, m.merged
	return nil
}

// Finish empties what is no timeline: operands that were merged after the timeline was dropped. It does not delete the
// key (base.DeletableValueMerger), because compactions of Pebble 2.1 panic if a merge is deleted above a tombstone.
func (m *merging) Finish(includesBase bool) ([]byte, io.Closer, error) {
	h, _, err := decodeHeader(m.merged)
	if includesBase && !h.base {
		m.merged = appendHeader(m.merged[:0], timelineHeader{})
	}
	return m.merged, m, err
}

// Close gives the memory back.
func (m *merging) Close() error {
	mergings.Put(m)
	return nil
}
