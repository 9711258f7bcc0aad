package feed

import (
	"context"
	"time"

	"agora/fault"
)

// MaxEdges is the most users whom a user may follow, block, or mute. A page of the home timeline may have to look at the posts
// of everyone whom its user follows.
const MaxEdges = 5000

// Set turns an edge on or off. An edge that is so already stays as it is. A user who does not exist, or one of whom the other
// has blocked the actor, can only be left: unfollowed, unblocked, unmuted.
func (s *Service) Set(ctx context.Context, key EdgeKey, on bool) (Reach, error) {
	if key.From == key.To {
		return Reach{}, fault.ErrInvalid("id", "is your own")
	}
	if on {
		if err := s.mayConnect(ctx, key); err != nil {
			return Reach{}, err
		}
	}
	at, err := s.append(ctx, GraphTopic, EdgeRecord(key, on, time.Now()))
	if err != nil {
		return Reach{}, err
	}
	return s.reached(ctx, GraphTopic, s.Shape.GraphOf(key.From), at)
}

// mayConnect returns why an edge cannot be turned on.
func (s *Service) mayConnect(ctx context.Context, key EdgeKey) error {
	exists, err := s.Users.Exists(ctx, key.To)
	if err != nil {
		return err
	}
	if !exists {
		return ErrNoUser(key.To)
	}
	edges, err := s.edges(ctx, key.From)
	if err != nil {
		return err
	}
	if key.Kind == Follow && edges[EdgeKey{Block, key.To, key.From}].On {
		return ErrNoUser(key.To)
	}
	have := 0
	for other, e := range edges {
		if e.On && other.Kind == key.Kind && other.From == key.From && other.To != key.To {
			have++
		}
	}
	if have >= MaxEdges {
		return fault.New(fault.Conflict, "too_many", "you have reached the limit: undo this for another user first")
	}
	return nil
}
