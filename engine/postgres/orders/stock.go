package orders

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/pattern/journal"
	"agora/shop"
)

// Stock implements shop.StockStore.
func (s *Store) Stock(ctx context.Context, skus []string) ([]shop.Stock, error) {
	return postgres.Collect(ctx, s.db, scanStock, "SELECT sku, on_hand, held, version FROM stock WHERE sku = ANY($1)", skus)
}

func scanStock(row pgx.CollectableRow) (shop.Stock, error) {
	var st shop.Stock
	err := row.Scan(&st.SKU, &st.OnHand, &st.Held, &st.Version)
	return st, err
}

// ChangeStock implements shop.StockStore. It calls decide again after a conflict with other transactions.
func (s *Store) ChangeStock(ctx context.Context, sku string, decide func(shop.Stock) (shop.StockChange, error)) (shop.Stock, error) {
	var after shop.Stock
	err := s.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		current, err := lockStock(ctx, tx, sku)
		if err != nil {
			return nil, err
		}
		change, err := decide(current)
		if err != nil {
			return nil, err
		}
		after = current
		after.OnHand = change.OnHand
		after.Version++
		last := &pgx.Batch{}
		last.Queue("UPDATE stock SET on_hand = $1, version = version + 1 WHERE sku = $2", change.OnHand, sku)
		return last, queueEntries(ctx, tx, last, []journal.Entry{change.Entry})
	})
	if err != nil {
		return shop.Stock{}, err
	}
	return after, nil
}

// lockStock locks and returns the stock of a SKU. A SKU without a row gets a row of zeros, which a rollback removes.
func lockStock(ctx context.Context, tx pgx.Tx, sku string) (shop.Stock, error) {
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO stock VALUES ($1, 0, 0, 0) ON CONFLICT DO NOTHING", sku)
	batch.Queue("SELECT sku, on_hand, held, version FROM stock WHERE sku = $1 FOR UPDATE", sku)
	results := tx.SendBatch(ctx, batch)
	_, err := results.Exec()
	if err != nil {
		return shop.Stock{}, errors.Join(err, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return shop.Stock{}, errors.Join(err, results.Close())
	}
	st, err := pgx.CollectExactlyOneRow(rows, scanStock)
	return st, errors.Join(err, results.Close())
}
