package feed

import (
	"context"
	"fmt"
	"slices"

	"agora/feed"
	"agora/pattern/audit"
)

// lookedUp is how many posts a check looks up with one call.
const lookedUp = 500

// sent is what clients asked for and were told of posts.
type sent struct {
	posts   map[feed.PostID]bool    // that clients were told of
	deleted map[feed.PostID]bool    // that somebody asked to delete, whatever the answer was
	texts   map[written]feed.PostID // of all that was not refused; zero if no client was told the post
	authors map[feed.UserID]bool
}

// written is a text of an author.
type written struct {
	author feed.UserID
	text   string
}

func whatWasSent(history []Operation) sent {
	s := sent{
		posts: map[feed.PostID]bool{}, deleted: map[feed.PostID]bool{}, texts: map[written]feed.PostID{}, authors: map[feed.UserID]bool{},
	}
	for _, op := range history {
		switch {
		case op.Output.Outcome == Refused:
		case op.Kind == Delete:
			s.deleted[postOf(op)] = true
		case op.Kind == Post:
			text := written{userID(op.Input.User), op.Input.Text}
			s.authors[text.author] = true
			if op.Output.Outcome == OK {
				s.texts[text] = postOf(op)
				s.posts[postOf(op)] = true
			} else if _, ok := s.texts[text]; !ok {
				s.texts[text] = feed.PostID{}
			}
		}
	}
	return s
}

// postOf returns the post that was made or deleted.
func postOf(op Operation) feed.PostID {
	if op.Kind == Delete {
		return postID(op.Input.Post)
	}
	return postID(op.Output.Post)
}

// get returns the stored posts by their identifiers.
func (c *checking) get(ctx context.Context, ids []feed.PostID) (map[feed.PostID]feed.Post, error) {
	found := make(map[feed.PostID]feed.Post, len(ids))
	for some := range slices.Chunk(ids, lookedUp) {
		posts, err := c.Posts.Get(ctx, some...)
		if err != nil {
			return nil, err
		}
		for _, p := range posts {
			found[p.ID] = p
		}
	}
	return found, nil
}

// acknowledged checks that each post that a client was told of exists once and is what the client sent.
func (c *checking) acknowledged(ctx context.Context) error {
	check := c.report.Begin("history", "each post and deletion that a client was told of is stored, once and as it was sent")
	var told []Operation
	for _, op := range c.history {
		if op.Output.Outcome == OK && (op.Kind == Post || op.Kind == Delete) {
			told = append(told, op)
		}
	}
	once(check, told)
	for some := range slices.Chunk(told, lookedUp) {
		ids := make([]feed.PostID, len(some))
		for i, op := range some {
			ids[i] = postOf(op)
		}
		found, err := c.get(ctx, ids)
		if err != nil {
			return err
		}
		for i, op := range some {
			check.Compared++
			p, ok := found[ids[i]]
			if wrong := c.compare(check, op, p, ok); wrong != "" {
				check.Differ("post %s %s", ids[i], wrong)
			}
		}
	}
	return nil
}

// once checks that each key made one post.
func once(check *audit.Check, told []Operation) {
	type key struct{ user, key string }
	postOf, keyOf := map[key]string{}, map[string]key{}
	for _, op := range told {
		if op.Kind != Post {
			continue
		}
		k, id := key{op.Input.User, op.Input.Key}, op.Output.Post
		if earlier, ok := postOf[k]; ok && earlier != id {
			check.Differ("key %s of %s made post %s and post %s", k.key, k.user, earlier, id)
		}
		if earlier, ok := keyOf[id]; ok && earlier != k {
			check.Differ("post %s is the answer to two requests, of keys %q and %q", id, earlier.key, k.key)
		}
		postOf[k], keyOf[id] = id, k
	}
}

// compare returns how a stored post differs from what its client was told, or "" if it does not.
func (c *checking) compare(check *audit.Check, op Operation, p feed.Post, stored bool) string {
	partition := c.Shape.PostsOf(p.Author)
	reach, err := c.reachOf(op)
	if err != nil {
		check.Undecided++ // whether the post stands before it
	}
	before := func(at feed.Position) bool { return err != nil || reach.Posts.Covers(partition, at) }
	switch {
	case !stored:
		return "was acknowledged and is not there"
	case op.Kind == Delete && p.Deleted == 0:
		return "was deleted and is there"
	case op.Kind == Delete && !before(p.Deleted):
		return fmt.Sprintf("is deleted at %v, and its client was told that all before %v is", p.Deleted, reach.Posts)
	case op.Kind == Delete:
		return ""
	case p.Author != userID(op.Input.User):
		return fmt.Sprintf("is one of %s, and %s sent it", p.Author, op.Input.User)
	case p.At == 0 || !before(p.At):
		return fmt.Sprintf("is stored at %v, and its client was told that it stands before %v", p.At, reach.Posts)
	case p.Deleted == 0 && p.Text != op.Input.Text:
		return fmt.Sprintf("has the text %q, and was sent with %q", p.Text, op.Input.Text)
	case c.last.Posts.Covers(partition, p.Deleted) && p.Deleted != 0 && !c.sent.deleted[p.ID]:
		return fmt.Sprintf("was deleted at %v, and nobody asked for that", p.Deleted)
	}
	return ""
}

// unsent checks that the authors have no other posts of that time than those that they sent.
func (c *checking) unsent(ctx context.Context) error {
	check := c.report.Begin("unsent", "the authors have no other posts of that time than those that they sent, each once")
	for user := range c.sent.authors {
		a, err := c.author(ctx, user)
		if err != nil {
			return err
		}
		var ids []feed.PostID
		for _, change := range a.changed(c.first.Posts[a.partition], c.last.Posts[a.partition]) {
			if !change.Deleted {
				ids = append(ids, change.Post)
			}
		}
		found, err := c.get(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			check.Compared++
			if !c.sent.posts[id] {
				c.wasSent(check, found[id])
			}
		}
	}
	return nil
}

// wasSent checks that somebody sent a post of which no client was told.
func (c *checking) wasSent(check *audit.Check, p feed.Post) {
	text := written{p.Author, p.Text}
	other, ok := c.sent.texts[text]
	switch {
	case p.Deleted != 0:
		check.Undecided++ // its text is gone
	case !ok:
		check.Differ("post %s of %s with the text %q was never sent", p.ID, p.Author, p.Text)
	case other != (feed.PostID{}):
		check.Differ("post %s of %s is there a second time, as %s", other, p.Author, p.ID)
	default:
		c.sent.texts[text] = p.ID
	}
}
