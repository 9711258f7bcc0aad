package feed

import (
	"context"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

// Of two values of a cell with one timestamp Cassandra keeps the greater one. So the greatest identifier stays, and the least one
// if its bits are inverted: modes are united by the nodes.
const (
	setMode     = `INSERT INTO modes (author, number, at) VALUES (?, ?, ?) USING TIMESTAMP ?`
	setLeast    = `UPDATE modes USING TIMESTAMP 1 SET least = ? WHERE author = ? AND number = ?`
	setGreatest = `UPDATE modes USING TIMESTAMP 1 SET greatest = ? WHERE author = ? AND number = ?`

	selectModes   = `SELECT author, number, at, least, greatest FROM modes`
	selectModesOf = selectModes + ` WHERE author = ?`
)

// PutModes implements feed.GraphStore.
func (g *Graph) PutModes(ctx context.Context, modes ...feed.Modes) error {
	var writes stage
	for _, m := range modes {
		var rows []cassandra.Statement
		for _, c := range m.Changes {
			rows = append(rows, cassandra.Of(setMode, m.Author[:], c.Number, int64(c.At), lowestWins(c.At)))
			if c.Least != (feed.PostID{}) {
				least := invert(c.Least)
				rows = append(rows, cassandra.Of(setLeast, least[:], m.Author[:], c.Number))
			}
			if c.Greatest != (feed.PostID{}) {
				rows = append(rows, cassandra.Of(setGreatest, c.Greatest[:], m.Author[:], c.Number))
			}
		}
		writes = append(writes, rows)
	}
	return g.keyspace.WriteAll(ctx, writes...)
}

func invert(id feed.PostID) feed.PostID {
	for i := range id {
		id[i] = ^id[i]
	}
	return id
}

// Modes implements feed.GraphStore. All modes are read from all nodes: few authors were ever pulled.
func (g *Graph) Modes(ctx context.Context, authors ...feed.UserID) ([]feed.Modes, error) {
	if len(authors) == 0 {
		return g.readModes(ctx, cassandra.Of(selectModes))
	}
	lists := make([][]feed.Modes, len(authors))
	err := cassandra.Each(ctx, len(authors), func(ctx context.Context, i int) (err error) {
		lists[i], err = g.readModes(ctx, cassandra.Of(selectModesOf, authors[i][:]))
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []feed.Modes
	for _, list := range lists {
		found = append(found, list...)
	}
	return found, nil
}

// readModes reads rows, which come by author and number.
func (g *Graph) readModes(ctx context.Context, s cassandra.Statement) (found []feed.Modes, err error) {
	var (
		author, least, greatest []byte
		number                  int
		at                      int64
	)
	err = g.keyspace.Read(ctx, s, []any{&author, &number, &at, &least, &greatest}, func() error {
		if len(author) != len(feed.UserID{}) {
			return fmt.Errorf("modes: %w", errDamaged)
		}
		if n := len(found); n == 0 || found[n-1].Author != feed.UserID(author) {
			found = append(found, feed.Modes{Author: feed.UserID(author)})
		}
		c := feed.ModeChange{Number: number, At: feed.Position(at)}
		if copy(c.Least[:], least) > 0 {
			c.Least = invert(c.Least)
		}
		copy(c.Greatest[:], greatest)
		m := &found[len(found)-1]
		m.Changes = append(m.Changes, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
