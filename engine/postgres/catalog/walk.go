package catalog

import (
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/shop"
)

// walk is a source that steps along all products, in any order, and leaves out those that do not match the query.
type walk struct {
	*termQuery
	scan      shop.Scan
	after     shop.ScanPosition // the last position that was read
	chunk     int               // positions that the next step reads
	remaining int               // positions that the walk may still read
}

func newWalk(query *termQuery, scan shop.Scan) *walk {
	w := &walk{termQuery: query, scan: scan, after: scan.After, remaining: scan.Budget}
	if scan.After == (shop.ScanPosition{}) && scan.Order != shop.CheapestFirst {
		w.after = shop.ScanPosition{Price: math.MaxInt64, Position: math.MaxInt64}
	}
	return w
}

func (w *walk) next(ctx context.Context) (candidateChunk, error) {
	w.chunk = min(max(4*w.chunk, w.scan.Limit, w.store.limits.firstRead), w.remaining)
	read, err := postgres.Collect(ctx, w.store.db, readScanPosition, "SELECT amount, position FROM walk($1, $2, $3, $4, $5, $6, $7)",
		int32(w.scan.Order), w.scan.Currency, w.scan.MinPrice, w.scan.MaxPrice, w.after.Price, w.after.Position, w.chunk)
	if err != nil {
		return candidateChunk{}, err
	}
	w.remaining -= len(read)
	c := candidateChunk{end: len(read) < w.chunk, exhausted: w.remaining == 0}
	if len(read) > 0 {
		w.after = read[len(read)-1]
		c.resume = w.after
	}
	c.candidates, err = w.matching(ctx, read)
	return c, err
}

// matching returns those of the candidates that match the query.
func (w *walk) matching(ctx context.Context, candidates []shop.ScanPosition) ([]shop.ScanPosition, error) {
	if len(w.terms) == 0 || len(candidates) == 0 {
		return candidates, nil
	}
	positions := make([]int64, len(candidates))
	for i, candidate := range candidates {
		positions[i] = candidate.Position
	}
	slices.SortFunc(positions, descending)
	unread := make([]positionList, len(w.terms))
	for i := range unread {
		unread[i].floor = math.MaxInt64
	}
	matches, err := w.match(ctx, positions, unread)
	return slices.DeleteFunc(candidates, func(candidate shop.ScanPosition) bool {
		_, found := slices.BinarySearchFunc(matches, candidate.Position, descending)
		return !found
	}), err
}

func readScanPosition(row pgx.CollectableRow) (position shop.ScanPosition, err error) {
	err = row.Scan(&position.Price, &position.Position)
	return position, err
}
