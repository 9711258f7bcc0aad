package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"agora/engine/postgres"
	"agora/shop"
)

// cardColumns are the columns that scanCard reads.
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
