// Package catalog is the embedded store of products, with an inverted index for searches.
package catalog

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"agora/engine/sqlite"
	"agora/fault"
	"agora/shop"
)

//go:embed migrations
var migrations embed.FS

// Store is the shop.CatalogStore in one SQLite file.
//
// A product has rows in three tables, by how often their content changes and how many of them a request reads: the
// document (products), the card (cards), and stock and rating (live). Scan and the inverted index are in search.go.
type Store struct {
	db         *sqlite.Database
	statements *sqlite.Statements
	maxSteps   int64 // defaultSteps; less in tests
	blockSize  int64 // blockSize; less in tests
}

var _ shop.CatalogStore = (*Store)(nil)

// Open opens or creates the store in the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlite.Open(ctx, path, migrations, "catalog")
	if err != nil {
		return nil, err
	}
	return &Store{db: db, statements: db.Statements(), maxSteps: defaultSteps, blockSize: blockSize}, nil
}

// Close finishes accepted writes and closes the file.
func (c *Store) Close() error {
	return errors.Join(c.statements.Close(), c.db.Close())
}

// Insert implements shop.CatalogStore.
func (c *Store) Insert(ctx context.Context, entries []shop.IndexedProduct) (taken []string, err error) {
	// All writes share one goroutine, so that the rows are prepared before.
	rows := make([]productRows, len(entries))
	for i, entry := range entries {
		if rows[i], err = newRows(entry); err != nil {
			return nil, err
		}
	}
	err = c.db.Write(ctx, func(t *sqlite.Tx) error {
		taken = nil
		var last int64
		if err := t.QueryRow("SELECT coalesce(max(position), 0) FROM products", nil, &last); err != nil {
			return fmt.Errorf("last position: %w", err)
		}
		counts := map[string]int{}
		for i, r := range rows {
			stored, err := r.insert(t, last+1, c.blockSize)
			if err != nil {
				return fmt.Errorf("insert product %s: %w", entries[i].Product.ID, err)
			}
			if !stored {
				taken = append(taken, entries[i].Product.SKU)
				continue
			}
			last++
			countIn(counts, r.terms, +1)
		}
		return countTerms(t, counts)
	})
	return taken, err
}

// productRows is the content of the rows of a product.
type productRows struct {
	product  shop.Product
	document []byte
	card     []byte
	terms    string // with a space before and after each term
}

func newRows(entry shop.IndexedProduct) (productRows, error) {
	p := entry.Product
	r := productRows{product: p, card: shop.EncodeCard(p.Card())}
	r.terms = " " + strings.Join(slices.Concat(entry.Words, entry.Tags), " ") + " "
	// The document is what the seller wrote: stock and reviews have rows of their own.
	p.InventoryCount, p.Rating, p.LatestReviews = 0, shop.Rating{}, nil
	var err error
	if r.document, err = json.Marshal(p); err != nil {
		return r, fmt.Errorf("encode product %s: %w", p.ID, err)
	}
	return r, nil
}

// insert inserts all rows of a new product, unless its SKU is taken.
func (r productRows) insert(t *sqlite.Tx, position, blockSize int64) (stored bool, err error) {
	p := r.product
	// An existing product conflicts in its SKU or its identifier.
	changed, err := t.Exec("INSERT INTO products VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		position, p.ID, p.SKU, p.Version, r.document)
	if err != nil || changed == 0 {
		return false, err
	}
	if _, err := t.Exec("INSERT INTO cards VALUES (?, ?, ?, ?, ?)",
		position, p.Price.Currency, p.Price.Amount, r.terms, r.card); err != nil {
		return false, err
	}
	return true, index(t, position, r.terms, blockSize)
}

// Replace implements shop.CatalogStore.
func (c *Store) Replace(ctx context.Context, entry shop.IndexedProduct, expected int64) error {
	p := entry.Product
	rows, err := newRows(entry)
	if err != nil {
		return err
	}
	return c.db.Write(ctx, func(t *sqlite.Tx) error {
		var position, version int64
		var oldTerms string
		err := t.QueryRow(`SELECT p.position, p.version, c.terms FROM products p JOIN cards c USING (position)
			WHERE p.id = ?`, []any{p.ID}, &position, &version, &oldTerms)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fault.ErrNotFound("product", p.ID)
		case err != nil:
			return fmt.Errorf("read product %s: %w", p.ID, err)
		case version != expected:
			return shop.ErrProductChanged()
		}
		if _, err := t.Exec("UPDATE products SET version = ?, document = ? WHERE position = ?",
			p.Version, rows.document, position); err != nil {
			return fmt.Errorf("replace product %s: %w", p.ID, err)
		}
		if _, err := t.Exec("UPDATE cards SET currency = ?, amount = ?, terms = ?, card = ? WHERE position = ?",
			p.Price.Currency, p.Price.Amount, rows.terms, rows.card, position); err != nil {
			return fmt.Errorf("replace card of %s: %w", p.ID, err)
		}
		return reindex(t, position, oldTerms, rows.terms, c.blockSize)
	})
}

