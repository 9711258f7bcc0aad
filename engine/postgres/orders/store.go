// Package orders is the store of orders in PostgreSQL: stock, orders, sagas, the journal, and the read model of orders.
package orders

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/pattern/lead"
	"agora/pattern/saga"
	"agora/shop"
)

// Store is a shop.OrderStore: stock, orders, sagas and the journal. Any number of servers may have it open.
type Store struct {
	db      *postgres.Database
	batcher *postgres.Batcher[*write]
}

var (
	_ shop.OrderStore = (*Store)(nil)
	_ lead.Divider    = (*Store)(nil)
)

//go:embed migrations
var migrations embed.FS

// Open returns the store of orders in a database. It is closed with the database.
func Open(ctx context.Context, db *postgres.Database) (*Store, error) {
	if err := db.Migrate(ctx, migrations, "orders"); err != nil {
		return nil, err
	}
	s := &Store{db: db}
	s.batcher = postgres.NewBatcher(s.storeGroup)
	db.OnClose(s.batcher.Close)
	return s, nil
}

// Lead implements lead.Leader for the tasks of servers that share the orders.
func (s *Store) Lead(ctx context.Context, task string, work func(ctx context.Context) error) (bool, error) {
	return s.db.Lead(ctx, "outbox", task, work)
}

// Join implements lead.Divider for the groups of servers that share the orders.
func (s *Store) Join(ctx context.Context, group string, work func(ctx context.Context, members lead.Count) error) error {
	return s.db.Join(ctx, "outbox", group, work)
}

// Place implements shop.OrderStore.
func (s *Store) Place(ctx context.Context, p shop.Placement) (*shop.Claim, error) {
	body, err := shop.EncodeOrder(p.Order)
	if err != nil {
		return nil, err
	}
	w := newWrite(p.Transition, body, p.Key)
	w.placed, w.requestHash = true, p.RequestHash
	if err := s.batcher.Do(ctx, w); err != nil {
		return nil, err
	}
	return w.claim, nil
}

// Advance implements shop.OrderStore.
func (s *Store) Advance(ctx context.Context, t shop.Transition) error {
	body, err := shop.EncodeOrder(t.Order)
	if err != nil {
		return err
	}
	return s.batcher.Do(ctx, newWrite(t, body, ""))
}

// Claimed implements shop.OrderStore.
func (s *Store) Claimed(ctx context.Context, key string) (*shop.Claim, error) {
	var claim shop.Claim
	var body []byte
	err := s.db.Pool().QueryRow(ctx, "SELECT request_hash, body FROM orders WHERE idempotency_key = $1", key).Scan(&claim.RequestHash, &body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, postgres.Classify(fmt.Errorf("read claim: %w", err))
	}
	claim.Order, err = shop.DecodeOrder(body)
	return &claim, err
}

// Order implements shop.OrderStore.
func (s *Store) Order(ctx context.Context, id string) (shop.Order, error) {
	var body []byte
	err := s.db.Pool().QueryRow(ctx, "SELECT body FROM orders WHERE id = $1", id).Scan(&body)
	if err != nil {
		return shop.Order{}, postgres.OrMissing(fmt.Errorf("read order: %w", err), fault.ErrNotFound("order", id))
	}
	return shop.DecodeOrder(body)
}

// scanOrder reads a row that has the body of an order.
func scanOrder(row pgx.CollectableRow) (shop.Order, error) {
	var body []byte
	if err := row.Scan(&body); err != nil {
		return shop.Order{}, err
	}
	return shop.DecodeOrder(body)
}

// Due implements saga.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]saga.Record, error) {
	return postgres.Collect(ctx, s.db, scanSaga,
		"SELECT order_id, step, attempt, due FROM sagas WHERE due <= $1 ORDER BY due, order_id LIMIT $2", now, limit)
}

func scanSaga(row pgx.CollectableRow) (saga.Record, error) {
	var r saga.Record
	err := row.Scan(&r.ID, &r.Step, &r.Attempt, &r.Due)
	r.Due = r.Due.UTC()
	return r, err
}

// Postpone implements saga.Store.
func (s *Store) Postpone(ctx context.Context, r saga.Record) error {
	_, err := s.db.Exec(ctx, "UPDATE sagas SET attempt = $1, due = $2 WHERE order_id = $3 AND step = $4",
		r.Attempt, r.Due, r.ID, r.Step)
	return err
}
