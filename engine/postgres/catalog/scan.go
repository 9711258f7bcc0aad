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

// reach is how far searches go.
type reach struct {
	budget int // products that a scan looks at if it does not say
	first  int // positions of each term that the first step of a search reads; later steps read more
	steps  int // positions of the rarest term that a search steps over to find those that have the others too
	// few is how many matches are sorted by price after having been found by their words. With more, a walk along
	// the prices meets one often enough.
	few int
}

var usualReach = reach{budget: 4_000, first: 256, steps: 32_000, few: 8_000}

// Scan implements shop.CatalogStore. It takes candidates from a source, in the order of the scan, and looks at their
// cards until the limit or the budget ends it.
func (c *Store) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	if scan.Budget == 0 {
		scan.Budget = c.reach.budget
	}
	scan.Budget = max(scan.Budget, scan.Limit)
	if scan.MaxPrice == 0 {
		scan.MaxPrice = math.MaxInt64
	}
	from, err := c.source(ctx, scan)
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	batch, err := c.gather(ctx, scan, from)
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	return batch, nil
}

// source yields candidates in the order of a scan.
type source interface {
	next(ctx context.Context) (run, error)
}

// run is some candidates that follow each other.
type run struct {
	places []shop.ScanPosition
	end    bool              // nothing follows
	tired  bool              // more may follow than the scan should look for ...
	behind shop.ScanPosition // ... behind this place
}

// source returns what the index finds or a walk along all products, whichever is less.
func (c *Store) source(ctx context.Context, scan shop.Scan) (source, error) {
	terms, err := c.seek(ctx, scan)
	if err != nil || len(scan.All) == 0 {
		return newWalk(terms, scan), err
	}
	m := newMatches(terms, scan)
	if scan.Order == shop.NewestFirst {
		return m, nil
	}
	found, few, err := m.few(ctx)
	if err != nil || !few {
		return newWalk(terms, scan), err
	}
	return c.sorted(ctx, scan, found)
}

// gather looks at candidates until the limit, the budget or the end is reached.
func (c *Store) gather(ctx context.Context, scan shop.Scan, from source) (batch shop.Batch, err error) {
	ask := newLook(scan)
	for looked, step := 0, c.reach.first; ; {
		r, err := from.next(ctx)
		if err != nil {
			return shop.Batch{}, err
		}
		for len(r.places) > 0 {
			n := scan.Limit - len(batch.Cards)
			if ask.selective {
				n, step = max(n, step), 4*step
			}
			some := r.places[:min(n, scan.Budget-looked, len(r.places))]
			cards, err := c.look(ctx, ask, some)
			if err != nil {
				return shop.Batch{}, err
			}
			batch.Cards = append(batch.Cards, cards...)
			if len(batch.Cards) >= scan.Limit {
				batch.Cards = batch.Cards[:scan.Limit]
				batch.Next = placeOf(scan, batch.Cards[scan.Limit-1])
				return batch, nil
			}
			r.places, looked = r.places[len(some):], looked+len(some)
			if looked == scan.Budget {
				batch.Next = some[len(some)-1]
				return batch, nil
			}
		}
		if r.end || r.tired {
			batch.Next, batch.Done = r.behind, r.end
			return batch, nil
		}
	}
}

func placeOf(scan shop.Scan, card shop.Card) shop.ScanPosition {
	if scan.Order == shop.NewestFirst {
		return shop.ScanPosition{Position: card.Position}
	}
	return shop.ScanPosition{Price: card.Price.Amount, Position: card.Position}
}

// look is what is asked of candidates.
type look struct {
	selective bool // whether anything is
	byPrice   bool // whether places have prices
	query     string
	args      []any
}

// fromCardsAt are the cards at the positions $1. The LIMIT keeps what is asked of them out of the choice of the index.
const fromCardsAt = " FROM unnest($1::bigint[]) u(at) CROSS JOIN LATERAL (SELECT * FROM cards WHERE position = u.at LIMIT 1) c"

