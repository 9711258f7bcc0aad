package sqlite

import (
	"context"
	"database/sql"

	"agora/pattern/saga"
	"agora/shop"
)

// EachOrder implements shop.AuditStore.
func (s *Orders) EachOrder(ctx context.Context, visit func(shop.Order) error) error {
	rows, err := s.db.read.query(ctx, "SELECT body FROM orders ORDER BY rowid")
	return each(rows, err, scanOrder, visit)
}

// EachStock implements shop.AuditStore.
func (s *Orders) EachStock(ctx context.Context, visit func(shop.Stock) error) error {
	rows, err := s.db.read.query(ctx, "SELECT sku, on_hand, held, version FROM stock ORDER BY sku")
	return each(rows, err, scanStock, visit)
}

// EachClaim implements shop.AuditStore.
func (s *Orders) EachClaim(ctx context.Context, visit func(key string, claim shop.Claim) error) error {
	type claimed struct {
		key string
		shop.Claim
	}
	rows, err := s.db.read.query(ctx,
		"SELECT idempotency_key, request_hash, body FROM orders WHERE idempotency_key IS NOT NULL ORDER BY rowid")
	scan := func(rows *sql.Rows) (c claimed, err error) {
		var body sql.RawBytes
		if err = rows.Scan(&c.key, &c.RequestHash, &body); err == nil {
			c.Order, err = shop.DecodeOrder(body)
		}
		return c, err
	}
	return each(rows, err, scan, func(c claimed) error { return visit(c.key, c.Claim) })
}

// EachSaga implements shop.AuditStore.
func (s *Orders) EachSaga(ctx context.Context, visit func(saga.Record) error) error {
	rows, err := s.db.read.query(ctx, "SELECT order_id, step, attempt, due FROM sagas ORDER BY order_id")
	return each(rows, err, scanSaga, visit)
}
