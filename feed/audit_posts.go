package feed

import (
	"context"

	"agora/pattern/audit"
)

// records compares each record of posts that the log has with the PostStore and the modes.
func (r *auditing) records(ctx context.Context) error {
	posts := r.report.Begin("log", "each post of the log is stored, at its first position, and deleted if the log says so")
	modes := r.report.Begin("intervals", "each change of mode of the log is stored, and its interval contains the identifiers of all its posts")
	return r.eachRecord(ctx, PostsTopic, func(rec Record) error {
		switch rec.Kind {
		case kindPosted:
			posts.Compared++
			if err := r.posted(ctx, posts, rec); err != nil {
				return err
			}
			if m, ok := r.modes[rec.Actor]; ok && r.Strategy == Hybrid {
				modes.Compared++
				r.interval(modes, m, rec)
			}
		case kindDeleted:
			posts.Compared++
			found, err := r.Posts.Get(ctx, rec.PostID)
			if err != nil {
				return err
			}
			if len(found) == 0 || found[0].Deleted == 0 || found[0].Deleted > rec.At {
				posts.Differ("post %s was deleted at %d/%v and is not deleted in the store", rec.PostID, rec.Partition, rec.At)
			}
		case kindMode:
			modes.Compared++
			m := r.modes[rec.Actor]
			if rec.Number > len(m.Changes) || m.Changes[rec.Number-1].At > rec.At {
				modes.Differ("change %d of %s at %d/%v is not stored", rec.Number, rec.Actor, rec.Partition, rec.At)
			}
		}
		return nil
	})
}

// posted compares a record with its post. A later record of the same post means nothing.
func (r *auditing) posted(ctx context.Context, check *audit.Check, rec Record) error {
	found, err := r.Posts.Get(ctx, rec.Post.ID)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		check.Differ("post %s at %d/%v is not stored", rec.Post.ID, rec.Partition, rec.At)
		return nil
	}
	p := found[0]
	switch {
	case p.Author != rec.Actor:
		check.Differ("post %s is stored as one of %s, and %s wrote it", p.ID, p.Author, rec.Actor)
	case p.At == 0 || p.At > rec.At:
		check.Differ("post %s is stored at %v, and its record is at %d/%v", p.ID, p.At, rec.Partition, rec.At)
	case p.Deleted == 0 && p.Text != rec.Post.Text:
		check.Differ("post %s is stored with another text than that of its record", p.ID)
	}
	return nil
}

// interval checks that the interval of a pulled post contains its identifier.
func (r *auditing) interval(check *audit.Check, m Modes, rec Record) {
	before := 0
	for before < len(m.Changes) && m.Changes[before].At < rec.At {
		before++
	}
	if before%2 == 0 {
		return
	}
	c, id := m.Changes[before-1], rec.Post.ID
	if id.Compare(c.Least) < 0 || id.Compare(c.Greatest) > 0 {
		check.Differ("the pulled post %s is not in interval %d of %s, from %s to %s", id, c.Number, rec.Actor, c.Least, c.Greatest)
	}
}

// posts compares the posts that are stored with the log and with the lists of their authors.
func (r *auditing) posts(ctx context.Context) error {
	check := r.report.Begin("posts", "each stored post has a record where the log reaches back so far, and is in its author's list")
	scan, ok := r.Posts.(PostScan)
	if !ok {
		check.Skip("this store of posts cannot list them all")
		return nil
	}
	return scan.EachPost(ctx, func(p Post) error {
		check.Compared++
		r.sample.add(p.Author)
		if err := r.recorded(ctx, check, p); err != nil {
			return err
		}
		lists, err := r.Posts.ByAuthor(ctx, AuthorRange{Author: p.Author, Before: after(p.ID), Limit: 1})
		if err != nil {
			return err
		}
		if len(lists[0]) == 0 || lists[0][0] != p.Entry() {
			check.Differ("post %s of %s at %v is not in the list of its author, which has %v there", p.ID, p.Author, p.At, lists[0])
		}
		return nil
	})
}

// recorded checks that the log has the records of a post where the store says.
func (r *auditing) recorded(ctx context.Context, check *audit.Check, p Post) error {
	partition := r.Shape.PostsOf(p.Author)
	for at, id := range map[Position]string{p.At: p.ID.String(), p.Deleted: p.ID.String() + "/deleted"} {
		if at.Epoch() != r.Epoch || at < r.oldest.Posts[partition] {
			continue
		}
		if at >= r.end.Posts[partition] {
			check.Differ("post %s is stored with position %v, and the log ends at %v", p.ID, at, r.end.Posts[partition])
			continue
		}
		messages, err := r.Log.Read(ctx, PostsTopic, partition, at.Offset(), 1)
		if err != nil {
			return err
		}
		if len(messages) == 0 || messages[0].ID != id {
			check.Differ("post %s is stored with position %d/%v, where the log has another record", p.ID, partition, at)
		}
	}
	return nil
}
