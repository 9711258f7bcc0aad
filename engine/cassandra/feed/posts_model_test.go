package feed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
)

// salt distinguishes the identifiers of one sequence of calls from those of the others: to empty the tables takes long.
type salt uint32

func (s salt) id(first, last byte) (id [16]byte) {
	binary.BigEndian.PutUint32(id[8:], uint32(s))
	id[0], id[15] = first, last
	return id
}

func (s salt) drawUser(r *rapid.T, label string) feed.UserID {
	return s.id(7, byte(rapid.IntRange(1, 5).Draw(r, label)))
}

func drawAt(r *rapid.T) feed.Position {
	return feed.At(feed.Epoch(rapid.IntRange(1, 2).Draw(r, "epoch")), rapid.Int64Range(1, 40).Draw(r, "offset"))
}

// drawPost draws a post of which the identifier decides all but the position. The posts of an author are of several months.
func (s salt) drawPost(r *rapid.T) feed.Post {
	n := byte(rapid.IntRange(1, 12).Draw(r, "post"))
	p := feed.Post{
		ID: s.id(n/3, n), Author: s.id(7, 1+n%5), Text: fmt.Sprint("text ", n), At: drawAt(r),
		CreatedAt: time.Unix(int64(n), int64(n)).UTC(),
	}
	if n%2 == 0 {
		p.Product, p.Media, p.ReplyTo = "prd_1", []string{"a", "b"}, feed.PostID{15: 1}
		p.Parent = feed.Parent{Partition: 3, At: feed.At(1, 2)}
	}
	return p
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

type postsModel struct {
	salt
	got  *Posts
	want *feed.MemoryPosts
}

func TestPostsAgreeWithMemory(t *testing.T) {
	s := openPosts(t)
	var checks salt
	rapid.Check(t, func(r *rapid.T) {
		checks++
		m := &postsModel{salt: checks, got: s, want: feed.NewMemoryPosts()}
		r.Repeat(map[string]func(*rapid.T){
			"insert":  m.insert,
			"delete":  m.delete,
			"claim":   m.claim,
			"compare": m.compare,
		})
		m.compare(r)
	})
}

func (m *postsModel) insert(r *rapid.T) {
	posts := rapid.SliceOfN(rapid.Custom(m.drawPost), 0, 4).Draw(r, "posts")
	same(r, "Insert", nil, nil, m.got.Insert(r.Context(), posts...), m.want.Insert(r.Context(), posts...))
}

func (m *postsModel) delete(r *rapid.T) {
	var posts []feed.Deletion
	for _, p := range rapid.SliceOfN(rapid.Custom(m.drawPost), 0, 3).Draw(r, "posts") {
		posts = append(posts, feed.Deletion{ID: p.ID, Author: p.Author, At: p.At})
	}
	same(r, "Delete", nil, nil, m.got.Delete(r.Context(), posts...), m.want.Delete(r.Context(), posts...))
}

func (m *postsModel) claim(r *rapid.T) {
	c := feed.Claim{
		Author: m.drawUser(r, "author"), Key: rapid.SampledFrom([]string{"", "a", "ab"}).Draw(r, "key"),
		Hash: [32]byte{byte(rapid.IntRange(0, 1).Draw(r, "hash"))}, ID: m.drawPost(r).ID,
	}
	got, gotErr := m.got.Claim(r.Context(), c)
	want, wantErr := m.want.Claim(r.Context(), c)
	same(r, "Claim", got, want, gotErr, wantErr)
}

func (m *postsModel) compare(r *rapid.T) {
	posts := map[feed.PostID]feed.Post{}
	var ids []feed.PostID
	for n := range byte(13) {
		ids = append(ids, m.id(n/3, n))
	}
	got, gotErr := m.got.Get(r.Context(), ids...)
	want, wantErr := m.want.Get(r.Context(), ids...)
	for _, p := range want {
		posts[p.ID] = p
	}
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
			before = m.id(2, 7)
		}
		ranges = append(ranges, feed.AuthorRange{Author: m.id(7, 5-n), Before: before, Limit: 1 + int(n)/2})
	}
	gotLists, gotErr := m.got.ByAuthor(r.Context(), ranges...)
	wantLists, wantErr := m.want.ByAuthor(r.Context(), ranges...)
	same(r, "ByAuthor", gotLists, wantLists, gotErr, wantErr)
	m.compareChanges(r, posts)
}

// compareChanges compares the changes whose positions count: the store keeps others too.
func (m *postsModel) compareChanges(r *rapid.T, posts map[feed.PostID]feed.Post) {
	for n := range byte(6) {
		changes := feed.ChangeRange{Author: m.id(7, n), From: feed.At(1, 10), To: feed.At(2, 20), Limit: 1000}
		got, gotErr := m.got.Changes(r.Context(), changes)
		want, wantErr := m.want.Changes(r.Context(), changes)
		counting := slices.DeleteFunc(slices.Clone(got[0]), func(c feed.Change) bool {
			p := posts[c.Post]
			return c.Deleted && p.Deleted != c.At || !c.Deleted && p.At != c.At
		})
		if !slices.Equal(counting, want[0]) || !slices.IsSortedFunc(got[0], feed.Change.Compare) {
			r.Fatalf("Changes = %v, the reference says %v", got[0], want[0])
		}
		same(r, "Changes", nil, nil, gotErr, wantErr)
		changes.Limit = 1 + int(n)
		some, err := m.got.Changes(r.Context(), changes)
		if err != nil || !slices.Equal(some[0], got[0][:min(changes.Limit, len(got[0]))]) {
			r.Fatalf("Changes to %d = %v, %v; without a limit %v", changes.Limit, some, err, got)
		}
	}
}
