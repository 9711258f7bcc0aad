package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"agora/engine/sqlite"
	"agora/fault"
	"agora/shop"
)

// AddReview implements shop.CatalogStore.
func (c *Store) AddReview(ctx context.Context, review shop.Review) error {
	document, err := json.Marshal(review)
	if err != nil {
		return fmt.Errorf("encode review %s: %w", review.ID, err)
	}
	return c.db.Write(ctx, func(t *sqlite.Tx) error {
		var position int64
		err := t.QueryRow("SELECT position FROM products WHERE id = ?", []any{review.ProductID}, &position)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.ErrNotFound("product", review.ProductID)
		}
		if err != nil {
			return fmt.Errorf("read product %s: %w", review.ProductID, err)
		}
		_, err = t.Exec("INSERT INTO reviews (position, user, document) VALUES (?, ?, ?)",
			position, review.User, string(document))
		if sqlite.IsUnique(err) {
			return shop.ErrAlreadyReviewed()
		}
		if err != nil {
			return fmt.Errorf("insert review %s: %w", review.ID, err)
		}
		if _, err = t.Exec(`INSERT INTO live (position, rating_count, rating_sum, revision) VALUES (?1, 1, ?2, 1)
			ON CONFLICT (position) DO UPDATE SET
				rating_count = rating_count + 1, rating_sum = rating_sum + ?2, revision = revision + 1`,
			position, review.Rating); err != nil {
			return fmt.Errorf("count review %s: %w", review.ID, err)
		}
		return nil
	})
}

// Reviews implements shop.CatalogStore.
func (c *Store) Reviews(ctx context.Context, productID string, before int64, limit int) ([]shop.Review, error) {
	var position int64
	err := c.statements.QueryRow(ctx, "SELECT position FROM products WHERE id = ?", []any{productID}, &position)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.ErrNotFound("product", productID)
	}
	if err != nil {
		return nil, fmt.Errorf("read product %s: %w", productID, err)
	}
	rows, err := c.statements.Query(ctx, `SELECT number, document FROM reviews
		WHERE position = ?1 AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3`, position, before, limit)
	reviews, err := sqlite.Collect(rows, err, func(rows *sql.Rows) (review shop.Review, err error) {
		var document []byte
		var number int64
		if err := rows.Scan(&number, &document); err != nil {
			return review, err
		}
		err = json.Unmarshal(document, &review)
		review.Number = number
		return review, err
	})
	if err != nil {
		return nil, fmt.Errorf("read reviews of %s: %w", productID, err)
	}
	return reviews, nil
}
