package feed

import (
	"bytes"
	"context"
	"errors"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/fault"
	"agora/feed"
)

// forward reads rows in the order of their keys, which is cheaper than one after the other.
type forward struct {
	iter *cockroach.Iterator
	at   []byte // the key that was looked for last
}

func (g *Graph) forward(p prefix) (*forward, error) {
	iter, err := g.db.Pebble().NewIter(&cockroach.IterOptions{LowerBound: key(p), UpperBound: key(p + 1)})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "rows of users cannot be read")
	}
	return &forward{iter: iter}, nil
}

// seek goes to the first row at a key or after it. Keys never descend.
func (f *forward) seek(at []byte) {
	if f.at == nil || bytes.Equal(f.at, at) || f.iter.Valid() && bytes.Compare(f.iter.Key(), at) < 0 {
		f.iter.SeekGE(at)
	}
	f.at = append(f.at[:0], at...)
}

// get returns the value of a key, which is valid until the next call. It is empty if there is no such row.
func (f *forward) get(at []byte) []byte {
	if f.seek(at); f.iter.Valid() && bytes.Equal(f.iter.Key(), at) {
		return f.iter.Value()
	}
	return nil
}

func (f *forward) close() error {
	return fault.Wrap(fault.Unavailable, f.iter.Close(), "rows of users cannot be read")
}

// eachOf calls visit for the rows of users: with the index of the user, what follows the user in the key, and the value, which are
// valid during the call. Users are visited in the order of their identifiers.
func (g *Graph) eachOf(ctx context.Context, p prefix, users []feed.UserID, visit func(i int, rest, value []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, err := g.forward(p)
	if err != nil {
		return err
	}
	at := key(p)
	for _, i := range inOrder(users, feed.UserID.Compare) {
		at = append(at[:1], users[i][:]...)
		for rows.seek(at); err == nil && rows.iter.Valid() && bytes.HasPrefix(rows.iter.Key(), at); rows.iter.Next() {
			err = visit(i, rows.iter.Key()[len(at):], rows.iter.Value())
		}
	}
	return errors.Join(err, rows.close())
}