// reindex changes the inverted index from a product's old terms to its new ones.
func reindex(t *sqlite.Tx, position int64, before, after string, blockSize int64) error {
	if before == after {
		return nil
	}
	if _, err := t.Exec("DELETE FROM search WHERE rowid = ?", position); err != nil {
		return fmt.Errorf("remove from index: %w", err)
	}
	if err := index(t, position, after, blockSize); err != nil {
		return err
	}
	change := map[string]int{}
	countIn(change, before, -1)
	countIn(change, after, +1)
	return countTerms(t, change)
}

// index adds a product to the inverted index, under its terms and the term of its block.
func index(t *sqlite.Tx, position int64, terms string, blockSize int64) error {
	_, err := t.Exec("INSERT INTO search (rowid, terms) VALUES (?, ?)", position, terms+blockTerm(position/blockSize))
	if err != nil {
		return fmt.Errorf("add to index: %w", err)
	}
	return nil
}

// Product implements shop.CatalogStore. One statement reads all parts, so that they are of one moment.
func (c *Store) Product(ctx context.Context, id string) (shop.Product, error) {
	const query = `SELECT p.document, coalesce(l.available, 0), coalesce(l.rating_count, 0),
			coalesce(l.rating_sum, 0), coalesce(l.revision, 0),
			iif(l.rating_count > 0, (SELECT json_group_array(json(document)) FROM (
				SELECT document FROM reviews r WHERE r.position = p.position ORDER BY number DESC LIMIT ?+0)), '[]')
		FROM products p LEFT JOIN live l USING (position) WHERE p.id = ` + sqlite.Planned
	var p shop.Product
	var document, reviews []byte
	var available, count, sum, revision int64
	err := c.statements.QueryRow(ctx, query, []any{shop.LatestReviews, id},
		&document, &available, &count, &sum, &revision, &reviews)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.ErrNotFound("product", id)
	}
	if err != nil {
		return p, fmt.Errorf("read product %s: %w", id, err)
	}
	if err := errors.Join(json.Unmarshal(document, &p), json.Unmarshal(reviews, &p.LatestReviews)); err != nil {
		return p, fmt.Errorf("decode product %s: %w", id, err)
	}
	p.InventoryCount, p.Rating, p.Revision = available, shop.NewRating(count, sum), revision
	return p, nil
}

// SetInventory implements shop.CatalogStore.
func (c *Store) SetInventory(ctx context.Context, stock []shop.Inventory) (changed []string, err error) {
	err = c.db.Write(ctx, func(t *sqlite.Tx) error {
		changed = nil
		seen := map[string]bool{}
		for _, s := range stock {
			id, err := setAvailable(t, s)
			if err != nil {
				return fmt.Errorf("set inventory of %s: %w", s.SKU, err)
			}
			if id != "" && !seen[id] {
				seen[id] = true
				changed = append(changed, id)
			}
		}
		return nil
	})
	return changed, err
}

// setAvailable stores the stock if it is newer, and returns the product's identifier if its page changes.
func setAvailable(t *sqlite.Tx, s shop.Inventory) (id string, err error) {
	var position, available, version int64
	err = t.QueryRow(`SELECT p.position, p.id, coalesce(l.available, 0), coalesce(l.stock_version, 0)
		FROM products p LEFT JOIN live l USING (position) WHERE p.sku = `+sqlite.Planned,
		[]any{s.SKU}, &position, &id, &available, &version)
	if errors.Is(err, sql.ErrNoRows) || err == nil && s.StockVersion <= version {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	differs := available != s.Available
	if _, err := t.Exec(`INSERT INTO live (position, available, stock_version, revision) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (position) DO UPDATE SET available = ?2, stock_version = ?3, revision = revision + ?4`,
		position, s.Available, s.StockVersion, differs); err != nil {
		return "", err
	}
	if !differs {
		return "", nil
	}
	return id, nil
}
