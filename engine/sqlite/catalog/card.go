package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"agora/engine/sqlite"
	"agora/shop"
)

// cardColumns are the columns that scanCards reads, of the tables cards (c) and live (l).
const cardColumns = `c.position, c.currency, c.amount, c.card,
	coalesce(l.available, 0), coalesce(l.rating_count, 0), coalesce(l.rating_sum, 0)`

// scanCards returns all rows of cardColumns. rows and err are the results of a query.
func scanCards(rows *sql.Rows, err error) ([]shop.Card, error) {
	var stored sql.RawBytes
	return sqlite.Collect(rows, err, func(rows *sql.Rows) (card shop.Card, err error) {
		var count, sum int64
		if err := rows.Scan(&card.Position, &card.Price.Currency, &card.Price.Amount, &stored,
			&card.InventoryCount, &count, &sum); err != nil {
			return card, err
		}
		card.Rating = shop.NewRating(count, sum)
		err = shop.DecodeCard(stored, &card)
		return card, err
	})
}

// CardsByID implements shop.CatalogStore.
func (c *Store) CardsByID(ctx context.Context, ids []string) ([]shop.Card, error) {
	return c.cardsOf(ctx, "id", ids)
}

// CardsBySKU implements shop.CatalogStore.
func (c *Store) CardsBySKU(ctx context.Context, skus []string) ([]shop.Card, error) {
	return c.cardsOf(ctx, "sku", skus)
}

// cardsOf returns the cards with the keys in a column. It passes several keys as one JSON array, so that the statement is
// the same for any number of them. A single key, as of an order with one line, needs no array.
func (c *Store) cardsOf(ctx context.Context, column string, keys []string) ([]shop.Card, error) {
	query := `SELECT ` + cardColumns + `
		FROM products p JOIN cards c USING (position) LEFT JOIN live l USING (position) WHERE p.` + column
	if len(keys) == 1 {
		return scanCards(c.statements.Query(ctx, query+" = "+sqlite.Planned, keys[0]))
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	cards, err := scanCards(c.statements.Query(ctx, query+" IN (SELECT value FROM json_each("+sqlite.Planned+"))", string(list)))
	if err != nil {
		return nil, fmt.Errorf("read cards: %w", err)
	}
	return cards, nil
}
