package sqlite

import (
	"context"

	"agora/pattern/saga"
	"agora/shop"
)

// EachOrder implements shop.AuditStore.
func (s *Orders) EachOrder(ctx context.Context, visit func(shop.Order) error) error {
	rows, err := s.db.read.QueryContext(ctx, "SELECT body FROM orders ORDER BY rowid")
	return each(rows, err, scanOrder, visit)
}

// EachStock implements shop.AuditStore.
func (s *Orders) EachStock(ctx context.Context, visit func(shop.Stock) error) error {
	rows, err := s.db.read.QueryContext(ctx, "SELECT sku, on_hand, held, version FROM stock ORDER BY sku")
	return each(rows, err, scanStock, visit)
}

// EachSaga implements shop.AuditStore.
func (s *Orders) EachSaga(ctx context.Context, visit func(saga.Record) error) error {
	rows, err := s.db.read.QueryContext(ctx, "SELECT order_id, step, attempt, due FROM sagas ORDER BY order_id")
	return each(rows, err, scanSaga, visit)
}
