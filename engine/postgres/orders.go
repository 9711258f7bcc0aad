package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/fault"
	"agora/pattern/saga"
	"agora/shop"
)

// Orders is a shop.OrderStore: stock, orders, sagas and the journal. Any number of servers may have it open.
type Orders struct {
	db     *Database
	writer *writer
}

var _ shop.OrderStore = (*Orders)(nil)

// Orders returns the database's store of orders. It is closed with the database.
func (d *Database) Orders(ctx context.Context) (*Orders, error) {
	if err := d.migrate(ctx, "orders"); err != nil {
		return nil, err
	}
	s := &Orders{db: d}
	s.writer = newWriter(s.keep)
	d.closing(s.writer.close)
	return s, nil
}

// Place implements shop.OrderStore.
func (s *Orders) Place(ctx context.Context, p shop.Placement) (*shop.Claim, error) {
	body, err := json.Marshal(p.Order)
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	w := &write{ctx: ctx, Transition: p.Transition, placed: true, key: p.Key, requestHash: p.RequestHash, body: body}
	err = s.writer.do(w)
	return w.claim, err
}

// Advance implements shop.OrderStore.
func (s *Orders) Advance(ctx context.Context, t shop.Transition) error {
	body, err := json.Marshal(t.Order)
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	return s.writer.do(&write{ctx: ctx, Transition: t, body: body})
}

// Claimed implements shop.OrderStore.
func (s *Orders) Claimed(ctx context.Context, key string) (*shop.Claim, error) {
	var claim shop.Claim
	var body []byte
	err := s.db.pool.QueryRow(ctx, "SELECT request_hash, body FROM orders WHERE idempotency_key = $1", key).Scan(&claim.RequestHash, &body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(fmt.Errorf("read claim: %w", err))
	}
	claim.Order, err = decodeOrder(body)
	return &claim, err
}

// Order implements shop.OrderStore.
func (s *Orders) Order(ctx context.Context, id string) (shop.Order, error) {
	var body []byte
	err := s.db.pool.QueryRow(ctx, "SELECT body FROM orders WHERE id = $1", id).Scan(&body)
	if err != nil {
		return shop.Order{}, orMissing(fmt.Errorf("read order: %w", err), fault.ErrNotFound("order", id))
	}
	return decodeOrder(body)
}

func decodeOrder(body []byte) (shop.Order, error) {
	var order shop.Order
	if err := json.Unmarshal(body, &order); err != nil {
		return shop.Order{}, fmt.Errorf("decode order: %w", err)
	}
	return order, nil
}

// scanOrder reads a row that is an order's body.
func scanOrder(row pgx.CollectableRow) (shop.Order, error) {
	var body []byte
	if err := row.Scan(&body); err != nil {
		return shop.Order{}, err
	}
	return decodeOrder(body)
}

// Due implements saga.Store.
func (s *Orders) Due(ctx context.Context, now time.Time, limit int) ([]saga.Record, error) {
	return collect(ctx, s.db, scanSaga,
		"SELECT order_id, step, attempt, due FROM sagas WHERE due <= $1 ORDER BY due, order_id LIMIT $2", now, limit)
}

func scanSaga(row pgx.CollectableRow) (saga.Record, error) {
	var r saga.Record
	err := row.Scan(&r.ID, &r.Step, &r.Attempt, &r.Due)
	r.Due = r.Due.UTC()
	return r, err
}

// Postpone implements saga.Store.
func (s *Orders) Postpone(ctx context.Context, r saga.Record) error {
	_, err := s.db.exec(ctx, "UPDATE sagas SET attempt = $1, due = $2 WHERE order_id = $3 AND step = $4",
		r.Attempt, r.Due, r.ID, r.Step)
	return err
}
