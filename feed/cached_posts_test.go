package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// countedPosts counts the posts that are read.
type countedPosts struct {
	PostStore
	read int
}

func (c *countedPosts) Get(ctx context.Context, ids ...PostID) ([]Post, error) {
	c.read += len(ids)
	return c.PostStore.Get(ctx, ids...)
}

// TestACachedPostIsForgottenBeforeItsDeletion checks that a post which another server has deleted is not read from the cache any more
// when a tail may have forgotten the deletion.
func TestACachedPostIsForgottenBeforeItsDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stored := t.Context(), &countedPosts{PostStore: NewMemoryPosts()}
		cached := NewCachedPosts(stored, 1<<20)
		p := Post{ID: PostID{15: 1}, Author: user(1), Text: "text", At: At(1, 1)}
		if err := cached.Insert(ctx, p); err != nil {
			t.Fatal(err)
		}
		get := func(want int) Post {
			t.Helper()
			found, err := cached.Get(ctx, p.ID)
			if err != nil || len(found) != 1 || stored.read != want {
				t.Fatalf("Get = %v, %v after %d reads; want one post after %d", found, err, stored.read, want)
			}
			return found[0]
		}
		get(1)
		get(1)
		if err := stored.Delete(ctx, Deletion{ID: p.ID, Author: p.Author, At: At(1, 2)}); err != nil { // by another server
			t.Fatal(err)
		}
		time.Sleep(keptDeletes - time.Second)
		if get(2).Deleted == 0 {
			t.Error("the post is cached for longer than its deletion is known")
		}
	})
}
