package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/shop"
)

// AddReview implements shop.CatalogStore. The statement locks the product before the review gets its number, so
// that the reviews of a product become visible in the order of their numbers.
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
		return shop.ErrAlreadyReviewed()
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
	// A product without such reviews gives one row of NULL, and a missing product gives none.
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
