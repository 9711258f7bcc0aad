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
