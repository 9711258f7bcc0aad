package feed

import (
	"context"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

const (
	insertClaim = `INSERT INTO claims (author, key, hash, post) VALUES (?, ?, ?, ?) IF NOT EXISTS`
	selectClaim = `SELECT hash, post FROM claims WHERE author = ? AND key = ?`
)

// claimTries is how often a claim is written again whose fate the nodes do not know.
const claimTries = 5

// Claim implements feed.PostStore. A claim of which the nodes cannot say whether it is stored is read, and written again if it
// is not there.
func (s *Posts) Claim(ctx context.Context, c feed.Claim) (feed.PostID, error) {
	for try := 1; ; try++ {
		known, ok, err := s.writeClaim(ctx, c)
		if err != nil && cassandra.Uncertain(err) && ctx.Err() == nil {
			var readErr error
			if known, ok, readErr = s.readClaim(ctx, c); readErr != nil {
				return feed.PostID{}, readErr
			}
			if !ok && try < claimTries {
				continue
			}
		}
		switch {
		case ok && known.Hash != c.Hash:
			return feed.PostID{}, feed.ErrKeyReused()
		case ok:
			return known.ID, nil
		case err != nil:
			return feed.PostID{}, err
		default:
			return c.ID, nil
		}
	}
}

// writeClaim stores a claim, or returns the one that is there.
func (s *Posts) writeClaim(ctx context.Context, c feed.Claim) (known feed.Claim, ok bool, err error) {
	var (
		author, hash, post []byte
		key                string
	)
	applied, err := s.keyspace.WriteIf(ctx, cassandra.Of(insertClaim, c.Author[:], c.Key, c.Hash[:], c.ID[:]), &author, &key, &hash, &post)
	if err != nil || applied {
		return feed.Claim{}, false, err
	}
	return knownClaim(c, hash, post)
}

func (s *Posts) readClaim(ctx context.Context, c feed.Claim) (known feed.Claim, ok bool, err error) {
	var hash, post []byte
	err = s.keyspace.ReadSerial(ctx, cassandra.Of(selectClaim, c.Author[:], c.Key), []any{&hash, &post}, func() error {
		ok = true
		return nil
	})
	if err != nil || !ok {
		return feed.Claim{}, false, err
	}
	return knownClaim(c, hash, post)
}

func knownClaim(c feed.Claim, hash, post []byte) (known feed.Claim, ok bool, err error) {
	if copy(c.Hash[:], hash) != len(c.Hash) || copy(c.ID[:], post) != len(c.ID) {
		return feed.Claim{}, false, fmt.Errorf("claim of %s: %w", c.Author, errDamaged)
	}
	return c, true, nil
}
