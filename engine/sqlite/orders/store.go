// Package orders is the embedded store of orders: stock, orders, sagas, the journal, and the read model of orders.
package orders

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"agora/engine/sqlite"
	"agora/fault"
	"agora/pattern/saga"
	"agora/shop"
)

//go:embed migrations
var migrations embed.FS

// Store is the embedded shop.OrderStore: stock, orders, sagas and the journal in one file.
type Store struct {
	db     *sqlite.Database
	newest newest
}

var _ shop.OrderStore = (*Store)(nil)

// Open opens or creates the store in the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := sqlite.Open(ctx, path, migrations, "orders")
	if err != nil {
		return nil, err
	}
	last, err := loadNewest(ctx, db)
	if err != nil {
		return nil, errors.Join(sqlite.Classify(err), db.Close())
	}
	return &Store{db: db, newest: last}, nil
}

// Close finishes accepted writes and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Place implements shop.OrderStore.
func (s *Store) Place(ctx context.Context, p shop.Placement) (*shop.Claim, error) {
	body, err := shop.EncodeOrder(p.Order)
	if err != nil {
		return nil, err
	}
	var claim *shop.Claim
	err = s.db.Write(ctx, func(t *sqlite.Tx) error {
		claim, err = insertOrder(t, p, body)
		if err != nil || claim != nil {
			return err
		}
		return s.storeTransition(t, p.Transition)
	})
	return claim, err
}

