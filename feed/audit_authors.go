package feed

import (
	"context"
	"slices"

	"agora/fault"
	"agora/pattern/audit"
)

// auditedPosts is how many of an author's newest posts an audit looks for in the timelines of followers, and auditedFollowers
// in how many timelines of each partition.
const (
	auditedPosts     = 3
	auditedFollowers = 16
)

// authors checks how far the newest posts of the sampled users have come.
func (r *auditing) authors(ctx context.Context) error {
	check := r.report.Begin("deliveries", "a post that all timelines have reached is delivered to each follower")
	users, err := r.pick(ctx)
	if err != nil {
		return err
	}
	for _, author := range users {
		lists, err := r.Posts.ByAuthor(ctx, AuthorRange{Author: author, Before: lastPostID, Limit: auditedPosts})
		if err != nil {
			return err
		}
		for _, e := range lists[0] {
			if err := r.delivered(ctx, check, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// delivered compares the account of a post's delivery with its followers and their timelines.
func (r *auditing) delivered(ctx context.Context, check *audit.Check, e Entry) error {
	found, err := r.Posts.Get(ctx, e.Post)
	if err != nil || len(found) == 0 || found[0].Deleted != 0 {
		return err
	}
	check.Compared++
	d, err := r.Delivery(ctx, e.Author, true, e.Post)
	if fault.Is(err, fault.NotFound) {
		check.Differ("post %s is stored, and the log says that it is deleted", e.Post)
		return nil
	}
	if err != nil {
		return err
	}
	mode := Push
	if r.Strategy == Pull || r.Strategy == Hybrid && r.modes[e.Author].pulled(e.At) {
		mode = Pull
	}
	if d.Mode != mode || d.Delivered != d.Followers {
		check.Differ("post %s is delivered by %s to %d of %d followers; want by %s to all", e.Post, d.Mode, d.Delivered, d.Followers, mode)
	}
	if mode == Pull {
		return nil
	}
	var followers int64
	for p := range r.Shape.Graph {
		var first []UserID
		err := r.eachFollower(ctx, e.Author, p, func(follower UserID) error {
			if followers++; len(first) < auditedFollowers {
				first = append(first, follower)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, follower := range first {
			if err := r.has(ctx, check, follower, p, e); err != nil {
				return err
			}
		}
	}
	if d.Followers != followers {
		check.Differ("post %s is said to have %d followers to reach, and has %d", e.Post, d.Followers, followers)
	}
	return nil
}

// has checks that a follower's timeline has a post, if it reaches down to it.
func (r *auditing) has(ctx context.Context, check *audit.Check, follower UserID, partition int, e Entry) error {
	_, timeline, err := r.Timelines.Read(ctx, follower, partition, after(e.Post), 1)
	if err != nil || !timeline.Base || e.Post.Compare(timeline.Floor) <= 0 && len(timeline.Entries) == 0 {
		return err
	}
	if !slices.Contains(timeline.Entries, e) {
		check.Differ("post %s of %s is not in the timeline of the follower %s", e.Post, e.Author, follower)
	}
	return nil
}
