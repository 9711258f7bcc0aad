package catalog

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/shop"
)

const (
	// maxExpansion is the most words that a long prefix stands for: those that most products have, of the last
	// maxWords words in the order of the index. Only numbers have more words: SKUs, each a word of one product.
	maxExpansion = 32
	maxWords     = 1_000
	// minSpan keeps a word that few products have from seeming common because one of the newest products has it.
	minSpan = 1_000
)

// termQuery is the clauses of a scan as terms of the index.
type termQuery struct {
	store  *Store
	terms  []string
	all    [][]int // the terms of each clause that a match fulfils, as indexes into terms; one of them is enough
	except [][]int // the same for the clauses of which a match does not fulfil all
}

// newTermQuery expands the clauses of a scan.
func (c *Store) newTermQuery(ctx context.Context, scan shop.Scan) (*termQuery, error) {
	q := &termQuery{store: c}
	for _, side := range []struct {
		clauses []shop.Clause
		terms   *[][]int
	}{{scan.All, &q.all}, {scan.Except, &q.except}} {
		for _, clause := range side.clauses {
			terms, err := c.expand(ctx, clause)
			if err != nil {
				return nil, err
			}
			indexes := make([]int, len(terms))
			for i, term := range terms {
				indexes[i] = len(q.terms)
				q.terms = append(q.terms, term)
			}
			*side.terms = append(*side.terms, indexes)
		}
	}
	return q, nil
}

// expand returns the terms of a clause, at least one. A product with one of them fulfils the clause.
func (c *Store) expand(ctx context.Context, clause shop.Clause) ([]string, error) {
	if !clause.Prefix {
		return []string{clause.Term}, nil
	}
	if isIndexedPrefix(clause.Term) {
		return []string{prefixTerm(clause.Term)}, nil
	}
	type word struct {
		term   string
		newest int64 // the first position of the word's newest row
		count  int64 // positions in that row
	}
	words, err := postgres.Collect(ctx, c.db, func(row pgx.CollectableRow) (w word, err error) {
		err = row.Scan(&w.term, &w.newest, &w.count)
		return w, err
	}, "SELECT term, lowest, many FROM begins($1, $2, $3)", clause.Term, clause.Term+string(utf8.MaxRune), maxWords)
	if err != nil {
		return nil, err
	}
	if len(words) > maxExpansion {
		// The density of a word's newest row, up to the newest product, stands for the number of products with the word.
		var last int64
		for _, w := range words {
			last = max(last, w.newest)
		}
		density := func(w word) float64 { return float64(w.count) / float64(last-w.newest+minSpan) }
		slices.SortFunc(words, func(a, b word) int { return cmp.Compare(density(b), density(a)) })
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

// match returns which of the candidates, which descend, match the query. lists is what was read of each term already.
func (q *termQuery) match(ctx context.Context, candidates []int64, lists []positionList) ([]int64, error) {
	if err := q.store.readAround(ctx, q.terms, lists, candidates); err != nil {
		return nil, err
	}
	for _, clause := range q.all {
		candidates = intersect(candidates, union(lists, clause).positions)
	}
	if len(q.except) == 0 {
		return candidates, nil
	}
	excluded := candidates
	for _, clause := range q.except {
		excluded = intersect(excluded, union(lists, clause).positions)
	}
	matches := make([]int64, 0, len(candidates))
	for _, position := range candidates {
		if len(excluded) > 0 && excluded[0] == position {
			excluded = excluded[1:]
			continue
		}
		matches = append(matches, position)
	}
	return matches, nil
}
