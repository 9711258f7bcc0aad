package feed

import (
	"context"
	"maps"
	"slices"
	"sort"
	"sync"

	"agora/fault"
)

// CodeKeyReused is the code of an Idempotency-Key that was used for another request.
const CodeKeyReused = "idempotency_key_reused"

// ErrKeyReused returns the error of an Idempotency-Key that was used for another request.
func ErrKeyReused() error {
	return fault.New(fault.Invalid, CodeKeyReused, "the Idempotency-Key was used for another request",
		fault.Field{Name: "Idempotency-Key", Message: "was used for another request"})
}

// MemoryPosts is the reference of what a PostStore does. It holds everything in memory.
type MemoryPosts struct {
	mu       sync.Mutex
	posts    map[PostID]Post
	byAuthor map[UserID][]PostID // newest first
	claims   map[claimKey]Claim
}

type claimKey struct {
	author UserID
	key    string
}

var _ PostStore = (*MemoryPosts)(nil)

// NewMemoryPosts returns an empty store.
func NewMemoryPosts() *MemoryPosts {
	return &MemoryPosts{posts: map[PostID]Post{}, byAuthor: map[UserID][]PostID{}, claims: map[claimKey]Claim{}}
}

// Insert implements PostStore.
func (m *MemoryPosts) Insert(ctx context.Context, posts ...Post) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range posts {
		p.Media = slices.Clone(p.Media)
		known, ok := m.posts[p.ID]
		if !ok {
			m.add(p)
			continue
		}
		known.At = known.At.First(p.At)
		m.posts[p.ID] = known
	}
	return ctx.Err()
}

func (m *MemoryPosts) add(p Post) {
	m.posts[p.ID] = p
	list := m.byAuthor[p.Author]
	i := sort.Search(len(list), func(i int) bool { return list[i].Compare(p.ID) < 0 })
	m.byAuthor[p.Author] = slices.Insert(list, i, p.ID)
}

// Delete implements PostStore.
func (m *MemoryPosts) Delete(ctx context.Context, posts ...Deletion) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range posts {
		known, ok := m.posts[d.ID]
		if !ok {
			m.add(Post{ID: d.ID, Author: d.Author})
			known = m.posts[d.ID]
		}
		m.posts[d.ID] = Post{ID: known.ID, Author: known.Author, At: known.At, Deleted: known.Deleted.First(d.At)}
	}
	return ctx.Err()
}

// Get implements PostStore.
func (m *MemoryPosts) Get(ctx context.Context, ids ...PostID) ([]Post, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Post
	for _, id := range ids {
		if p, ok := m.posts[id]; ok {
			p.Media = slices.Clone(p.Media)
			found = append(found, p)
		}
	}
	return found, ctx.Err()
}

// ByAuthor implements PostStore.
func (m *MemoryPosts) ByAuthor(ctx context.Context, ranges ...AuthorRange) ([][]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lists := make([][]Entry, len(ranges))
	for i, r := range ranges {
		list := m.byAuthor[r.Author]
		begin := sort.Search(len(list), func(i int) bool { return list[i].Compare(r.Before) < 0 })
		for _, id := range list[begin:min(begin+r.Limit, len(list))] {
			p := m.posts[id]
			lists[i] = append(lists[i], p.Entry())
		}
	}
	return lists, ctx.Err()
}

// Changes implements PostStore.
func (m *MemoryPosts) Changes(ctx context.Context, ranges ...ChangeRange) ([][]Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lists := make([][]Change, len(ranges))
	for i, r := range ranges {
		var list []Change
		add := func(c Change) {
			if c.At != 0 && c.At >= r.From && c.At < r.To {
				list = append(list, c)
			}
		}
		for _, id := range m.byAuthor[r.Author] {
			p := m.posts[id]
			add(Change{At: p.At, Post: id})
			add(Change{At: p.Deleted, Post: id, Deleted: true})
		}
		slices.SortFunc(list, Change.Compare)
		lists[i] = list[:min(r.Limit, len(list))]
	}
	return lists, ctx.Err()
}

// Claim implements PostStore.
func (m *MemoryPosts) Claim(ctx context.Context, c Claim) (PostID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return PostID{}, err
	}
	key := claimKey{c.Author, c.Key}
	known, ok := m.claims[key]
	switch {
	case !ok:
		m.claims[key] = c
		return c.ID, nil
	case known.Hash != c.Hash:
		return PostID{}, ErrKeyReused()
	}
	return known.ID, nil
}

// EachPost implements PostScan.
func (m *MemoryPosts) EachPost(ctx context.Context, visit func(Post) error) error {
	m.mu.Lock()
	posts := slices.Collect(maps.Values(m.posts))
	m.mu.Unlock()
	for _, p := range posts {
		if err := visit(p); err != nil {
			return err
		}
	}
	return ctx.Err()
}
