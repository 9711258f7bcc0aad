package orders

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"agora/engine/postgres"
	"agora/fault"
	"agora/shop"
)

// write is the transition of an order that one caller asks for.
type write struct {
	postgres.Request
	shop.Transition
	placed      bool // the order is new
	key         string
	requestHash []byte
	body        []byte      // the encoded order
	claim       *shop.Claim // the order that has the key already; nil if none has
}

// newWrite returns a write that may be in a group with writes of the same SKUs, but not with those of its order or key.
func newWrite(t shop.Transition, body []byte, key string) *write {
	w := &write{Transition: t, body: body, key: key}
	for _, m := range t.Moves {
		w.Shared = append(w.Shared, "sku "+m.SKU)
	}
	w.Exclusive = []string{"order " + t.Order.ID}
	if key != "" {
		w.Exclusive = append(w.Exclusive, "key "+key)
	}
	return w
}

// columns are a group of writes as arguments of the SQL function keep: see migrations/orders.
type columns struct {
	skus []string

	ids, users, states, keys, kinds, steps []string
	placed                                 []bool
	versions, attempts                     []int64
	hashes, bodies, facts                  [][]byte
	times, dues                            []time.Time

	moveOf, moveSKU      []int32
	moveOnHand, moveHeld []int64
}

func newColumns(group []*write) *columns {
	// Empty instead of nil, which would be NULL: a group may move no stock.
	c := &columns{skus: []string{}, moveOf: []int32{}, moveSKU: []int32{}, moveOnHand: []int64{}, moveHeld: []int64{}}
	for _, w := range group {
		for _, m := range w.Moves {
			c.skus = append(c.skus, m.SKU)
		}
	}
	slices.Sort(c.skus)
	c.skus = slices.Compact(c.skus)
	for i, w := range group {
		c.add(w)
		for _, m := range w.Moves {
			at, _ := slices.BinarySearch(c.skus, m.SKU)
			c.moveOf, c.moveSKU = append(c.moveOf, int32(i+1)), append(c.moveSKU, int32(at+1))
			c.moveOnHand, c.moveHeld = append(c.moveOnHand, m.OnHand), append(c.moveHeld, m.Held)
		}
	}
	return c
}

func (c *columns) add(w *write) {
	c.ids, c.users = append(c.ids, w.Order.ID), append(c.users, w.Order.UserID)
	c.states, c.versions = append(c.states, string(w.Order.State)), append(c.versions, int64(w.Order.Version))
	c.placed = append(c.placed, w.placed)
	c.keys, c.hashes, c.bodies = append(c.keys, w.key), append(c.hashes, w.requestHash), append(c.bodies, w.body)
	c.kinds, c.times, c.facts = append(c.kinds, w.Entry.Kind), append(c.times, w.Entry.At), append(c.facts, w.Entry.Body)
	if w.Saga == nil {
		c.steps, c.attempts, c.dues = append(c.steps, ""), append(c.attempts, 0), append(c.dues, time.Time{})
		return
	}
	c.steps, c.attempts = append(c.steps, w.Saga.Step), append(c.attempts, int64(w.Saga.Attempt))
	c.dues = append(c.dues, w.Saga.Due)
}

const storeColumns = `SELECT request, outcome, move, available, body, hash
	FROM keep($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

// storeGroup stores a group. A write that makes PostgreSQL fail, such as one whose key is not text, fails alone.
func (s *Store) storeGroup(ctx context.Context, group []*write) error {
	err := s.storeTogether(ctx, group)
	if _, refused := errors.AsType[*pgconn.PgError](err); !refused || fault.Away(err) || len(group) == 1 {
		return err
	}
	for i, w := range group {
		if err := s.storeTogether(ctx, group[i:i+1]); err != nil {
			w.claim, w.Err = nil, err
		}
	}
	return nil
}

// storeTogether stores a group in one transaction and one round trip.
func (s *Store) storeTogether(ctx context.Context, group []*write) error {
	// Every server claims keys in the same order, so that two servers cannot wait for each other.
	slices.SortFunc(group, func(a, b *write) int { return cmp.Compare(a.key, b.key) })
	c := newColumns(group)
	// A key or an order that another server inserts at the same time violates a unique index; the next try finds its row.
	return postgres.Retry(ctx, func(ctx context.Context) error {
		for _, w := range group {
			w.claim, w.Err = nil, nil
		}
		rows, err := s.db.Pool().Query(ctx, storeColumns,
			c.skus, c.ids, c.placed, c.users, c.states, c.versions, c.keys, c.hashes, c.bodies,
			c.kinds, c.times, c.facts, c.steps, c.attempts, c.dues, c.moveOf, c.moveSKU, c.moveOnHand, c.moveHeld)
		if err != nil {
			return err
		}
		var r refusal
		_, err = pgx.ForEachRow(rows, []any{&r.request, &r.outcome, &r.move, &r.available, &r.body, &r.hash}, func() error {
			return r.apply(group)
		})
		return err
	}, postgres.UniqueViolation)
}

// refusal is a row that the SQL function keep returns: the reason why it did not store a write.
type refusal struct {
	request         int32 // number of the write in the group, from 1
	outcome         string
	move, available *int64 // for a short SKU: the number of its move in the group, from 1, and the units for sale
	body, hash      []byte // for a claim: the order that has the key, and the hash of its request
}

// apply sets the claim or the error of the refused write.
func (r *refusal) apply(group []*write) error {
	w := group[r.request-1]
	switch r.outcome {
	case "claimed":
		order, err := shop.DecodeOrder(r.body)
		w.claim = &shop.Claim{Order: order, RequestHash: slices.Clone(r.hash)}
		return err
	case "exists":
		w.Err = shop.ErrOrderExists(w.Order.ID)
	case "missing":
		w.Err = fault.ErrNotFound("order", w.Order.ID)
	case "stale":
		w.Err = shop.ErrOrderMoved()
	case "short":
		m := w.Moves[int(*r.move)-1-movesBefore(group, w)]
		short, more := errors.AsType[*shop.ShortStock](w.Err)
		if !more {
			short = &shop.ShortStock{}
			w.Err = short
		}
		short.Short = append(short.Short, shop.Short{SKU: m.SKU, Requested: max(m.Held, -m.OnHand), Available: *r.available})
	default:
		return fmt.Errorf("the database answered %q", r.outcome)
	}
	return nil
}

// movesBefore returns the number of moves of the writes before one in its group.
func movesBefore(group []*write, w *write) int {
	n := 0
	for _, other := range group {
		if other == w {
			break
		}
		n += len(other.Moves)
	}
	return n
}
