// Package catalog is the store of products in PostgreSQL, with an inverted index for searches.
package catalog

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/shop"
)

// Store is a shop.CatalogStore. Any number of servers may have it open.
//
// A product has a narrow card (card.go), which lists, searches and orders read; a wide document for its page; and rows in
// the inverted index (postings.go), which searches read (search.go).
type Store struct {
	db     *postgres.Database
	limits searchLimits
}

var _ shop.CatalogStore = (*Store)(nil)

//go:embed migrations
var migrations embed.FS

// Open returns the store of products in a database.
func Open(ctx context.Context, db *postgres.Database) (*Store, error) {
	if err := db.Migrate(ctx, migrations, "catalog"); err != nil {
		return nil, err
	}
	return &Store{db: db, limits: defaultLimits}, nil
}

// Product implements shop.CatalogStore. One statement reads all parts, so that they are of one moment.
func (c *Store) Product(ctx context.Context, id string) (shop.Product, error) {
	const query = `SELECT available, rating_count, rating_sum, revision,
			(SELECT document FROM documents d WHERE d.position = c.position),
			CASE WHEN rating_count > 0 THEN ARRAY(
				SELECT document FROM reviews r WHERE r.position = c.position ORDER BY number DESC LIMIT $2) END
		FROM cards c WHERE id = $1`
	var available, count, sum, revision int64
	var document []byte
	var reviews [][]byte
	err := c.db.Pool().QueryRow(ctx, query, id, shop.LatestReviews).Scan(&available, &count, &sum, &revision, &document, &reviews)
	if err != nil {
		return shop.Product{}, postgres.OrMissing(err, fault.ErrNotFound("product", id))
	}
	p := shop.Product{}
	if err := json.Unmarshal(document, &p); err != nil {
		return p, fmt.Errorf("decode product %s: %w", id, err)
	}
	p.LatestReviews = make([]shop.Review, len(reviews))
	for i, review := range reviews {
		if err := json.Unmarshal(review, &p.LatestReviews[i]); err != nil {
			return p, fmt.Errorf("decode a review of %s: %w", id, err)
		}
	}
	p.InventoryCount, p.Rating, p.Revision = available, shop.NewRating(count, sum), revision
	return p, nil
}

// SetInventory implements shop.CatalogStore. If the stock has a SKU several times, only its newest version is stored.
func (c *Store) SetInventory(ctx context.Context, stock []shop.Inventory) (changed []string, err error) {
	var skus []string
	var amounts, versions []int64
	indexes := make(map[string]int, len(stock)) // of SKUs in skus
	for _, s := range stock {
		i, known := indexes[s.SKU]
		switch {
		case !known:
			indexes[s.SKU] = len(skus)
			skus, amounts, versions = append(skus, s.SKU), append(amounts, s.Available), append(versions, s.StockVersion)
		case s.StockVersion > versions[i]:
			amounts[i], versions[i] = s.Available, s.StockVersion
		}
	}
	err = postgres.Retry(ctx, func(ctx context.Context) error {
		changed, err = postgres.Collect(ctx, c.db, pgx.RowTo[string], "SELECT set_inventory($1, $2, $3)", skus, amounts, versions)
		return err
	})
	return changed, err
}
