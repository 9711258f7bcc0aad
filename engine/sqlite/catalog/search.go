package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"agora/shop"
)

const (
	// maxSorted is the most matches that are found by their words and then sorted by price. With more matches, a walk
	// along the prices meets one often enough.
	maxSorted = 4_000
	// defaultBudget is how many products a scan reads if it has no budget of its own.
	defaultBudget = 4_000
	// defaultSteps is how many products FTS5 may step over to find those that have several terms. A step takes about 20 ns.
	defaultSteps = 25_000
	// blockSize is how many positions share a block term, with which a scan limits the range of positions that it reads.
	// maxBlocks is the most block terms of a scan.
	blockSize = 1 << 14
	maxBlocks = 32
)

// Scan implements shop.CatalogStore.
//
// It does not use the rank of FTS5: bm25 counts the matches of every word first, so that the cost of a common word grows
// with the number of products. Instead it reads matches by position, until the limit or the budget ends it. Where common
// terms rarely occur together FTS5 steps over many products for each match: such a scan reads a part of the positions only.
func (c *Store) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	if scan.Budget == 0 {
		scan.Budget = defaultBudget
	}
	scan.Budget = max(scan.Budget, scan.Limit)
	query, err := c.match(ctx, scan)
	if err != nil {
		return shop.Batch{}, err
	}
	if scan.Order == shop.NewestFirst {
		s, err := c.newest(ctx, scan, query)
		if err != nil {
			return shop.Batch{}, err
		}
		return c.readBatch(ctx, scan, s)
	}
	if query.all != "" && query.steps <= c.maxSteps {
		few, err := c.hasFewMatches(ctx, query.within(""))
		if err != nil {
			return shop.Batch{}, err
		}
		if few {
			return c.sortByPrice(ctx, scan, query.within(""))
		}
	}
	return c.readBatch(ctx, scan, byPrice(scan))
}

// candidateQuery selects positions and prices in the order of a scan. The filter is a condition on their cards.
type candidateQuery struct {
	lowest     int64 // the lowest position that the query reads; 0 if it reads all
	query      string
	args       []any
	filter     []string
	filterArgs []any
}

// where adds a condition on the tables cards (c) and live (l).
func (s *candidateQuery) where(condition string, args ...any) {
	s.filter = append(s.filter, condition)
	s.filterArgs = append(s.filterArgs, args...)
}

// newest returns the query for the products that match, or all products, newest first.
func (c *Store) newest(ctx context.Context, scan shop.Scan, query ftsQuery) (*candidateQuery, error) {
	s := &candidateQuery{}
	s.wherePrice(scan)
	s.whereStock(scan)
	below := scan.After.Position
	if below == 0 {
		below = math.MaxInt64
	}
	if query.all == "" {
		s.query = "SELECT position, 0 AS amount FROM cards WHERE position < ? ORDER BY position DESC"
		s.args = []any{below}
		s.whereTerms(scan)
		return s, nil
	}
	var narrow string
	if query.steps > c.maxSteps {
		var last int64
		if err := c.statements.QueryRow(ctx, "SELECT coalesce(max(position), 0) FROM cards", nil, &last); err != nil {
			return nil, fmt.Errorf("last position: %w", err)
		}
		top := min(below-1, last)
		span := last * c.maxSteps / max(1, min(query.steps, last))
		first := max(0, top-span, top-maxBlocks*c.blockSize) / c.blockSize
		s.lowest, narrow = first*c.blockSize, blocks(first, top/c.blockSize)
	}
	s.query = "SELECT rowid AS position, 0 AS amount FROM search WHERE search MATCH ? AND rowid < ? ORDER BY rowid DESC"
	s.args = []any{query.within(narrow), below}
	return s, nil
}

// byPrice returns the query for all products in an order of prices. The filter compares the terms of each card.
func byPrice(scan shop.Scan) *candidateQuery {
	s := &candidateQuery{args: []any{scan.Currency, scan.MinPrice, upperPrice(scan)}}
	s.query = "SELECT position, amount FROM cards WHERE currency = ? AND amount BETWEEN ? AND ?"
	if scan.After != (shop.ScanPosition{}) {
		s.query += " AND (amount, position) " + direction(scan.Order, "> (?, ?)", "< (?, ?)")
		s.args = append(s.args, scan.After.Price, scan.After.Position)
	}
	s.query += direction(scan.Order, " ORDER BY amount, position", " ORDER BY amount DESC, position DESC")
	s.whereTerms(scan)
	s.whereStock(scan)
	return s
}

// whereTerms adds the clauses as conditions on the terms of each card, for a query that does not use the inverted index.
func (s *candidateQuery) whereTerms(scan shop.Scan) {
	for _, clause := range scan.All {
		s.where("instr(c.terms, ?) > 0", needle(clause))
	}
	if len(scan.Except) > 0 {
		s.where("NOT ("+strings.Repeat("instr(c.terms, ?) > 0 AND ", len(scan.Except)-1)+"instr(c.terms, ?) > 0)",
			needles(scan.Except)...)
	}
}

