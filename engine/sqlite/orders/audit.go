package orders

import (
	"context"
	"database/sql"

	"agora/engine/sqlite"
	"agora/pattern/saga"
	"agora/shop"
)

// EachOrder implements shop.AuditStore.
func (s *Store) EachOrder(ctx context.Context, visit func(shop.Order) error) error {
	rows, err := s.db.Query(ctx, "SELECT body FROM orders ORDER BY rowid")
	return sqlite.Each(rows, err, scanOrder, visit)
}

// EachStock implements shop.AuditStore.
func (s *Store) EachStock(ctx context.Context, visit func(shop.Stock) error) error {
	rows, err := s.db.Query(ctx, "SELECT sku, on_hand, held, version FROM stock ORDER BY sku")
	return sqlite.Each(rows, err, scanStock, visit)
}

// EachClaim implements shop.AuditStore.
func (s *Store) EachClaim(ctx context.Context, visit func(key string, claim shop.Claim) error) error {
	type claimed struct {
		key string
		shop.Claim
	}
	rows, err := s.db.Query(ctx,
		"SELECT idempotency_key, request_hash, body FROM orders WHERE idempotency_key IS NOT NULL ORDER BY rowid")
	scan := func(rows *sql.Rows) (c claimed, err error) {
		var body sql.RawBytes
		if err = rows.Scan(&c.key, &c.RequestHash, &body); err == nil {
			c.Order, err = shop.DecodeOrder(body)
		}
		return c, err
	}
	return sqlite.Each(rows, err, scan, func(c claimed) error { return visit(c.key, c.Claim) })
}

// EachSaga implements shop.AuditStore.
func (s *Store) EachSaga(ctx context.Context, visit func(saga.Record) error) error {
	rows, err := s.db.Query(ctx, "SELECT order_id, step, attempt, due FROM sagas ORDER BY order_id")
	return sqlite.Each(rows, err, scanSaga, visit)
}
