package catalog

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"agora/engine/postgres"
	"agora/shop"
)

// searchLimits bound what one scan reads.
type searchLimits struct {
	budget    int // products that a scan reads if it has no budget of its own
	firstRead int // positions of each term that the first round of a search reads; later rounds read more
	maxSteps  int // positions of the rarest term that a search reads to find those that have the other terms too
	// maxSorted is the most matches that are found by their words and then sorted by price. With more matches, a walk
	// along the prices meets one often enough.
	maxSorted int
}

var defaultLimits = searchLimits{budget: 4_000, firstRead: 256, maxSteps: 32_000, maxSorted: 8_000}

// Scan implements shop.CatalogStore. It takes candidates from a source, in the order of the scan, and reads their
// cards until the limit or the budget ends it.
func (c *Store) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	if scan.Budget == 0 {
		scan.Budget = c.limits.budget
	}
	scan.Budget = max(scan.Budget, scan.Limit)
	if scan.MaxPrice == 0 {
		scan.MaxPrice = math.MaxInt64
	}
	source, err := c.openSource(ctx, scan)
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	batch, err := c.readBatch(ctx, scan, source)
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	return batch, nil
}

// candidateSource yields candidates in the order of a scan.
type candidateSource interface {
	next(ctx context.Context) (candidateChunk, error)
}

// candidateChunk is a sequence of candidates from a source.
type candidateChunk struct {
	candidates []shop.ScanPosition
	end        bool              // the source has no more candidates
	exhausted  bool              // the source may have more candidates, but has used up its steps
	resume     shop.ScanPosition // the next scan goes on after this position
}

// openSource returns the matches of the index or a walk along all products, whichever reads less.
func (c *Store) openSource(ctx context.Context, scan shop.Scan) (candidateSource, error) {
	query, err := c.newTermQuery(ctx, scan)
	if err != nil || len(scan.All) == 0 {
		return newWalk(query, scan), err
	}
	search := newSearch(query, scan)
	if scan.Order == shop.NewestFirst {
		return search, nil
	}
	found, complete, err := search.findAll(ctx)
	if err != nil || !complete {
		return newWalk(query, scan), err
	}
	return c.sortByPrice(ctx, scan, found)
}

// readBatch reads the cards of candidates until the limit, the budget or the end is reached.
func (c *Store) readBatch(ctx context.Context, scan shop.Scan, source candidateSource) (batch shop.Batch, err error) {
	filter := newCardFilter(scan)
	for read, step := 0, c.limits.firstRead; ; {
		chunk, err := source.next(ctx)
		if err != nil {
			return shop.Batch{}, err
		}
		for len(chunk.candidates) > 0 {
			n := scan.Limit - len(batch.Cards)
			if filter.selective {
				n, step = max(n, step), 4*step
			}
			some := chunk.candidates[:min(n, scan.Budget-read, len(chunk.candidates))]
			cards, err := c.readCards(ctx, filter, some)
			if err != nil {
				return shop.Batch{}, err
			}
			batch.Cards = append(batch.Cards, cards...)
			if len(batch.Cards) >= scan.Limit {
				batch.Cards = batch.Cards[:scan.Limit]
				batch.Next = scanPosition(scan, batch.Cards[scan.Limit-1])
				return batch, nil
			}
			chunk.candidates, read = chunk.candidates[len(some):], read+len(some)
			if read == scan.Budget {
				batch.Next = some[len(some)-1]
				return batch, nil
			}
		}
		if chunk.end || chunk.exhausted {
			batch.Next, batch.Done = chunk.resume, chunk.end
			return batch, nil
		}
	}
}

// scanPosition returns the position of a card in the order of a scan.
func scanPosition(scan shop.Scan, card shop.Card) shop.ScanPosition {
	if scan.Order == shop.NewestFirst {
		return shop.ScanPosition{Position: card.Position}
	}
	return shop.ScanPosition{Price: card.Price.Amount, Position: card.Position}
}

// cardFilter is the statement that reads the cards of candidates which pass the conditions of a scan.
type cardFilter struct {
	selective bool // the statement has conditions
	byPrice   bool // candidates have prices
	statement string
	args      []any // from $2 on
}

// fromCardsAt selects the cards at the positions $1. The LIMIT makes PostgreSQL find each card by its position, whatever
// other conditions the statement has.
const fromCardsAt = " FROM unnest($1::bigint[]) u(at) CROSS JOIN LATERAL (SELECT * FROM cards WHERE position = u.at LIMIT 1) c"

// newCardFilter returns the filter of a scan. In an order of prices, the prices of all candidates pass already.
func newCardFilter(scan shop.Scan) cardFilter {
	f := cardFilter{statement: "SELECT " + cardColumns + fromCardsAt, byPrice: scan.Order != shop.NewestFirst}
	priced := scan.Currency != "" || scan.MinPrice > 0 || scan.MaxPrice < math.MaxInt64
	if priced && !f.byPrice || scan.InStock {
		f.selective = true
		f.statement += " WHERE ($2 = '' OR currency = $2) AND amount BETWEEN $3 AND $4 AND (available > 0 OR NOT $5)"
		f.args = []any{scan.Currency, scan.MinPrice, scan.MaxPrice, scan.InStock}
	}
	return f
}

// readCards returns the cards of the candidates that pass the filter, in the order of the candidates. In an order of
// prices it leaves out a product whose price has changed since, because the scan meets that product at its new price.
func (c *Store) readCards(ctx context.Context, filter cardFilter, candidates []shop.ScanPosition) ([]shop.Card, error) {
	positions := make([]int64, len(candidates))
	order := make(map[int64]int, len(candidates))
	for i, candidate := range candidates {
		positions[i], order[candidate.Position] = candidate.Position, i
	}
	cards, err := postgres.Collect(ctx, c.db, scanCard, filter.statement, append([]any{positions}, filter.args...)...)
	if filter.byPrice {
		cards = slices.DeleteFunc(cards, func(card shop.Card) bool {
			return card.Price.Amount != candidates[order[card.Position]].Price
		})
	}
	slices.SortFunc(cards, func(a, b shop.Card) int { return cmp.Compare(order[a.Position], order[b.Position]) })
	return cards, err
}
