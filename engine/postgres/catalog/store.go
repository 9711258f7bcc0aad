// Package catalog is the store of products in PostgreSQL, with an inverted index for searches.
package catalog

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"agora/engine/postgres"
	"agora/fault"
	"agora/shop"
)

// Store is a shop.CatalogStore. Any number of servers may have it open.
//
// A product is a narrow card, which all but its page are made from; a wide document; and rows of the inverted index
// (postings.go), which searches read (match.go).
type Store struct {
	db    *postgres.Database
	reach reach
}

var _ shop.CatalogStore = (*Store)(nil)

//go:embed migrations
var migrations embed.FS

// Open returns the store of products in a database.
func Open(ctx context.Context, db *postgres.Database) (*Store, error) {
	if err := db.Migrate(ctx, migrations, "catalog"); err != nil {
		return nil, err
	}
	return &Store{db: db, reach: usualReach}, nil
}

// Product implements shop.CatalogStore. It is one statement, so that all parts are of one moment.
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

// cardColumns are what scanCard reads.
const cardColumns = "position, currency, amount, card, available, rating_count, rating_sum"

func scanCard(row pgx.CollectableRow) (card shop.Card, err error) {
	var stored pgtype.DriverBytes
	var count, sum int64
	if err := row.Scan(&card.Position, &card.Price.Currency, &card.Price.Amount, &stored,
		&card.InventoryCount, &count, &sum); err != nil {
		return card, err
	}
	card.Rating = shop.NewRating(count, sum)
	err = shop.DecodeCard(stored, &card)
	return card, err
}

// CardsByID implements shop.CatalogStore.
func (c *Store) CardsByID(ctx context.Context, ids []string) ([]shop.Card, error) {
	return postgres.Collect(ctx, c.db, scanCard, "SELECT "+cardColumns+" FROM cards WHERE id = ANY($1)", ids)
}

// CardsBySKU implements shop.CatalogStore.
func (c *Store) CardsBySKU(ctx context.Context, skus []string) ([]shop.Card, error) {
	return postgres.Collect(ctx, c.db, scanCard, "SELECT "+cardColumns+" FROM cards WHERE sku = ANY($1)", skus)
}

// SetInventory implements shop.CatalogStore. Of several entries of a SKU the newest is what stays, so it alone is stored.
func (c *Store) SetInventory(ctx context.Context, stock []shop.Inventory) (changed []string, err error) {
	var skus []string
	var amounts, versions []int64
	place := make(map[string]int, len(stock))
	for _, s := range stock {
		i, again := place[s.SKU]
		switch {
		case !again:
			place[s.SKU] = len(skus)
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

// AddReview implements shop.CatalogStore. The product is locked before the review gets its number, so that the
// numbers of a product's reviews are in the order in which they are seen.
func (c *Store) AddReview(ctx context.Context, review shop.Review) error {
	document, err := json.Marshal(review)
	if err != nil {
		return fmt.Errorf("encode review %s: %w", review.ID, err)
	}
	added, err := c.db.Exec(ctx, `WITH reviewed AS (
			UPDATE cards SET rating_count = rating_count + 1, rating_sum = rating_sum + $2, revision = revision + 1
			WHERE id = $1 RETURNING position)
		INSERT INTO reviews (position, author, document) SELECT position, $3, $4 FROM reviewed`,
		review.ProductID, review.Rating, review.User, document)
	switch {
	case postgres.IsUnique(err):
		return shop.AlreadyReviewed()
	case err == nil && added == 0:
		return fault.ErrNotFound("product", review.ProductID)
	}
	return err
}

// Reviews implements shop.CatalogStore.
func (c *Store) Reviews(ctx context.Context, productID string, before int64, limit int) ([]shop.Review, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	// A product without such reviews is one row of NULL.
	type numbered struct {
		number   *int64
		document []byte
	}
	rows, err := postgres.Collect(ctx, c.db, func(row pgx.CollectableRow) (n numbered, err error) {
		err = row.Scan(&n.number, &n.document)
		return n, err
	}, `SELECT r.number, r.document FROM cards c LEFT JOIN LATERAL (
			SELECT number, document FROM reviews WHERE position = c.position AND number < $2 ORDER BY number DESC LIMIT $3) r ON true
		WHERE c.id = $1`, productID, before, limit)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.ErrNotFound("product", productID)
	}
	reviews := make([]shop.Review, 0, len(rows))
	for _, row := range rows {
		if row.number == nil {
			continue
		}
		review := shop.Review{}
		if err := json.Unmarshal(row.document, &review); err != nil {
			return nil, fmt.Errorf("decode a review of %s: %w", productID, err)
		}
		review.Number = *row.number
		reviews = append(reviews, review)
	}
	return reviews, nil
}
