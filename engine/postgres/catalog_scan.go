package postgres

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"agora/shop"
)

// reach is how far searches go.
type reach struct {
	budget int // products that a scan looks at if it does not say
	first  int // positions of each term that the first step of a search reads; later steps read more
	steps  int // positions of the rarest term that a search steps over to find those that have the others too
	few    int // matches that are sorted by price after having been found by their words; with more, a walk along the prices meets one often enough
}

var usualReach = reach{budget: 4_000, first: 256, steps: 32_000, few: 4_000}

// Scan implements shop.CatalogStore. It takes candidates from a source, in the order of the scan, and looks at their cards until
// the limit or the budget ends it.
func (c *Catalog) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
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
	look(scan shop.Scan) look // what is left to be asked of a candidate
}

// run is some candidates that follow each other.
type run struct {
	places []shop.Place
	end    bool       // nothing follows
	tired  bool       // more may follow than the scan should look for ...
	behind shop.Place // ... behind this place
}

// source returns the walk along all products, or what the index finds, whichever is less.
func (c *Catalog) source(ctx context.Context, scan shop.Scan) (source, error) {
	if len(scan.All) == 0 {
		return newWalk(c, scan), nil
	}
	m, err := c.matches(ctx, scan)
	if err != nil || scan.Order == shop.NewestFirst {
		return m, err
	}
	found, few, err := m.few(ctx)
	if err != nil || !few {
		return newWalk(c, scan), err
	}
	return c.sorted(ctx, scan, found)
}

// gather looks at candidates until the limit, the budget or the end is reached.
func (c *Catalog) gather(ctx context.Context, scan shop.Scan, from source) (batch shop.Batch, err error) {
	ask := from.look(scan)
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
			cards, err := ask.at(ctx, c, some)
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

func placeOf(scan shop.Scan, card shop.Card) shop.Place {
	if scan.Order == shop.NewestFirst {
		return shop.Place{Position: card.Position}
	}
	return shop.Place{Price: card.Price.Amount, Position: card.Position}
}

// look is what is asked of candidates.
type look struct {
	selective bool // whether anything is
	query     string
	args      []any
}

// newLook asks for what a scan filters by, and for its terms if they were not looked up in the index.
func newLook(scan shop.Scan, withTerms bool) look {
	l := look{query: "SELECT " + cardColumns + " FROM cards c WHERE position = ANY($1)"}
	if scan.Currency != "" || scan.MinPrice > 0 || scan.MaxPrice < math.MaxInt64 || scan.InStock {
		l.selective = true
		l.query += " AND ($2 = '' OR currency = $2) AND amount BETWEEN $3 AND $4 AND (available > 0 OR NOT $5)"
		l.args = []any{scan.Currency, scan.MinPrice, scan.MaxPrice, scan.InStock}
	}
	if withTerms && len(scan.All)+len(scan.Except) > 0 {
		l.selective = true
		// A list of patterns that is empty excludes nothing. The document is looked up once for each card.
		n := len(l.args) + 2
		l.query += fmt.Sprintf(` AND (SELECT terms LIKE ALL ($%d::text[]) AND ($%d::text[] = '{}' OR NOT terms LIKE ALL ($%d))
			FROM documents d WHERE d.position = c.position)`, n, n+1, n+1)
		l.args = append(l.args, patterns(scan.All), patterns(scan.Except))
	}
	return l
}

// patterns are how clauses look in the terms of a document, which are letters and digits only.
func patterns(clauses []shop.Clause) []string {
	all := make([]string, len(clauses))
	for i, clause := range clauses {
		all[i] = "% " + clause.Term + " %"
		if clause.Prefix {
			all[i] = "% " + clause.Term + "%"
		}
	}
	return all
}

// at returns the cards of the places that have what is asked for, in the order of the places.
func (l look) at(ctx context.Context, c *Catalog, places []shop.Place) ([]shop.Card, error) {
	positions := make([]int64, len(places))
	order := make(map[int64]int, len(places))
	for i, place := range places {
		positions[i], order[place.Position] = place.Position, i
	}
	cards, err := collect(ctx, c.db, scanCard, l.query, append([]any{positions}, l.args...)...)
	slices.SortFunc(cards, func(a, b shop.Card) int { return cmp.Compare(order[a.Position], order[b.Position]) })
	return cards, err
}

// walk is a source of all products, in any order.
type walk struct {
	c     *Catalog
	scan  shop.Scan
	after shop.Place
	many  int
}

func newWalk(c *Catalog, scan shop.Scan) *walk {
	w := &walk{c: c, scan: scan, after: scan.After, many: max(scan.Limit, c.reach.first)}
	if scan.After == (shop.Place{}) && scan.Order != shop.CheapestFirst {
		w.after = shop.Place{Price: math.MaxInt64, Position: math.MaxInt64}
	}
	return w
}

func (w *walk) look(scan shop.Scan) look { return newLook(scan, true) }

func (w *walk) next(ctx context.Context) (run, error) {
	places, err := collect(ctx, w.c.db, scanPlace, "SELECT amount, position FROM walk($1, $2, $3, $4, $5, $6, $7)",
		int32(w.scan.Order), w.scan.Currency, w.scan.MinPrice, w.scan.MaxPrice, w.after.Price, w.after.Position, w.many)
	if err != nil {
		return run{}, err
	}
	r := run{places: places, end: len(places) < w.many}
	if len(places) > 0 {
		w.after = places[len(places)-1]
	}
	w.many *= 4
	return r, nil
}
