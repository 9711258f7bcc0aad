package feed

import (
	"context"

	"agora/fault"
)

// ErrNoUser returns the error of a user who does not exist, or of whom the reader may not know.
func ErrNoUser(id UserID) error { return fault.ErrNotFound("user", id.String()) }

// Visitor is the reader who is not signed in. The admin of the first start has the same identifier: nothing is hidden from both.
var Visitor UserID

// Get returns a post, unless it is deleted, or one of its author and the reader blocks the other. A reader who is not
// signed in is Visitor.
func (s *Service) Get(ctx context.Context, reader UserID, id PostID) (Post, error) {
	p, err := s.find(ctx, id)
	if err != nil || reader == Visitor || reader == p.Author {
		return p, err
	}
	hidden, err := s.hidden(ctx, reader, p.Author)
	if err != nil {
		return Post{}, err
	}
	if hidden {
		return Post{}, ErrNoPost(id)
	}
	return p, nil
}

// find returns a post that is not deleted.
func (s *Service) find(ctx context.Context, id PostID) (Post, error) {
	p, _, err := s.lookUp(ctx, id)
	return p, err
}

// lookUp returns a post, or ErrNoPost. deleted tells a deleted post from one that this server does not know.
func (s *Service) lookUp(ctx context.Context, id PostID) (p Post, deleted bool, err error) {
	pin := s.Tail.Pin()
	defer pin.Release()
	held, deleted := pin.post(id)
	if deleted {
		return Post{}, true, ErrNoPost(id)
	}
	found, err := s.Posts.Get(ctx, id)
	switch {
	case err != nil:
		return Post{}, false, err
	case len(found) > 0 && found[0].Deleted == 0:
		return found[0], false, nil
	case len(found) == 0 && held != nil:
		return *held, false, nil
	}
	return Post{}, len(found) > 0, ErrNoPost(id)
}

// visit returns ErrNoUser if a user does not exist, or if one of the user and the reader blocks the other.
func (s *Service) visit(ctx context.Context, reader, user UserID) error {
	exists, err := s.Users.Exists(ctx, user)
	if err != nil {
		return err
	}
	if !exists {
		return ErrNoUser(user)
	}
	hidden, err := s.hidden(ctx, reader, user)
	if err == nil && hidden {
		err = ErrNoUser(user)
	}
	return err
}

// hidden reports whether one of a reader and another user blocks the other.
func (s *Service) hidden(ctx context.Context, reader, user UserID) (bool, error) {
	if reader == Visitor || reader == user {
		return false, nil
	}
	edges, err := s.edges(ctx, reader)
	return blocked(edges, reader, user), err
}

func blocked(edges map[EdgeKey]Edge, a, b UserID) bool {
	return edges[EdgeKey{Block, a, b}].On || edges[EdgeKey{Block, b, a}].On
}

// edges returns the edges that decide what a user sees, as of now. Some of them may be off.
func (s *Service) edges(ctx context.Context, user UserID) (map[EdgeKey]Edge, error) {
	pin := s.Tail.Pin()
	defer pin.Release()
	rel, err := s.Graph.Relations(ctx, user)
	if err != nil {
		return nil, err
	}
	edges := rel.byKey()
	pin.overlay(user, edges)
	return edges, nil
}