// newLook asks for what a scan filters by. In an order of prices candidates have prices that pass.
func newLook(scan shop.Scan) look {
	l := look{query: "SELECT " + cardColumns + fromCardsAt, byPrice: scan.Order != shop.NewestFirst}
	priced := scan.Currency != "" || scan.MinPrice > 0 || scan.MaxPrice < math.MaxInt64
	if priced && !l.byPrice || scan.InStock {
		l.selective = true
		l.query += " WHERE ($2 = '' OR currency = $2) AND amount BETWEEN $3 AND $4 AND (available > 0 OR NOT $5)"
		l.args = []any{scan.Currency, scan.MinPrice, scan.MaxPrice, scan.InStock}
	}
	return l
}

// look returns the cards of the places that have what is asked for, in the order of the places. A product whose price
// was changed meanwhile is elsewhere in an order of prices by now, and left to be met there.
func (c *Store) look(ctx context.Context, ask look, places []shop.ScanPosition) ([]shop.Card, error) {
	positions := make([]int64, len(places))
	order := make(map[int64]int, len(places))
	for i, place := range places {
		positions[i], order[place.Position] = place.Position, i
	}
	cards, err := postgres.Collect(ctx, c.db, scanCard, ask.query, append([]any{positions}, ask.args...)...)
	if ask.byPrice {
		cards = slices.DeleteFunc(cards, func(card shop.Card) bool {
			return card.Price.Amount != places[order[card.Position]].Price
		})
	}
	slices.SortFunc(cards, func(a, b shop.Card) int { return cmp.Compare(order[a.Position], order[b.Position]) })
	return cards, err
}

// walk is a source of products, in any order, that steps along all of them and leaves out those that do not fulfil the
// clauses.
type walk struct {
	*sought
	scan  shop.Scan
	after shop.ScanPosition
	many  int // places that the next step reads
	steps int // places that may be stepped over still
}

func newWalk(s *sought, scan shop.Scan) *walk {
	w := &walk{sought: s, scan: scan, after: scan.After, steps: scan.Budget}
	if scan.After == (shop.ScanPosition{}) && scan.Order != shop.CheapestFirst {
		w.after = shop.ScanPosition{Price: math.MaxInt64, Position: math.MaxInt64}
	}
	return w
}

func (w *walk) next(ctx context.Context) (run, error) {
	w.many = min(max(4*w.many, w.scan.Limit, w.c.reach.first), w.steps)
	places, err := postgres.Collect(ctx, w.c.db, scanPlace, "SELECT amount, position FROM walk($1, $2, $3, $4, $5, $6, $7)",
		int32(w.scan.Order), w.scan.Currency, w.scan.MinPrice, w.scan.MaxPrice, w.after.Price, w.after.Position, w.many)
	if err != nil {
		return run{}, err
	}
	w.steps -= len(places)
	r := run{end: len(places) < w.many, tired: w.steps == 0}
	if len(places) > 0 {
		w.after = places[len(places)-1]
		r.behind = w.after
	}
	r.places, err = w.keep(ctx, places)
	return r, err
}

// keep returns the places that fulfil the clauses.
func (w *walk) keep(ctx context.Context, places []shop.ScanPosition) ([]shop.ScanPosition, error) {
	if len(w.terms) == 0 || len(places) == 0 {
		return places, nil
	}
	positions := make([]int64, len(places))
	for i, place := range places {
		positions[i] = place.Position
	}
	slices.SortFunc(positions, descending)
	unknown := make([]list, len(w.terms))
	for i := range unknown {
		unknown[i].floor = math.MaxInt64
	}
	kept, err := w.fulfilling(ctx, positions, unknown)
	fulfils := func(p shop.ScanPosition) bool {
		_, found := slices.BinarySearchFunc(kept, p.Position, descending)
		return found
	}
	return slices.DeleteFunc(places, func(p shop.ScanPosition) bool { return !fulfils(p) }), err
}

func descending(a, b int64) int { return cmp.Compare(b, a) }
