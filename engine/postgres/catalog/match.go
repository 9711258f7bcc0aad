package catalog

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"agora/engine/postgres"
	"agora/shop"
)

const (
	// maxExpansion is how many words a long prefix stands for: those that most products have ...
	maxExpansion = 32
	// ... among maxWords with the prefix. Only numbers have more: SKUs, of which each is a word of one product.
	maxWords = 1_000
	// rarity keeps a word that few products have from seeming common because the newest is one of them.
	rarity = 1_000
)

// sought are the clauses of a scan as the index knows them.
type sought struct {
	c      *Store
	terms  []string
	all    [][]int // of each clause its terms, by their place in terms
	except [][]int
}

// seek expands the clauses of a scan.
func (c *Store) seek(ctx context.Context, scan shop.Scan) (*sought, error) {
	s := &sought{c: c}
	for _, side := range []struct {
		clauses []shop.Clause
		of      *[][]int
	}{{scan.All, &s.all}, {scan.Except, &s.except}} {
		for _, clause := range side.clauses {
			terms, err := c.expand(ctx, clause)
			if err != nil {
				return nil, err
			}
			places := make([]int, len(terms))
			for i, term := range terms {
				places[i] = len(s.terms)
				s.terms = append(s.terms, term)
			}
			*side.of = append(*side.of, places)
		}
	}
	return s, nil
}

// fulfilling returns which of the candidates, which descend, fulfil the clauses, given what is known of each term
// already.
func (s *sought) fulfilling(ctx context.Context, candidates []int64, lists []list) ([]int64, error) {
	if err := s.c.around(ctx, s.terms, lists, candidates); err != nil {
		return nil, err
	}
	for _, clause := range s.all {
		candidates = both(candidates, union(lists, clause).positions)
	}
	if len(s.except) == 0 {
		return candidates, nil
	}
	excluded := candidates
	for _, clause := range s.except {
		excluded = both(excluded, union(lists, clause).positions)
	}
	kept := make([]int64, 0, len(candidates))
	for _, position := range candidates {
		if len(excluded) > 0 && excluded[0] == position {
			excluded = excluded[1:]
			continue
		}
		kept = append(kept, position)
	}
	return kept, nil
}

// matches is a source of the products that fulfil the clauses of a scan, newest first.
//
// It works in rounds. Each reads some positions of every term, from where the last one ended; the clause whose positions
// reach farthest down is the rarest there, and its positions are the candidates of the round. Of the other
// terms only those rows are read that candidates fall into. So nobody has to count how common a term is: that
// shows, and shows where the search is.
type matches struct {
	*sought
	below  int64
	wanted int // positions of each term that the next round reads
	steps  int // positions that may be stepped over still
}

// maxWanted is how many positions of each term a round reads at most.
const maxWanted = 8_000

func newMatches(s *sought, scan shop.Scan) *matches {
	m := &matches{sought: s, below: math.MaxInt64, wanted: max(scan.Limit, s.c.reach.first), steps: s.c.reach.steps}
	if scan.Order == shop.NewestFirst && scan.After.Position > 0 {
		m.below = scan.After.Position
	}
	return m
}

// next is one round.
func (m *matches) next(ctx context.Context) (run, error) {
	lists, err := m.c.newest(ctx, m.terms, m.below, m.wanted)
	if err != nil {
		return run{}, err
	}
	rarest, rest := m.rarest(lists)
	candidates := rarest.positions[:from(rarest.positions, rarest.floor)]
	m.steps -= max(1, len(candidates))
	m.below = rarest.floor
	m.wanted = min(4*m.wanted, maxWanted)
	for _, clause := range rest {
		candidates = known(candidates, clause)
	}
	if candidates, err = m.fulfilling(ctx, candidates, lists); err != nil {
		return run{}, err
	}
	places := make([]shop.ScanPosition, len(candidates))
	for i, position := range candidates {
		places[i].Position = position
	}
	return run{places: places, end: m.below == 0, tired: m.steps <= 0, behind: shop.ScanPosition{Position: m.below}}, nil
}

// rarest returns the clause of whose products the fewest are among the newest, and the others.
func (m *matches) rarest(lists []list) (list, []list) {
	clauses := make([]list, len(m.all))
	for i, clause := range m.all {
		clauses[i] = union(lists, clause)
	}
	slices.SortFunc(clauses, func(a, b list) int {
		return cmp.Or(cmp.Compare(a.floor, b.floor), cmp.Compare(len(a.positions), len(b.positions)))
	})
	return clauses[0], clauses[1:]
}

