package feed

import (
	"context"
	"time"

	"agora/fault"
)

// Delivery says how far a post has come. A post that is pulled is delivered when it is published.
type Delivery struct {
	Mode      Strategy      // Push or Pull
	Followers int64         // of the author, now
	Delivered int64         // those of them whose timelines have the post, or do not need it
	Lag       time.Duration // the age of a post that is not delivered to all; 0 for any other
}

// Delivery returns how far a post of the actor has come, or of anyone for an admin.
func (s *Service) Delivery(ctx context.Context, actor UserID, admin bool, id PostID) (Delivery, error) {
	p, err := s.find(ctx, id)
	if err != nil {
		return Delivery{}, err
	}
	if p.Author != actor && !admin {
		if _, err := s.Get(ctx, actor, id); err != nil {
			return Delivery{}, err
		}
		return Delivery{}, fault.New(fault.Denied, "not_your_post", "only its author and admins see how far a post has come")
	}
	counts, err := s.Graph.Counts(ctx, p.Author)
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{Mode: Push, Followers: followersIn(counts[0])}
	pulled, err := s.pulled(ctx, &p)
	if err != nil {
		return Delivery{}, err
	}
	if pulled {
		d.Mode, d.Delivered = Pull, d.Followers
		return d, nil
	}
	head, ok, err := s.Timelines.Head(ctx)
	if err != nil {
		return Delivery{}, err
	}
	partition := s.Shape.PostsOf(p.Author)
	for i, c := range counts[0] {
		if ok && head.Rows[i].Posts.Covers(partition, p.At) {
			d.Delivered += c.Followers
		}
	}
	if d.Delivered < d.Followers {
		d.Lag = max(0, time.Since(p.CreatedAt))
	}
	return d, nil
}

// pulled reports whether readers pull a post.
func (s *Service) pulled(ctx context.Context, p *Post) (bool, error) {
	if s.Strategy != Hybrid {
		return s.Strategy == Pull, nil
	}
	found, err := s.Graph.Modes(ctx, p.Author)
	if err != nil || len(found) == 0 {
		return false, err
	}
	return found[0].pulled(p.At), nil
}
