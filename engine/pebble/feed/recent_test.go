package feed

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/feed"
)

// TestWhatWasReadBeforeAWriteIsNotKept lets a write come between a read and its keep.
func TestWhatWasReadBeforeAWriteIsNotKept(t *testing.T) {
	r := newRecent[int](1)
	one, other := id(7, 1), id(7, 2)
	_, changes, _ := r.get(one)
	r.forget(one)
	r.keep(one, 1, changes)
	if _, _, ok := r.get(one); ok {
		t.Error("the value of before the write is held")
	}
	_, changes, _ = r.get(one)
	r.keep(one, 2, changes)
	if v, _, ok := r.get(one); v != 2 || !ok {
		t.Errorf("the value is %d, %v; want 2", v, ok)
	}
	if _, _, ok := r.get(other); ok {
		t.Error("another user of the place has the value")
	}
	r.forget(other)
	if v, _, ok := r.get(one); v != 2 || !ok {
		t.Errorf("after a write of another user the value is %d, %v; want 2", v, ok)
	}
}

// TestReadsSeeAcknowledgedMerges reads timelines, most of them from memory, while a builder merges.
func TestReadsSeeAcknowledgedMerges(t *testing.T) {
	const merges = 300
	s := openTimelines(t, vfs.NewMem(), never)
	mustDo(t, s.Begin(t.Context(), 0, head(1)))
	var (
		mu      sync.Mutex
		acked   int
		readers sync.WaitGroup
	)
	acknowledged := func() int {
		mu.Lock()
		defer mu.Unlock()
		return acked
	}
	for range 4 {
		readers.Go(func() {
			for least := 0; least < merges; {
				least = acknowledged()
				_, timeline, err := s.Read(t.Context(), id(7, 1), 0, newestOf, newestEntries)
				if err != nil {
					t.Error(err)
					return
				}
				if least > 0 && (len(timeline.Entries) == 0 || timeline.Entries[0].At.Offset() < int64(least)) {
					t.Errorf("after merge %d the timeline is %v", least, timeline.Entries)
					return
				}
			}
		})
	}
	for n := range merges {
		mustDo(t, s.Merge(t.Context(), feed.Fence{Epoch: 1, Row: head(1).Rows[0]}, []feed.Operand{delivery(1, int64(n+1), n == 0)}))
		mu.Lock()
		acked = n + 1
		mu.Unlock()
	}
	readers.Wait()
}