// few returns all matches, or that they are many, or not to be found within the reach of a search.
func (m *matches) few(ctx context.Context) ([]int64, bool, error) {
	var found []int64
	m.wanted = min(m.c.reach.few, maxWanted)
	for {
		r, err := m.next(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, place := range r.places {
			found = append(found, place.Position)
		}
		switch {
		case len(found) > m.c.reach.few:
			return nil, false, nil
		case r.end:
			return found, true, nil
		case r.tired:
			return nil, false, nil
		}
	}
}

// list is what is known of where a term or a clause is.
type list struct {
	positions []int64 // descending
	floor     int64   // all from here up are known; 0 if all are
	read      int     // positions that were read for it
}

// union is what is known of a clause that any of the terms fulfils.
func union(lists []list, terms []int) list {
	if len(terms) == 1 {
		return lists[terms[0]]
	}
	u := list{}
	for _, term := range terms {
		u.floor = max(u.floor, lists[term].floor)
		u.positions = append(u.positions, lists[term].positions...)
	}
	slices.SortFunc(u.positions, descending)
	u.positions = slices.Compact(u.positions)
	return u
}

// known leaves out the candidates of which it is known that they do not fulfil a clause.
func known(candidates []int64, clause list) []int64 {
	open := from(candidates, clause.floor)
	return append(both(candidates[:open], clause.positions), candidates[open:]...)
}

// from returns where the positions begin that are below one.
func from(positions []int64, floor int64) int {
	at, _ := slices.BinarySearchFunc(positions, floor, func(p, floor int64) int {
		if p >= floor {
			return -1
		}
		return 1
	})
	return at
}

// both returns what is in both lists.
func both(a, b []int64) []int64 {
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

// newest returns of each term some positions below one, the newest, as many as are wanted or all.
func (c *Store) newest(ctx context.Context, terms []string, below int64, wanted int) ([]list, error) {
	lists := make([]list, len(terms))
	err := c.postings(ctx, lists, "SELECT of, lowest, gaps FROM newest($1, $2, $3)", terms, below, wanted)
	for i := range lists {
		l := &lists[i]
		l.positions = l.positions[from(l.positions, below):]
		if l.read < wanted {
			l.floor = 0
		}
	}
	return lists, err
}

// around adds to the lists what is missing to tell whether they have the candidates.
func (c *Store) around(ctx context.Context, terms []string, lists []list, candidates []int64) error {
	var asked []string
	var froms []int32
	var of []int
	for i, term := range terms {
		if open := from(candidates, lists[i].floor); open < len(candidates) {
			asked, froms, of = append(asked, term), append(froms, int32(open+1)), append(of, i)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	more := make([]list, len(asked))
	err := c.postings(ctx, more, "SELECT of, lowest, gaps FROM around($1, $2, $3)", asked, froms, candidates)
	for i, added := range more {
		lists[of[i]].positions = append(lists[of[i]].positions, added.positions...)
	}
	return err
}

// postings adds rows of the index, which descend, to the lists of their terms, which a query gives by their number
// from 1.
func (c *Store) postings(ctx context.Context, lists []list, query string, args ...any) error {
	rows, err := c.db.Pool().Query(ctx, query, args...)
	if err != nil {
		return postgres.Classify(err)
	}
	var of int32
	var first int64
	var gaps pgtype.DriverBytes
	var row []int64
	_, err = pgx.ForEachRow(rows, []any{&of, &first, &gaps}, func() error {
		var err error
		if row, err = decodeGaps(row[:0], first, gaps); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		l := &lists[of-1]
		for _, position := range slices.Backward(row) {
			l.positions = append(l.positions, position)
		}
		l.floor, l.read = first, l.read+len(row)
		return nil
	})
	return postgres.Classify(err)
}

// expand returns the terms of which any fulfils a clause, at least one.
func (c *Store) expand(ctx context.Context, clause shop.Clause) ([]string, error) {
	if !clause.Prefix {
		return []string{clause.Term}, nil
	}
	if isIndexedPrefix(clause.Term) {
		return []string{prefixTerm(clause.Term)}, nil
	}
	type word struct {
		term   string
		newest int64
		many   int64
	}
	words, err := postgres.Collect(ctx, c.db, func(row pgx.CollectableRow) (w word, err error) {
		err = row.Scan(&w.term, &w.newest, &w.many)
		return w, err
	}, "SELECT term, lowest, many FROM begins($1, $2, $3)", clause.Term, clause.Term+string(utf8.MaxRune), maxWords)
	if err != nil {
		return nil, err
	}
	if len(words) > maxExpansion {
		// How many products have a word is taken from how close to the end its newest row is, and how much is in it.
		var last int64
		for _, w := range words {
			last = max(last, w.newest)
		}
		often := func(w word) float64 { return float64(w.many) / float64(last-w.newest+rarity) }
		slices.SortFunc(words, func(a, b word) int { return cmp.Compare(often(b), often(a)) })
		words = words[:maxExpansion]
	}
	terms := []string{clause.Term}
	for _, w := range words {
		if w.term != clause.Term {
			terms = append(terms, w.term)
		}
	}
	return terms, nil
}

// sortedPlaces is a source of places that are known.
type sortedPlaces struct{ places []shop.ScanPosition }

func (s *sortedPlaces) next(context.Context) (run, error) {
	return run{places: s.places, end: true}, nil
}

// sorted returns the matches that follow a place in an order of prices.
func (c *Store) sorted(ctx context.Context, scan shop.Scan, found []int64) (*sortedPlaces, error) {
	places, err := postgres.Collect(ctx, c.db, scanPlace,
		"SELECT amount, position"+fromCardsAt+" WHERE currency = $2 AND amount BETWEEN $3 AND $4",
		found, scan.Currency, scan.MinPrice, scan.MaxPrice)
	if err != nil {
		return nil, err
	}
	cheaper := func(a, b shop.ScanPosition) int {
		return cmp.Or(cmp.Compare(a.Price, b.Price), cmp.Compare(a.Position, b.Position))
	}
	follows := cheaper
	if scan.Order == shop.ExpensiveFirst {
		follows = func(a, b shop.ScanPosition) int { return cheaper(b, a) }
	}
	if scan.After != (shop.ScanPosition{}) {
		places = slices.DeleteFunc(places, func(p shop.ScanPosition) bool { return follows(p, scan.After) <= 0 })
	}
	slices.SortFunc(places, follows)
	return &sortedPlaces{places}, nil
}

func scanPlace(row pgx.CollectableRow) (place shop.ScanPosition, err error) {
	err = row.Scan(&place.Price, &place.Position)
	return place, err
}
