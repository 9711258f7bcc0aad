package feedtest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
)

type postsModel struct {
	salt
	got  feed.PostStore
	want *feed.MemoryPosts
}

// PostsAgree compares a store of posts with the reference. open returns the store for one sequence of calls, which may hold
// the posts of earlier ones.
func PostsAgree(t *testing.T, open func(r *rapid.T) (feed.PostStore, Events)) {
	var sequences salt
	check(t, 1, func(r *rapid.T) {
		sequences++
		got, events := open(r)
		m := &postsModel{salt: sequences, got: got, want: feed.NewMemoryPosts()}
		r.Repeat(events.with(map[string]func(*rapid.T){
			"insert": m.insert, "delete": m.delete, "claim": m.claim, "compare": m.compare,
		}))
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
	var ids []feed.PostID
	for n := range byte(modelPosts + 1) {
		ids = append(ids, m.postID(n))
	}
	got, gotErr := m.got.Get(r.Context(), ids...)
	want, wantErr := m.want.Get(r.Context(), ids...)
	for _, list := range [][]feed.Post{got, want} {
		slices.SortFunc(list, func(a, b feed.Post) int { return a.ID.Compare(b.ID) })
		for i := range list {
			list[i].Form = nil // of a cache
		}
	}
	if len(want) == 0 {
		got, want = nil, nil
	}
	same(r, "Get", got, want, gotErr, wantErr)
	var ranges []feed.AuthorRange
	for n := range byte(modelUsers) {
		before := last
		if n%2 == 0 {
			before = m.postID(7)
		}
		ranges = append(ranges, feed.AuthorRange{Author: m.user(modelUsers - 1 - n), Before: before, Limit: 1 + int(n)/2})
	}
	gotLists, gotErr := m.got.ByAuthor(r.Context(), ranges...)
	wantLists, wantErr := m.want.ByAuthor(r.Context(), ranges...)
	same(r, "ByAuthor", gotLists, wantLists, gotErr, wantErr)
	m.compareChanges(r, want)
}

// compareChanges compares the changes whose positions count: a store may keep others too.
func (m *postsModel) compareChanges(r *rapid.T, posts []feed.Post) {
	known := map[feed.PostID]feed.Post{}
	for _, p := range posts {
		known[p.ID] = p
	}
	for n := range byte(modelUsers) {
		changes := feed.ChangeRange{Author: m.user(n), From: feed.At(1, 10), To: feed.At(2, 20), Limit: 1000}
		if n%2 == 0 {
			changes.From, changes.To = 0, feed.At(3, 0)
		}
		got, gotErr := m.got.Changes(r.Context(), changes)
		want, wantErr := m.want.Changes(r.Context(), changes)
		same(r, "Changes", nil, nil, gotErr, wantErr)
		counting := slices.DeleteFunc(slices.Clone(got[0]), func(c feed.Change) bool {
			p := known[c.Post]
			return c.Deleted && p.Deleted != c.At || !c.Deleted && p.At != c.At
		})
		if !slices.Equal(counting, want[0]) || !slices.IsSortedFunc(got[0], feed.Change.Compare) {
			r.Fatalf("Changes = %v, the reference says %v", got[0], want[0])
		}
		changes.Limit = 1 + int(n)
		some, err := m.got.Changes(r.Context(), changes)
		if err != nil || !slices.Equal(some[0], got[0][:min(changes.Limit, len(got[0]))]) {
			r.Fatalf("Changes to %d = %v, %v; without a limit %v", changes.Limit, some, err, got)
		}
	}
}
