package feed

import (
	"cmp"
	"context"
	"slices"

	"agora/feed"
)

// author is what a check has read of an author's posts.
type author struct {
	user      feed.UserID
	partition int
	posts     []authored           // newest first, without those of which nothing but the deletion is known
	below     feed.PostID          // posts below it are not read yet
	ended     bool                 // there are none
	changes   []feed.Change        // from the first position of the history on, by position
	deleted   map[feed.PostID]bool // posts whose deletion is among the changes
}

// authored is a post of an author.
type authored struct {
	id          feed.PostID
	at, deleted feed.Position // deleted is zero for a post that is there
}

// newest is not below any identifier.
var newest = feed.PostID{
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
}

const (
	postsAtOnce   = 50 // of an author
	changesAtOnce = 1000
)

// author returns an author with all changes since the history began.
func (c *checking) author(ctx context.Context, user feed.UserID) (*author, error) {
	if a := c.authors[user]; a != nil {
		return a, nil
	}
	a := &author{user: user, partition: c.Shape.PostsOf(user), below: newest, deleted: map[feed.PostID]bool{}}
	if err := c.readChanges(ctx, a, c.first.Posts[a.partition]); err != nil {
		return nil, err
	}
	c.authors[user] = a
	return a, nil
}

// readChanges reads the changes of an author from a position on. A change that another position has replaced is none.
func (c *checking) readChanges(ctx context.Context, a *author, from feed.Position) error {
	to := feed.At(c.Epoch+1, 0)
	for limit := changesAtOnce; ; {
		lists, err := c.Posts.Changes(ctx, feed.ChangeRange{Author: a.user, From: from, To: to, Limit: limit})
		if err != nil {
			return err
		}
		list := lists[0]
		ids := make([]feed.PostID, len(list))
		for i, change := range list {
			ids[i] = change.Post
		}
		found, err := c.get(ctx, ids)
		if err != nil {
			return err
		}
		for _, change := range list {
			p := found[change.Post]
			if change.Deleted && p.Deleted == change.At || !change.Deleted && p.At == change.At {
				a.changes = append(a.changes, change)
				a.deleted[change.Post] = a.deleted[change.Post] || change.Deleted
			}
		}
		if len(list) < limit {
			return nil
		}
		from = list[len(list)-1].At + 1 // positions of one partition are of one record each
	}
}

// changed returns the changes of an author from a position to before another one.
func (a *author) changed(from, to feed.Position) []feed.Change {
	find := func(at feed.Position) int {
		i, _ := slices.BinarySearchFunc(a.changes, at, func(c feed.Change, at feed.Position) int { return cmp.Compare(c.At, at) })
		return i
	}
	return a.changes[find(from):max(find(from), find(to))]
}

// deepen reads the posts of authors down to an identifier.
func (c *checking) deepen(ctx context.Context, authors []*author, down feed.PostID) error {
	for {
		var (
			ranges []feed.AuthorRange
			asked  []*author
		)
		for _, a := range authors {
			if !a.ended && a.below.Compare(down) > 0 {
				ranges = append(ranges, feed.AuthorRange{Author: a.user, Before: a.below, Limit: postsAtOnce})
				asked = append(asked, a)
			}
		}
		if len(ranges) == 0 {
			return nil
		}
		lists, err := c.Posts.ByAuthor(ctx, ranges...)
		if err != nil {
			return err
		}
		var ids []feed.PostID
		for _, list := range lists {
			for _, e := range list {
				ids = append(ids, e.Post)
			}
		}
		found, err := c.get(ctx, ids)
		if err != nil {
			return err
		}
		for i, a := range asked {
			a.add(lists[i], found)
		}
	}
}

// add adds the next posts of the author's list.
func (a *author) add(list []feed.Entry, found map[feed.PostID]feed.Post) {
	for _, e := range list {
		a.below = e.Post
		if e.At != 0 {
			a.posts = append(a.posts, authored{id: e.Post, at: e.At, deleted: found[e.Post].Deleted})
		}
	}
	a.ended = len(list) < postsAtOnce
}

// between returns the posts of an author below an identifier, down to another one.
func (a *author) between(before, down feed.PostID) []authored {
	begin, _ := slices.BinarySearchFunc(a.posts, before, func(p authored, id feed.PostID) int { return id.Compare(p.id) })
	if begin < len(a.posts) && a.posts[begin].id == before {
		begin++
	}
	end := begin
	for end < len(a.posts) && a.posts[end].id.Compare(down) >= 0 {
		end++
	}
	return a.posts[begin:end]
}
