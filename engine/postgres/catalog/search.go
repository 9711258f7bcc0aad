package catalog

import (
	"cmp"
	"context"
	"math"
	"slices"

	"agora/engine/postgres"
	"agora/shop"
)

// search is a source of the products that match a query, newest first.
//
// It works in rounds. A round reads some positions of every term, from where the last round ended. The clause whose
// positions reach farthest down is the rarest there, and its positions are the candidates of the round. Of the other
// terms the round reads only the rows that candidates fall into. So no count of how common a term is has to be kept.
type search struct {
	*termQuery
	below     int64 // the next round reads positions below this one
	chunk     int   // positions of each term that the next round reads
	remaining int   // candidates that the search may still read
}

// maxChunk is the most positions of each term that a round reads.
const maxChunk = 8_000

func newSearch(query *termQuery, scan shop.Scan) *search {
	limits := query.store.limits
	s := &search{termQuery: query, below: math.MaxInt64, chunk: max(scan.Limit, limits.firstRead), remaining: limits.maxSteps}
	if scan.Order == shop.NewestFirst && scan.After.Position > 0 {
		s.below = scan.After.Position
	}
	return s
}

// next is one round.
func (s *search) next(ctx context.Context) (candidateChunk, error) {
	lists, err := s.store.readNewest(ctx, s.terms, s.below, s.chunk)
	if err != nil {
		return candidateChunk{}, err
	}
	rarest, others := s.rarest(lists)
	positions := rarest.positions[:indexBelow(rarest.positions, rarest.floor)]
	s.remaining -= max(1, len(positions))
	s.below = rarest.floor
	s.chunk = min(4*s.chunk, maxChunk)
	for _, clause := range others {
		positions = clause.exclude(positions)
	}
	if positions, err = s.match(ctx, positions, lists); err != nil {
		return candidateChunk{}, err
	}
	candidates := make([]shop.ScanPosition, len(positions))
	for i, position := range positions {
		candidates[i].Position = position
	}
	return candidateChunk{
		candidates: candidates, end: s.below == 0, exhausted: s.remaining <= 0, resume: shop.ScanPosition{Position: s.below},
	}, nil
}

// rarest returns the clause that the fewest of the newest products fulfil, and the other clauses.
func (s *search) rarest(lists []positionList) (positionList, []positionList) {
	clauses := make([]positionList, len(s.all))
	for i, clause := range s.all {
		clauses[i] = union(lists, clause)
	}
	slices.SortFunc(clauses, func(a, b positionList) int {
		return cmp.Or(cmp.Compare(a.floor, b.floor), cmp.Compare(len(a.positions), len(b.positions)))
	})
	return clauses[0], clauses[1:]
}

// findAll returns the positions of all matches. It is not complete if there are more than maxSorted, or if the search used up
// its steps.
func (s *search) findAll(ctx context.Context) (found []int64, complete bool, err error) {
	limit := s.store.limits.maxSorted
	s.chunk = min(limit, maxChunk)
	for {
		chunk, err := s.next(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, candidate := range chunk.candidates {
			found = append(found, candidate.Position)
		}
		switch {
		case len(found) > limit:
			return nil, false, nil
		case chunk.end:
			return found, true, nil
		case chunk.exhausted:
			return nil, false, nil
		}
	}
}

// sortedCandidates is a source of candidates in memory.
type sortedCandidates []shop.ScanPosition

func (s sortedCandidates) next(context.Context) (candidateChunk, error) {
	return candidateChunk{candidates: s, end: true}, nil
}

// sortByPrice returns the products at the positions that follow the scan's last position in its order of prices.
func (c *Store) sortByPrice(ctx context.Context, scan shop.Scan, positions []int64) (sortedCandidates, error) {
	candidates, err := postgres.Collect(ctx, c.db, readScanPosition,
		"SELECT amount, position"+fromCardsAt+" WHERE currency = $2 AND amount BETWEEN $3 AND $4",
		positions, scan.Currency, scan.MinPrice, scan.MaxPrice)
	if err != nil {
		return nil, err
	}
	cheaper := func(a, b shop.ScanPosition) int {
		return cmp.Or(cmp.Compare(a.Price, b.Price), cmp.Compare(a.Position, b.Position))
	}
	order := cheaper
	if scan.Order == shop.ExpensiveFirst {
		order = func(a, b shop.ScanPosition) int { return cheaper(b, a) }
	}
	if scan.After != (shop.ScanPosition{}) {
		candidates = slices.DeleteFunc(candidates, func(p shop.ScanPosition) bool { return order(p, scan.After) <= 0 })
	}
	slices.SortFunc(candidates, order)
	return candidates, nil
}