func (s *candidateQuery) wherePrice(scan shop.Scan) {
	if scan.Currency != "" {
		s.where("c.currency = ?", scan.Currency)
	}
	if scan.MinPrice > 0 || scan.MaxPrice > 0 {
		s.where("c.amount BETWEEN ? AND ?", scan.MinPrice, upperPrice(scan))
	}
}

func (s *candidateQuery) whereStock(scan shop.Scan) {
	if scan.InStock {
		s.where("l.available > 0")
	}
}

func upperPrice(scan shop.Scan) int64 {
	if scan.MaxPrice == 0 {
		return math.MaxInt64
	}
	return scan.MaxPrice
}

func direction(order shop.ScanOrder, ascending, descending string) string {
	if order == shop.CheapestFirst {
		return ascending
	}
	return descending
}

// needle returns the text that the terms of a card contain if the card fulfils the clause.
func needle(clause shop.Clause) string {
	if clause.Prefix {
		return " " + clause.Term
	}
	return " " + clause.Term + " "
}

func needles(clauses []shop.Clause) []any {
	all := make([]any, len(clauses))
	for i, clause := range clauses {
		all[i] = needle(clause)
	}
	return all
}

// readBatch reads the cards of the query until the limit, the budget or the end is reached.
func (c *Store) readBatch(ctx context.Context, scan shop.Scan, s *candidateQuery) (shop.Batch, error) {
	// SQLite executes a subquery with a LIMIT as a co-routine, so that the order of its rows is the order of the result.
	// CROSS JOIN keeps it the outermost loop.
	query := `SELECT ` + cardColumns + ` FROM (` + s.query + ` LIMIT ?) s
		CROSS JOIN cards c ON c.position = s.position LEFT JOIN live l ON l.position = s.position`
	if len(s.filter) > 0 {
		query += " WHERE " + strings.Join(s.filter, " AND ")
	}
	args := append(append(slices.Clone(s.args), scan.Budget), s.filterArgs...)
	cards, err := scanCards(c.statements.Query(ctx, query+" LIMIT ?", append(args, scan.Limit)...))
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	batch := shop.Batch{Cards: cards}
	if len(cards) == scan.Limit {
		last := cards[len(cards)-1]
		batch.Next = shop.ScanPosition{Price: last.Price.Amount, Position: last.Position}
		return batch, nil
	}
	batch.Next, batch.Done, err = c.end(ctx, scan, s)
	return batch, err
}

// end returns the position after which the next scan goes on, or done if the scan has read all products.
func (c *Store) end(ctx context.Context, scan shop.Scan, s *candidateQuery) (next shop.ScanPosition, done bool, err error) {
	if len(s.filter) == 0 {
		return shop.ScanPosition{Position: s.lowest}, s.lowest == 0, nil
	}
	err = c.statements.QueryRow(ctx, s.query+" LIMIT 1 OFFSET ?",
		append(slices.Clone(s.args), scan.Budget-1), &next.Position, &next.Price)
	if errors.Is(err, sql.ErrNoRows) {
		return shop.ScanPosition{Position: s.lowest}, s.lowest == 0, nil
	}
	if err != nil {
		return shop.ScanPosition{}, false, fmt.Errorf("end of scan: %w", err)
	}
	return next, false, nil
}

// hasFewMatches reports whether at most maxSorted products match.
func (c *Store) hasFewMatches(ctx context.Context, match string) (bool, error) {
	var n int
	err := c.statements.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)",
		[]any{match, maxSorted + 1}, &n)
	if err != nil {
		return false, fmt.Errorf("count matches: %w", err)
	}
	return n <= maxSorted, nil
}

// sortByPrice finds all matches by their words and sorts them by price.
func (c *Store) sortByPrice(ctx context.Context, scan shop.Scan, match string) (shop.Batch, error) {
	s := &candidateQuery{}
	s.wherePrice(scan)
	s.whereStock(scan)
	if scan.After != (shop.ScanPosition{}) {
		s.where("(c.amount, c.position) "+direction(scan.Order, "> (?, ?)", "< (?, ?)"),
			scan.After.Price, scan.After.Position)
	}
	cards, err := scanCards(c.statements.Query(ctx, `SELECT `+cardColumns+`
		FROM search CROSS JOIN cards c ON c.position = search.rowid LEFT JOIN live l ON l.position = search.rowid
		WHERE `+strings.Join(append([]string{"search MATCH ?"}, s.filter...), " AND ")+
		direction(scan.Order, " ORDER BY c.amount, c.position", " ORDER BY c.amount DESC, c.position DESC")+` LIMIT ?`,
		append(append([]any{match}, s.filterArgs...), scan.Limit)...))
	if err != nil {
		return shop.Batch{}, fmt.Errorf("scan: %w", err)
	}
	if len(cards) < scan.Limit {
		return shop.Batch{Cards: cards, Done: true}, nil
	}
	last := cards[len(cards)-1]
	return shop.Batch{Cards: cards, Next: shop.ScanPosition{Price: last.Price.Amount, Position: last.Position}}, nil
}
