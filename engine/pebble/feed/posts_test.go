package feed

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/engine/pebble"
	"agora/feed"
	"agora/feed/feedtest"
)

// openRows opens the database of posts and the graph in a file system, until the test ends.
func openRows(t testing.TB, fs vfs.FS) *DB {
	t.Helper()
	db, err := Open("rows", openOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openOptions(fs vfs.FS) pebble.Options { return pebble.Options{FS: fs, MemTableBytes: 256 << 10} }

func TestPosts(t *testing.T) {
	feedtest.Posts(t, func(t *testing.T) feed.PostStore { return NewPosts(openRows(t, vfs.NewMem())) })
}
