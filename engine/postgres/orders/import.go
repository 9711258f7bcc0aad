package orders

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/shop"
)

// Import implements shop.ImportStore.
func (s *Store) Import(ctx context.Context, batch shop.ImportBatch) error {
	orders, err := importColumns(batch.Orders)
	if err != nil {
		return err
	}
	skus, onHand, times := countedStock(batch.Stock)
	err = s.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		if _, err := tx.Exec(ctx, `INSERT INTO stock (sku, on_hand, held, version)
			SELECT sku, on_hand, 0, times FROM unnest($1::text[], $2::bigint[], $3::bigint[]) u(sku, on_hand, times)
			ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand, version = stock.version + excluded.version`,
			skus, onHand, times); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO orders (id, user_id, state, version, body)
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[])`,
			orders.ids, orders.users, orders.states, orders.versions, orders.bodies); err != nil {
			if postgres.IsUnique(err) {
				return nil, shop.ErrOrderExists("of the batch")
			}
			return nil, err
		}
		last := &pgx.Batch{}
		last.Queue("INSERT INTO imports VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET progress = excluded.progress",
			batch.Source, batch.Progress)
		return last, queueEntries(ctx, tx, last, batch.Entries)
	})
	if postgres.IsUnique(err) {
		return errVersionConflict("a stream that others appended to")
	}
	return err
}

// countedStock returns each SKU once, in the order in which every transaction locks stock: its last amount on hand, and
// how often it occurs.
func countedStock(stock []shop.Stock) (skus []string, onHand, times []int64) {
	last, count := map[string]int64{}, map[string]int64{}
	for _, st := range stock {
		last[st.SKU] = st.OnHand
		count[st.SKU]++
	}
	skus = slices.Sorted(maps.Keys(last))
	for _, sku := range skus {
		onHand, times = append(onHand, last[sku]), append(times, count[sku])
	}
	return skus, onHand, times
}

func importColumns(orders []shop.Order) (*columns, error) {
	c := newColumns(nil)
	for _, o := range orders {
		body, err := shop.EncodeOrder(o)
		if err != nil {
			return nil, err
		}
		c.add(&write{Transition: shop.Transition{Order: o}, body: body})
	}
	return c, nil
}

// ImportProgress implements shop.ImportStore.
func (s *Store) ImportProgress(ctx context.Context, source string) ([]byte, error) {
	var progress []byte
	err := s.db.Pool().QueryRow(ctx, "SELECT progress FROM imports WHERE source = $1", source).Scan(&progress)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return progress, postgres.Classify(err)
}
