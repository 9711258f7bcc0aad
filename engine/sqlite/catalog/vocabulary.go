package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"agora/engine/sqlite"
	"agora/shop"
)

const (
	// indexedPrefix is the longest prefix, in characters, that the inverted index has as a term of its own.
	indexedPrefix = 3
	// maxExpansion is the most words that a longer prefix stands for: those that most products have, of the first maxWords
	// words in alphabetical order. Only numbers have more words: SKUs, each a word of one product.
	maxExpansion = 32
	maxWords     = 4_000
)

// countIn adds n to the count of each of the joined terms.
func countIn(counts map[string]int, terms string, n int) {
	for term := range strings.FieldsSeq(terms) {
		counts[term] += n
	}
}

// countTerms changes the number of products that have each term, in the order of the table, so that each page is written
// once.
func countTerms(t *sqlite.Tx, change map[string]int) error {
	for _, term := range slices.Sorted(maps.Keys(change)) {
		if change[term] == 0 {
			continue
		}
		if _, err := t.Exec(`INSERT INTO vocabulary VALUES (?, ?)
			ON CONFLICT (term) DO UPDATE SET products = products + excluded.products`, term, change[term]); err != nil {
			return fmt.Errorf("count term: %w", err)
		}
	}
	return nil
}

// ftsQuery is the clauses of a scan in the query language of FTS5.
type ftsQuery struct {
	all    string // "" if the scan has no clauses
	except string // "" if the scan excludes nothing
	steps  int64  // the most products that FTS5 may step over before the first match
}

// within returns the text of the query, restricted by another query unless that is empty.
func (q ftsQuery) within(narrow string) string {
	text := q.all
	if narrow != "" {
		text += " AND (" + narrow + ")"
	}
	if q.except != "" {
		text = "(" + text + ") NOT (" + q.except + ")"
	}
	return text
}

// match returns the clauses of a scan as a query.
func (c *Store) match(ctx context.Context, scan shop.Scan) (q ftsQuery, err error) {
	if len(scan.All) == 0 {
		return q, nil
	}
	if q.all, q.steps, err = c.conjunction(ctx, scan.All); err != nil {
		return q, err
	}
	if len(scan.Except) > 0 {
		q.except, _, err = c.conjunction(ctx, scan.Except)
	} else if len(scan.All) == 1 {
		q.steps = 0 // every product that has the term is a match
	}
	return q, err
}

// blocks returns the query for the products in the blocks from first to last.
func blocks(first, last int64) string {
	terms := make([]string, 0, last-first+1)
	for block := first; block <= last; block++ {
		terms = append(terms, quote(blockTerm(block)))
	}
	return strings.Join(terms, " OR ")
}

// blockTerm returns the term that all products of a block of positions have. FTS5 checks a bound of positions only after
// it has found a match, and a block term limits what it steps over before. The dot tells it from the terms of products,
// which are letters and digits.
func blockTerm(block int64) string { return "·" + strconv.FormatInt(block, 10) }

// conjunction returns the query for products that fulfil all clauses, and how many products fulfil the rarest clause.
func (c *Store) conjunction(ctx context.Context, clauses []shop.Clause) (query string, products int64, err error) {
	products = math.MaxInt64
	parts := make([]string, len(clauses))
	for i, clause := range clauses {
		part, n, err := c.clause(ctx, clause)
		if err != nil {
			return "", 0, err
		}
		parts[i], products = part, min(products, n)
	}
	return strings.Join(parts, " AND "), products, nil
}

// clause returns the query for one clause and how many products fulfil it, or the largest number if that is not counted. It
// expands a long prefix, because FTS5 would merge the positions of all words with the prefix before the first match.
func (c *Store) clause(ctx context.Context, clause shop.Clause) (query string, products int64, err error) {
	switch {
	case !clause.Prefix:
		products, err = c.frequency(ctx, clause.Term)
		return quote(clause.Term), products, err
	case utf8.RuneCountInString(clause.Term) <= indexedPrefix:
		return quote(clause.Term) + " *", math.MaxInt64, nil
	}
	rows, err := c.statements.Query(ctx, `SELECT term, products FROM (
			SELECT term, products FROM vocabulary WHERE term >= ? AND term < ? AND products > 0 ORDER BY term LIMIT ?)
		ORDER BY products DESC LIMIT ?`,
		clause.Term, clause.Term+string(utf8.MaxRune), maxWords, maxExpansion)
	expanded, err := sqlite.Collect(rows, err, func(rows *sql.Rows) (string, error) {
		var term string
		var n int64
		err := rows.Scan(&term, &n)
		products += n
		return quote(term), err
	})
	if err != nil {
		return "", 0, fmt.Errorf("expand prefix: %w", err)
	}
	return "(" + strings.Join(append(expanded, quote(clause.Term)), " OR ") + ")", products, nil
}

// frequency returns how many products have a term.
func (c *Store) frequency(ctx context.Context, term string) (products int64, err error) {
	err = c.statements.QueryRow(ctx, "SELECT products FROM vocabulary WHERE term = ?", []any{term}, &products)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("look up term: %w", err)
	}
	return products, nil
}

// quote returns a term as a string of the query language of FTS5. Terms contain no quotes.
func quote(term string) string { return `"` + term + `"` }
