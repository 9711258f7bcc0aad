package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"agora/engine/postgres"
)

// positionList is what was read of the positions of a term or a clause.
type positionList struct {
	positions []int64 // descending
	floor     int64   // all positions from here up were read; 0 if all were
	read      int     // positions that PostgreSQL returned
}

// union returns what was read of a clause that any of the terms fulfils.
func union(lists []positionList, terms []int) positionList {
	if len(terms) == 1 {
		return lists[terms[0]]
	}
	u := positionList{}
	for _, term := range terms {
		u.floor = max(u.floor, lists[term].floor)
		u.positions = append(u.positions, lists[term].positions...)
	}
	slices.SortFunc(u.positions, descending)
	u.positions = slices.Compact(u.positions)
	return u
}

// exclude removes the candidates that are not in the list although it was read down to them.
func (l positionList) exclude(candidates []int64) []int64 {
	unread := indexBelow(candidates, l.floor)
	return append(intersect(candidates[:unread], l.positions), candidates[unread:]...)
}

// indexBelow returns the index of the first position below the floor.
func indexBelow(positions []int64, floor int64) int {
	at, _ := slices.BinarySearchFunc(positions, floor, func(p, floor int64) int {
		if p >= floor {
			return -1
		}
		return 1
	})
	return at
}

// intersect returns the positions that are in both lists, which descend.
func intersect(a, b []int64) []int64 {
	in := make([]int64, 0, min(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] > b[0]:
			a = a[1:]
		case a[0] < b[0]:
			b = b[1:]
		default:
			in = append(in, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return in
}

func descending(a, b int64) int { return cmp.Compare(b, a) }

// readNewest returns of each term the newest positions below one: at least the wanted number, or all.
func (c *Store) readNewest(ctx context.Context, terms []string, below int64, wanted int) ([]positionList, error) {
	lists := make([]positionList, len(terms))
	err := c.readPostings(ctx, lists, "SELECT of, lowest, gaps FROM newest($1, $2, $3)", terms, below, wanted)
	for i := range lists {
		l := &lists[i]
		l.positions = l.positions[indexBelow(l.positions, below):]
		if l.read < wanted {
			l.floor = 0
		}
	}
	return lists, err
}

// readAround adds to the lists the rows that show which candidates each term has.
func (c *Store) readAround(ctx context.Context, terms []string, lists []positionList, candidates []int64) error {
	var asked []string
	var froms []int32 // of each asked term the first candidate that was not read, from 1
	var indexes []int // of the asked terms
	for i, term := range terms {
		if unread := indexBelow(candidates, lists[i].floor); unread < len(candidates) {
			asked, froms, indexes = append(asked, term), append(froms, int32(unread+1)), append(indexes, i)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	added := make([]positionList, len(asked))
	err := c.readPostings(ctx, added, "SELECT of, lowest, gaps FROM around($1, $2, $3)", asked, froms, candidates)
	for i, list := range added {
		lists[indexes[i]].positions = append(lists[indexes[i]].positions, list.positions...)
	}
	return err
}

// readPostings adds rows of the index to lists. The query returns for each row the number of its list, from 1, its first
// position and its gaps; the rows of a list descend.
func (c *Store) readPostings(ctx context.Context, lists []positionList, query string, args ...any) error {
	rows, err := c.db.Pool().Query(ctx, query, args...)
	if err != nil {
		return postgres.Classify(err)
	}
	var number int32
	var first int64
	var gaps pgtype.DriverBytes
	var positions []int64
	_, err = pgx.ForEachRow(rows, []any{&number, &first, &gaps}, func() error {
		var err error
		if positions, err = decodeGaps(positions[:0], first, gaps); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		l := &lists[number-1]
		for _, position := range slices.Backward(positions) {
			l.positions = append(l.positions, position)
		}
		l.floor, l.read = first, l.read+len(positions)
		return nil
	})
	return postgres.Classify(err)
}
