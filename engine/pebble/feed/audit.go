package feed

import (
	"context"
	"fmt"

	"agora/feed"
)

var (
	_ feed.PostScan = (*Posts)(nil)
	_ feed.UserScan = (*Graph)(nil)
)

// EachPost implements feed.PostScan, in the order of identifiers.
func (s *Posts) EachPost(ctx context.Context, visit func(feed.Post) error) error {
	return scan(ctx, s.db, key(postByID), key(postByID), func(k, value []byte) (bool, error) {
		id := feed.PostID{}
		if len(k) != 1+len(id) {
			return false, fmt.Errorf("a post: %w", errDamaged)
		}
		copy(id[:], k[1:])
		p, err := decodePost(id, value)
		if err == nil {
			err = visit(p)
		}
		if err == nil {
			err = ctx.Err()
		}
		return err == nil, err
	})
}

// EachUser implements feed.UserScan, in the order of ordinals: every user at either end of an edge has one.
func (g *Graph) EachUser(ctx context.Context, visit func(feed.UserID) error) error {
	return scan(ctx, g.db, key(userOfOrdinal), key(userOfOrdinal), func(_, value []byte) (bool, error) {
		user := feed.UserID{}
		if copy(user[:], value) != len(user) {
			return false, fmt.Errorf("the user of an ordinal: %w", errDamaged)
		}
		err := visit(user)
		if err == nil {
			err = ctx.Err()
		}
		return err == nil, err
	})
}
