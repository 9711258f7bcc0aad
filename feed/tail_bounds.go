package feed

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"agora/backoff"
	"agora/fault"
)

// Bounds limit what the tail of a server keeps in memory, in bytes.
type Bounds struct {
	Relations   int // whose posts users see, of users who have read lately
	Celebrities int // the newest posts of authors who are pulled; those that are read least go first
	// Posts bounds the posts that are not in timelines yet. Of authors beyond it, the tail knows only that posts are lacking,
	// and each read pulls them. Zero sets no bound.
	Posts int
	// Deletes is how long deletions are kept: as long as somebody may cache a page with the post. They are kept in any case
	// until all stores have them.
	Deletes time.Duration
}

// postBytes is about what a post costs apart from its texts.
const postBytes = 400

func (p *Post) bytes() int {
	n := postBytes + len(p.Text)
	for _, link := range p.Media {
		n += len(link)
	}
	return n
}

// authored are posts of an author.
type authored struct {
	author    UserID
	partition int
	posts     []*Post // in the order of the log
	bytes     int     // of posts
	// lacking is the position after the last post that the tail lacks and that is not in all timelines; zero if there is none.
	lacking Position
	oldest  time.Time // when the oldest post that the tail lacks was made; set with lacking
}

// waiting returns when the oldest post was made that is not in all timelines, as far as the tail knows; zero if it knows of none.
func (t *Tail) waiting() (oldest time.Time) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, own := range t.posts {
		made := own.oldest
		if own.lacking == 0 && len(own.posts) > 0 {
			made = own.posts[0].ID.Made()
		}
		if oldest.IsZero() || made.Before(oldest) {
			oldest = made
		}
	}
	return oldest
}

// drop takes away the first n posts.
func (t *Tail) drop(own *authored, n int) {
	for _, post := range own.posts[:n] {
		delete(t.byID, post.ID)
		own.bytes -= post.bytes()
		t.postBytes -= post.bytes()
	}
	own.posts = own.posts[n:]
}

// Shrink brings the posts of the tail below their bound. They are stored before, because the builder, which stores what a
// crash has left out, may not have come so far.
func (b *Builder) Shrink(ctx context.Context, t *Tail) error {
	surplus := t.surplus()
	if len(surplus) == 0 {
		return nil
	}
	posts := make([]Post, len(surplus))
	for i, p := range surplus {
		posts[i] = *p
	}
	if err := b.Posts.Insert(ctx, posts...); err != nil {
		return fmt.Errorf("insert posts: %w", err)
	}
	t.lack(surplus)
	return nil
}

// surplus returns posts that are more than the bound, of the authors who have most.
func (t *Tail) surplus() []*Post {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.bounds.Posts == 0 || t.postBytes <= t.bounds.Posts {
		return nil
	}
	var surplus []*Post
	left := t.postBytes
	byBytes := func(a, b UserID) int { return cmp.Or(t.posts[b].bytes-t.posts[a].bytes, a.Compare(b)) }
	for _, author := range slices.SortedFunc(maps.Keys(t.posts), byBytes) {
		if left <= t.bounds.Posts/4*3 {
			break
		}
		surplus = append(surplus, t.posts[author].posts...)
		left -= t.posts[author].bytes
	}
	return surplus
}

// lack takes away posts, which the PostStore has. A page that has seen them in the tail already finds them there.
func (t *Tail) lack(posts []*Post) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := map[UserID]Position{}
	for _, p := range posts {
		last[p.Author] = max(last[p.Author], p.At)
	}
	for author, at := range last {
		own := t.posts[author]
		if own == nil {
			continue // forgotten
		}
		n := 0
		for n < len(own.posts) && own.posts[n].At <= at {
			n++
		}
		if n > 0 {
			if own.lacking == 0 {
				own.oldest = own.posts[0].ID.Made()
			}
			t.drop(own, n)
			own.lacking = at + 1
			t.celebrities.forget(author)
		}
	}
}

// forgetPosts frees the posts that are in all timelines. The caller holds t.mu.
func (t *Tail) forgetPosts(dropped Vector) {
	for author, own := range t.posts {
		n := 0
		for n < len(own.posts) && dropped.Covers(own.partition, own.posts[n].At) {
			n++
		}
		if n > 0 {
			t.celebrities.add(author, own.posts[:n])
			t.drop(own, n)
		}
		if own.lacking != 0 && dropped.Covers(own.partition, own.lacking-1) {
			own.lacking = 0
		}
		if len(own.posts) == 0 && own.lacking == 0 {
			delete(t.posts, author)
		}
	}
}

// tidyPeriod is how often RunTail looks what the tail can do without.
const tidyPeriod = time.Second

// tidy drops what is in the timelines, and shrinks the tail, until ctx ends.
func (b *Builder) tidy(ctx context.Context, t *Tail) error {
	for ctx.Err() == nil {
		head, ok, err := b.Timelines.Head(ctx)
		if err == nil && ok {
			t.Drop(head)
		}
		b.Monitor.waiting(t.waiting())
		if err == nil || fault.Passing(err) {
			err = b.Shrink(ctx, t)
		}
		if err != nil && !fault.Passing(err) {
			return unlessEnded(ctx, err)
		}
		backoff.Sleep(ctx, tidyPeriod)
	}
	return nil
}
