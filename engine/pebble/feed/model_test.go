package feed

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"agora/engine/pebble"
	"agora/feed"
	"agora/feed/feedtest"
)

// never trims nothing.
var never = feed.Trim{Above: 1 << 30}

// disk is a file system of which a crash loses what was not synced.
type disk struct{ fs *vfs.MemFS }

func newDisk() *disk { return &disk{vfs.NewCrashableMem()} }

// crash replaces the file system by what is left of it. Some of what was not synced may be left too.
func (d *disk) crash(r *rapid.T) {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "crash"), 0))
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
}

// restarts close a store and open it again: in order, or after the disk lost what was not synced.
func restarts(d *disk, open func(*rapid.T), store func() io.Closer) feedtest.Events {
	return feedtest.Events{
		"reopen": func(r *rapid.T) {
			mustDraw(r, store().Close())
			open(r)
		},
		"crash": func(r *rapid.T) {
			old := store()
			d.crash(r)
			open(r)
			mustDraw(r, old.Close())
		},
	}
}

func mustDraw(r *rapid.T, err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// modelRows is a database that is closed and opened, and loses what it has not synced. All calls have returned then, so nothing is
// lost.
type modelRows struct {
	*disk
	db     *DB
	opened func(*DB)
}

// openModelRows opens an empty database. opened is told of it each time it is opened.
func openModelRows(r *rapid.T, d *disk, opened func(*DB)) *modelRows {
	m := &modelRows{disk: d, opened: opened}
	m.open(r)
	r.Cleanup(func() { m.close(r) })
	return m
}

// events are what happens to the database.
func (m *modelRows) events() feedtest.Events {
	return restarts(m.disk, m.open, func() io.Closer { return m.db })
}

func (m *modelRows) close(r *rapid.T) { mustDraw(r, m.db.Close()) }

func (m *modelRows) open(r *rapid.T) {
	db, err := Open("rows", pebble.Options{FS: m.fs, MemTableBytes: 64 << 10})
	mustDraw(r, err)
	m.db = db
	m.opened(db)
}

func TestPostsAgreeWithMemory(t *testing.T) {
	feedtest.PostsAgree(t, func(r *rapid.T) (feed.PostStore, feedtest.Events) {
		s := &struct{ feed.PostStore }{}
		return s, openModelRows(r, newDisk(), func(db *DB) { s.PostStore = NewPosts(db) }).events()
	})
}

func TestGraphAgreesWithMemory(t *testing.T) {
	feedtest.GraphAgree(t, func(r *rapid.T) (feed.GraphStore, feedtest.Events) {
		s := &struct{ feedtest.Loader }{}
		return s, openModelRows(r, newDisk(), func(db *DB) { s.Loader = NewGraph(db, feedtest.ModelShape) }).events()
	})
}

// modelTimelines is a store of timelines that is closed and opened, and loses what it has not synced.
type modelTimelines struct {
	*disk
	feed.TimelineStore
	trim   feed.Trim
	ingest int // the size from which operands are ingested
}

func openModelTimelines(r *rapid.T, d *disk, trim feed.Trim) *modelTimelines {
	m := &modelTimelines{disk: d, trim: trim, ingest: rapid.SampledFrom([]int{0, 1, 150, 1 << 20}).Draw(r, "ingest")}
	m.open(r)
	r.Cleanup(func() { m.close(r) })
	return m
}

func (m *modelTimelines) close(r *rapid.T) { mustDraw(r, m.store().Close()) }

func (m *modelTimelines) store() *Timelines { return m.TimelineStore.(*Timelines) }

func (m *modelTimelines) open(r *rapid.T) {
	s, err := OpenTimelines("timelines", m.trim, openOptions(m.fs))
	mustDraw(r, err)
	s.ingestBytes = m.ingest
	m.TimelineStore = s
}

func TestTimelinesAgreeWithMemory(t *testing.T) {
	feedtest.TimelinesAgree(t, func(r *rapid.T) *feedtest.TimelineSubject {
		m := openModelTimelines(r, newDisk(), feedtest.Trim)
		return &feedtest.TimelineSubject{
			Store: m,
			Events: feedtest.Events{"compact": func(r *rapid.T) {
				mustDraw(r, m.store().db.Pebble().Compact(r.Context(), key(timelines), key(timelines+1), false))
			}},
			Restarts: restarts(m.disk, m.open, func() io.Closer { return m.store() }),
		}
	})
}

// TestWalks has posts, the graph and timelines on one disk.
func TestWalks(t *testing.T) {
	feedtest.Walks(t, 1, func(r *rapid.T, trim feed.Trim) *feedtest.Stores {
		stores, d := &feedtest.Stores{}, newDisk()
		rows := openModelRows(r, d, func(db *DB) { stores.Posts, stores.Graph = NewPosts(db), NewGraph(db, feedtest.WalkShape) })
		timelines := openModelTimelines(r, d, trim)
		stores.Timelines = timelines
		stores.Restarts = feedtest.Events{
			"reopen": func(r *rapid.T) {
				rows.close(r)
				timelines.close(r)
				rows.open(r)
				timelines.open(r)
			},
			"crash": func(r *rapid.T) {
				oldRows, oldTimelines := *rows, *timelines
				d.crash(r)
				rows.open(r)
				timelines.open(r)
				oldRows.close(r)
				oldTimelines.close(r)
			},
		}
		return stores
	})
}
