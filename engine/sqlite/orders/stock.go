package orders

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"agora/engine/sqlite"
	"agora/shop"
)

// Stock implements shop.StockStore.
func (s *Store) Stock(ctx context.Context, skus []string) ([]shop.Stock, error) {
	list, err := json.Marshal(skus)
	if err != nil {
		return nil, fmt.Errorf("encode SKUs: %w", err)
	}
	rows, err := s.db.Query(ctx,
		"SELECT sku, on_hand, held, version FROM stock WHERE sku IN (SELECT value FROM json_each(?))", string(list))
	return sqlite.Collect(rows, err, scanStock)
}

func scanStock(rows *sql.Rows) (shop.Stock, error) {
	var st shop.Stock
	err := rows.Scan(&st.SKU, &st.OnHand, &st.Held, &st.Version)
	return st, err
}

// ChangeStock implements shop.StockStore.
func (s *Store) ChangeStock(ctx context.Context, sku string, decide func(shop.Stock) (shop.StockChange, error)) (shop.Stock, error) {
	var after shop.Stock
	err := s.db.Write(ctx, func(t *sqlite.Tx) error {
		current, err := stockRow(t, sku)
		if err != nil {
			return err
		}
		change, err := decide(current)
		if err != nil {
			return err
		}
		if err := setStock(t, sku, change.OnHand); err != nil {
			return err
		}
		after = current
		after.OnHand = change.OnHand
		after.Version++
		return s.appendEntry(t, change.Entry)
	})
	return after, err
}

// stockRow returns the stock of a SKU, which is zero if there is no row.
func stockRow(t *sqlite.Tx, sku string) (shop.Stock, error) {
	st := shop.Stock{SKU: sku}
	err := t.QueryRow("SELECT on_hand, held, version FROM stock WHERE sku = ?", []any{sku}, &st.OnHand, &st.Held, &st.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return st, nil
	}
	return st, err
}

func setStock(t *sqlite.Tx, sku string, onHand int64) error {
	_, err := t.Exec(`INSERT INTO stock (sku, on_hand, held, version) VALUES (?1, ?2, 0, 1)
		ON CONFLICT (sku) DO UPDATE SET on_hand = ?2, version = version + 1`, sku, onHand)
	return err
}
