package orders

import (
	"context"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/pattern/saga"
	"agora/shop"
)

// EachOrder implements shop.AuditStore.
func (s *Store) EachOrder(ctx context.Context, visit func(shop.Order) error) error {
	return postgres.Each(ctx, s.db, scanOrder, visit, "SELECT body FROM orders")
}

// EachStock implements shop.AuditStore.
func (s *Store) EachStock(ctx context.Context, visit func(shop.Stock) error) error {
	return postgres.Each(ctx, s.db, scanStock, visit, "SELECT sku, on_hand, held, version FROM stock ORDER BY sku")
}

// EachClaim implements shop.AuditStore.
func (s *Store) EachClaim(ctx context.Context, visit func(key string, claim shop.Claim) error) error {
	type claimed struct {
		key string
		shop.Claim
	}
	scan := func(row pgx.CollectableRow) (c claimed, err error) {
		var body []byte
		if err = row.Scan(&c.key, &c.RequestHash, &body); err == nil {
			c.Order, err = shop.DecodeOrder(body)
		}
		return c, err
	}
	return postgres.Each(ctx, s.db, scan, func(c claimed) error { return visit(c.key, c.Claim) },
		"SELECT idempotency_key, request_hash, body FROM orders WHERE idempotency_key IS NOT NULL")
}

// EachSaga implements shop.AuditStore.
func (s *Store) EachSaga(ctx context.Context, visit func(saga.Record) error) error {
	return postgres.Each(ctx, s.db, scanSaga, visit, "SELECT order_id, step, attempt, due FROM sagas ORDER BY order_id")
}
