package feed

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// disk is a file system of which a crash loses what was not synced.
type disk struct{ fs *vfs.MemFS }

func newDisk() *disk { return &disk{vfs.NewCrashableMem()} }

// crash replaces the file system by what is left of it. Some of what was not synced may be left too.
func (d *disk) crash(r *rapid.T) {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "crash"), 0))
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
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

func drawUser(r *rapid.T, label string) feed.UserID {
	return feed.UserID{0: 7, 15: byte(rapid.IntRange(1, 5).Draw(r, label))}
}

func drawAt(r *rapid.T) feed.Position {
	return feed.At(feed.Epoch(rapid.IntRange(1, 2).Draw(r, "epoch")), rapid.Int64Range(1, 40).Draw(r, "offset"))
}

// drawPost draws a post of which the identifier decides all but the position.
func drawPost(r *rapid.T) feed.Post {
	n := byte(rapid.IntRange(1, 12).Draw(r, "post"))
	p := feed.Post{
		ID: feed.PostID{0: n / 3, 15: n}, Author: feed.UserID{0: 7, 15: 1 + n%5}, Text: fmt.Sprint("text ", n), At: drawAt(r),
		CreatedAt: time.Unix(int64(n), int64(n)).UTC(),
	}
	if n%2 == 0 {
		p.Product, p.Media, p.ReplyTo = "prd_1", []string{"a", "b"}, feed.PostID{15: 1}
		p.Parent = feed.Parent{Partition: 3, At: feed.At(1, 2)}
	}
	return p
}

// rowsModel is a database that is closed and opened, and loses what it has not synced. All calls have returned then, so
// nothing is lost.
type rowsModel struct {
	disk   *disk
	db     *DB
	opened func(*DB)
}

func newRowsModel(r *rapid.T, opened func(*DB)) *rowsModel {
	m := &rowsModel{disk: newDisk(), opened: opened}
	m.open(r)
	return m
}

func (m *rowsModel) open(r *rapid.T) {
	db, err := Open("rows", pebble.Options{FS: m.disk.fs, MemTableBytes: 64 << 10})
	if err != nil {
		r.Fatal(err)
	}
	m.db = db
	m.opened(db)
}

func (m *rowsModel) close(r *rapid.T) {
	if err := m.db.Close(); err != nil {
		r.Fatal(err)
	}
}

func (m *rowsModel) reopen(r *rapid.T) {
	m.close(r)
	m.open(r)
}

func (m *rowsModel) crash(r *rapid.T) {
	old := m.db
	m.disk.crash(r)
	m.open(r)
	if err := old.Close(); err != nil {
		r.Fatal(err)
	}
}

type postsModel struct {
	got  *Posts
	want *feed.MemoryPosts
}

func TestPostsAgreeWithMemory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &postsModel{want: feed.NewMemoryPosts()}
		rows := newRowsModel(r, func(db *DB) { m.got = NewPosts(db) })
		defer func() { rows.close(r) }()
		r.Repeat(map[string]func(*rapid.T){
			"insert": func(r *rapid.T) {
				posts := rapid.SliceOfN(rapid.Custom(drawPost), 0, 4).Draw(r, "posts")
				same(r, "Insert", nil, nil, m.got.Insert(r.Context(), posts...), m.want.Insert(r.Context(), posts...))
			},
			"delete": func(r *rapid.T) {
				var posts []feed.Deletion
				for _, p := range rapid.SliceOfN(rapid.Custom(drawPost), 0, 3).Draw(r, "posts") {
					posts = append(posts, feed.Deletion{ID: p.ID, Author: p.Author, At: p.At})
				}
				same(r, "Delete", nil, nil, m.got.Delete(r.Context(), posts...), m.want.Delete(r.Context(), posts...))
			},
			"claim": func(r *rapid.T) {
				c := feed.Claim{
					Author: drawUser(r, "author"), Key: rapid.SampledFrom([]string{"", "a", "ab"}).Draw(r, "key"),
					Hash: [32]byte{byte(rapid.IntRange(0, 1).Draw(r, "hash"))}, ID: drawPost(r).ID,
				}
				got, gotErr := m.got.Claim(r.Context(), c)
				want, wantErr := m.want.Claim(r.Context(), c)
				same(r, "Claim", got, want, gotErr, wantErr)
			},
			"reopen": rows.reopen,
			"crash":  rows.crash,
			"":       m.compare,
		})
	})
}

func (m *postsModel) compare(r *rapid.T) {
	var ids []feed.PostID
	for n := range byte(13) {
		ids = append(ids, feed.PostID{0: n / 3, 15: n})
	}
	got, gotErr := m.got.Get(r.Context(), ids...)
	want, wantErr := m.want.Get(r.Context(), ids...)
	for _, list := range [][]feed.Post{got, want} {
		slices.SortFunc(list, func(a, b feed.Post) int { return a.ID.Compare(b.ID) })
	}
	if len(want) == 0 {
		got, want = nil, nil
	}
	same(r, "Get", got, want, gotErr, wantErr)
	var ranges []feed.AuthorRange
	for n := range byte(6) {
		before := feed.PostID(bytes.Repeat([]byte{255}, 16))
		if n%2 == 0 {
			before = feed.PostID{0: 2, 15: 7}
		}
		ranges = append(ranges, feed.AuthorRange{Author: feed.UserID{0: 7, 15: 5 - n}, Before: before, Limit: 1 + int(n)/2})
	}
	gotLists, gotErr := m.got.ByAuthor(r.Context(), ranges...)
	wantLists, wantErr := m.want.ByAuthor(r.Context(), ranges...)
	same(r, "ByAuthor", gotLists, wantLists, gotErr, wantErr)
	var changed []feed.ChangeRange
	for n := range byte(6) {
		changed = append(changed,
			feed.ChangeRange{Author: feed.UserID{0: 7, 15: 5 - n}, To: feed.At(3, 0), Limit: 1000},
			feed.ChangeRange{Author: feed.UserID{0: 7, 15: 5 - n}, From: feed.At(1, 10), To: feed.At(2, 20), Limit: 1 + int(n)})
	}
	gotChanges, gotErr := m.got.Changes(r.Context(), changed...)
	wantChanges, wantErr := m.want.Changes(r.Context(), changed...)
	same(r, "Changes", gotChanges, wantChanges, gotErr, wantErr)
}
