package feed

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/feed"
	"agora/feed/feedtest"
)

// openTimelines opens timelines in a file system, until the test ends.
func openTimelines(t testing.TB, fs vfs.FS, trim feed.Trim) *Timelines {
	t.Helper()
	s, err := OpenTimelines("timelines", trim, openOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTimelines(t *testing.T) {
	feedtest.Timelines(t, func(t *testing.T) feed.TimelineStore { return openTimelines(t, vfs.NewMem(), feedtest.Trim) })
}

func TestBytes(t *testing.T) {
	s := openTimelines(t, vfs.NewMem(), never)
	s.ingestBytes = 0
	mustDo(t, s.Begin(t.Context(), 0, head(1)))
	memory, before, err := s.Bytes()
	if err != nil || memory == 0 || before != 0 {
		t.Errorf("an empty store takes %d bytes of memory and %d of disk, %v", memory, before, err)
	}
	whole := delivery(1, 1, true)
	for n := int64(2); n < 1000; n++ {
		whole.Entries = append(delivery(1, n, true).Entries, whole.Entries...)
	}
	mustDo(t, s.Merge(t.Context(), feed.Fence{Epoch: 1, Row: head(1).Rows[0]}, []feed.Operand{whole}))
	mustDo(t, s.db.Pebble().Flush()) // the file waits for the rows that were written before it
	if _, disk, err := s.Bytes(); err != nil || disk < 10_000 || disk > 30_000 {
		t.Errorf("a timeline of 1000 entries takes %d bytes of disk, %v", disk, err)
	}
}
