package feed

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
)

// postCaching is how long a post is cached. Others may delete it meanwhile: a tail keeps deletions for longer, and readers ask it.
const postCaching = keptDeletes / 2

// CachedPosts is a PostStore that keeps the posts that were read in memory, up to a number of bytes. Use it where the tail says
// what is deleted, as a Reader does.
type CachedPosts struct {
	PostStore
	posts *otter.Cache[PostID, cachedPost]
}

type cachedPost struct {
	Post
	until time.Time
}

var _ PostStore = (*CachedPosts)(nil)

// NewCachedPosts returns a store with an empty cache.
func NewCachedPosts(store PostStore, bytes int) *CachedPosts {
	return &CachedPosts{PostStore: store, posts: otter.Must(&otter.Options[PostID, cachedPost]{
		MaximumWeight: uint64(max(0, bytes)),
		Weigher:       func(_ PostID, p cachedPost) uint32 { return uint32(p.bytes() + postBytes + len(p.Text)) }, // with its form: a few KB at most
	})}
}

// Get implements PostStore.
func (c *CachedPosts) Get(ctx context.Context, ids ...PostID) ([]Post, error) {
	found := make([]Post, 0, len(ids))
	var missing []PostID
	now := time.Now()
	for _, id := range ids {
		if p, ok := c.posts.GetIfPresent(id); ok && now.Before(p.until) {
			found = append(found, p.Post)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, ctx.Err()
	}
	read, err := c.PostStore.Get(ctx, missing...)
	if err != nil {
		return nil, err
	}
	for i := range read {
		if read[i].Deleted == 0 {
			read[i].Form = new(Form)
			c.posts.Set(read[i].ID, cachedPost{read[i], now.Add(postCaching)})
		}
	}
	return append(found, read...), nil
}

// Insert implements PostStore.
func (c *CachedPosts) Insert(ctx context.Context, posts ...Post) error {
	err := c.PostStore.Insert(ctx, posts...)
	for i := range posts {
		c.posts.Invalidate(posts[i].ID) // its position may be lower now
	}
	return err
}

// Delete implements PostStore.
func (c *CachedPosts) Delete(ctx context.Context, posts ...Deletion) error {
	err := c.PostStore.Delete(ctx, posts...)
	for _, d := range posts {
		c.posts.Invalidate(d.ID)
	}
	return err
}
