package orders

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/shop"
	"agora/shop/shoptest"
)

// naive stores each order in a transaction of its own, statement by statement, with SELECT FOR UPDATE. The benchmarks
// compare the store with it. It fills the same tables and gives the same guarantees as long as no key repeats.
type naive struct{ *Store }

// Place implements shop.OrderStore.
func (s naive) Place(ctx context.Context, p shop.Placement) (*shop.Claim, error) {
	return nil, s.storeOne(ctx, p.Transition, `INSERT INTO orders (id, state, version, body, user_id, idempotency_key, request_hash)
		VALUES ($1, $2, $3, $4, $5, nullif($6, ''), $7)`, p.Order.UserID, p.Key, p.RequestHash)
}

// Advance implements shop.OrderStore.
func (s naive) Advance(ctx context.Context, t shop.Transition) error {
	return s.storeOne(ctx, t, "UPDATE orders SET state = $2, version = $3, body = $4 WHERE id = $1 AND version = $3 - 1")
}

func (s naive) storeOne(ctx context.Context, t shop.Transition, storeOrder string, more ...any) error {
	return pgx.BeginFunc(ctx, s.db.Pool(), func(tx pgx.Tx) error {
		for _, m := range t.Moves {
			var st shop.Stock
			if err := tx.QueryRow(ctx, "SELECT sku, on_hand, held FROM stock WHERE sku = $1 FOR UPDATE", m.SKU).
				Scan(&st.SKU, &st.OnHand, &st.Held); err != nil {
				return err
			}
			if !st.Covers(m) {
				return &shop.ShortStock{Short: []shop.Short{{SKU: m.SKU, Requested: m.Held, Available: st.Available()}}}
			}
			if _, err := tx.Exec(ctx, "UPDATE stock SET on_hand = on_hand + $2, held = held + $3, version = version + 1 WHERE sku = $1",
				m.SKU, m.OnHand, m.Held); err != nil {
				return err
			}
		}
		body, err := json.Marshal(t.Order)
		if err != nil {
			return err
		}
		args := append([]any{t.Order.ID, string(t.Order.State), int64(t.Order.Version), body}, more...)
		if _, err := tx.Exec(ctx, storeOrder, args...); err != nil {
			return err
		}
		if t.Saga == nil {
			_, err = tx.Exec(ctx, "DELETE FROM sagas WHERE order_id = $1", t.Order.ID)
		} else {
			_, err = tx.Exec(ctx, "INSERT INTO sagas VALUES ($1, $2, $3, $4)", t.Order.ID, t.Saga.Step, t.Saga.Attempt, t.Saga.Due)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO journal (stream, version, kind, at, body) VALUES ($1, $2, $3, $4, $5)",
			t.Entry.Stream, int64(t.Entry.Version), t.Entry.Kind, t.Entry.At, t.Entry.Body)
		return err
	})
}

func BenchmarkOrders(b *testing.B) {
	shoptest.BenchmarkOrders(b, func(b *testing.B) shop.OrderStore { return openOrders(b, server.Database(b)) })
}

// BenchmarkNaive measures naive, which takes no lock for the order of the journal and so is faster than a correct store.
func BenchmarkNaive(b *testing.B) {
	shoptest.BenchmarkOrders(b, func(b *testing.B) shop.OrderStore { return naive{openOrders(b, server.Database(b))} })
}