// insertOrder inserts a new order. If another order has the key, it inserts nothing and returns that claim.
func insertOrder(t *sqlite.Tx, p shop.Placement, body []byte) (*shop.Claim, error) {
	key := sql.NullString{String: p.Key, Valid: p.Key != ""}
	if key.Valid {
		claim, err := findClaim(t, p.Key)
		if err != nil || claim != nil {
			return claim, err
		}
	}
	_, err := t.Exec(`INSERT INTO orders (id, user_id, state, version, idempotency_key, request_hash, body)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		p.Order.ID, p.Order.UserID, string(p.Order.State), int64(p.Order.Version), key, p.RequestHash, body)
	if sqlite.IsUnique(err) {
		return nil, shop.ErrOrderExists(p.Order.ID)
	}
	return nil, err
}

const claimQuery = "SELECT body, request_hash FROM orders WHERE idempotency_key = ?"

// Claimed implements shop.OrderStore.
func (s *Store) Claimed(ctx context.Context, key string) (*shop.Claim, error) {
	claim, err := scanClaim(func(dest ...any) error {
		return s.db.QueryRow(ctx, claimQuery, []any{key}, dest...)
	})
	return claim, sqlite.Classify(err)
}

func findClaim(t *sqlite.Tx, key string) (*shop.Claim, error) {
	return scanClaim(func(dest ...any) error { return t.QueryRow(claimQuery, []any{key}, dest...) })
}

func scanClaim(scan func(dest ...any) error) (*shop.Claim, error) {
	var claim shop.Claim
	var body []byte
	err := scan(&body, &claim.RequestHash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	claim.Order, err = shop.DecodeOrder(body)
	return &claim, err
}

// Advance implements shop.OrderStore.
func (s *Store) Advance(ctx context.Context, tr shop.Transition) error {
	body, err := shop.EncodeOrder(tr.Order)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(t *sqlite.Tx) error {
		n, err := t.Exec("UPDATE orders SET state = ?, version = ?, body = ? WHERE id = ? AND version = ?",
			string(tr.Order.State), int64(tr.Order.Version), body, tr.Order.ID, int64(tr.Order.Version)-1)
		if err != nil {
			return err
		}
		if n == 0 {
			return errAbsentOrMoved(t, tr.Order.ID)
		}
		return s.storeTransition(t, tr)
	})
}

// errAbsentOrMoved returns the error of a transition whose order has another version, or does not exist.
func errAbsentOrMoved(t *sqlite.Tx, id string) error {
	var version int64
	err := t.QueryRow("SELECT version FROM orders WHERE id = ?", []any{id}, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.ErrNotFound("order", id)
	}
	if err != nil {
		return err
	}
	return shop.ErrOrderMoved()
}

// storeTransition stores the parts of a transition besides the row of the order.
func (s *Store) storeTransition(t *sqlite.Tx, tr shop.Transition) error {
	if err := moveStock(t, tr.Moves); err != nil {
		return err
	}
	if err := s.appendEntry(t, tr.Entry); err != nil {
		return err
	}
	if tr.Saga == nil {
		_, err := t.Exec("DELETE FROM sagas WHERE order_id = ?", tr.Order.ID)
		return err
	}
	_, err := t.Exec("INSERT OR REPLACE INTO sagas (order_id, step, attempt, due) VALUES (?, ?, ?, ?)",
		tr.Order.ID, tr.Saga.Step, tr.Saga.Attempt, tr.Saga.Due.UnixMicro())
	return err
}

// moveStock applies the moves that the stock covers, under the condition of shop.Stock.Covers. If some are short, it
// returns an error that names all of them.
func moveStock(t *sqlite.Tx, moves []shop.Move) error {
	var short []shop.Short
	for _, m := range moves {
		n, err := t.Exec(`UPDATE stock SET on_hand = on_hand + ?1, held = held + ?2, version = version + 1
			WHERE sku = ?3 AND on_hand + ?1 >= 0 AND held + ?2 >= 0 AND (?2 <= 0 OR on_hand - held >= ?2)`,
			m.OnHand, m.Held, m.SKU)
		if err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		current, err := stockRow(t, m.SKU)
		if err != nil {
			return err
		}
		if current.Covers(m) { // there is no row yet, because the units were never in this stock
			if err := setStock(t, m.SKU, m.OnHand); err != nil {
				return err
			}
			continue
		}
		short = append(short, shop.Short{SKU: m.SKU, Requested: max(m.Held, -m.OnHand), Available: current.Available()})
	}
	if len(short) > 0 {
		return &shop.ShortStock{Short: short}
	}
	return nil
}

// Order implements shop.OrderStore.
func (s *Store) Order(ctx context.Context, id string) (shop.Order, error) {
	var body []byte
	err := s.db.QueryRow(ctx, "SELECT body FROM orders WHERE id = ?", []any{id}, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return shop.Order{}, fault.ErrNotFound("order", id)
	}
	if err != nil {
		return shop.Order{}, sqlite.Classify(fmt.Errorf("read order: %w", err))
	}
	return shop.DecodeOrder(body)
}

// Due implements saga.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]saga.Record, error) {
	rows, err := s.db.Query(ctx,
		"SELECT order_id, step, attempt, due FROM sagas WHERE due <= ? ORDER BY due, order_id LIMIT ?", now.UnixMicro(), limit)
	return sqlite.Collect(rows, err, scanSaga)
}

func scanSaga(rows *sql.Rows) (saga.Record, error) {
	var r saga.Record
	var due int64
	err := rows.Scan(&r.ID, &r.Step, &r.Attempt, &due)
	r.Due = time.UnixMicro(due).UTC()
	return r, err
}

// Postpone implements saga.Store.
func (s *Store) Postpone(ctx context.Context, r saga.Record) error {
	return s.db.Write(ctx, func(t *sqlite.Tx) error {
		_, err := t.Exec("UPDATE sagas SET attempt = ?, due = ? WHERE order_id = ? AND step = ?",
			r.Attempt, r.Due.UnixMicro(), r.ID, r.Step)
		return err
	})
}

// Import implements shop.ImportStore.
func (s *Store) Import(ctx context.Context, batch shop.ImportBatch) error {
	return s.db.Write(ctx, func(t *sqlite.Tx) error {
		for _, order := range batch.Orders {
			body, err := shop.EncodeOrder(order)
			if err != nil {
				return err
			}
			if _, err := insertOrder(t, shop.Placement{Transition: shop.Transition{Order: order}}, body); err != nil {
				return err
			}
		}
		for _, e := range batch.Entries {
			if err := s.appendEntry(t, e); err != nil {
				return err
			}
		}
		for _, st := range batch.Stock {
			if err := setStock(t, st.SKU, st.OnHand); err != nil {
				return err
			}
		}
		_, err := t.Exec("INSERT OR REPLACE INTO imports (source, progress) VALUES (?, ?)", batch.Source, batch.Progress)
		return err
	})
}

// ImportProgress implements shop.ImportStore.
func (s *Store) ImportProgress(ctx context.Context, source string) ([]byte, error) {
	var progress []byte
	err := s.db.QueryRow(ctx, "SELECT progress FROM imports WHERE source = ?", []any{source}, &progress)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return progress, sqlite.Classify(err)
}
