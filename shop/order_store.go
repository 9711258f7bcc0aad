package shop

import (
	"context"

	"agora/pattern/journal"
	"agora/pattern/outbox"
	"agora/pattern/saga"
)

// OrderStore stores stock, orders, the saga record of each unfinished checkout, and the journal, which is also the source
// of the ledger and of the outbox. One transaction changes all of them, and a method returns after it is durable. The store
// applies whole transitions, and refuses those that its data does not allow.
type OrderStore interface {
	// Place stores a new order. If the placement's key is claimed, it returns the claim and stores nothing. If the stock
	// does not cover the order, it fails with *ShortStock, which names every short SKU, and stores nothing.
	Place(ctx context.Context, p Placement) (*Claim, error)
	// Claimed returns the claim of a key, or nil.
	Claimed(ctx context.Context, key string) (*Claim, error)
	// Advance stores the next version of an order. It fails with fault.NotFound if the order does not exist,
	// fault.Stale if the order is not at the preceding version, and *ShortStock if the stock does not cover
	// a move.
	Advance(ctx context.Context, t Transition) error
	// Order returns an order as of its last transition, or fault.NotFound.
	Order(ctx context.Context, id string) (Order, error)

	StockStore
	journal.Reader
	outbox.Source
	saga.Store
	ImportStore
	AuditStore
}

// ImportStore stores stock and orders that come from another system.
type ImportStore interface {
	// Import stores the whole batch or nothing.
	Import(ctx context.Context, batch ImportBatch) error
	// ImportProgress returns the Progress of the last batch of the source, or nil.
	ImportProgress(ctx context.Context, source string) ([]byte, error)
}

// AuditStore reads all that is stored, so that an audit can compare it with the journal. Each call reads one consistent
// state; the states of two calls may differ.
type AuditStore interface {
	EachOrder(ctx context.Context, visit func(Order) error) error
	EachStock(ctx context.Context, visit func(Stock) error) error
	EachClaim(ctx context.Context, visit func(key string, claim Claim) error) error
	EachSaga(ctx context.Context, visit func(saga.Record) error) error
	// Relay returns the Seq of the newest journal entry and of the newest that the outbox marked as relayed.
	Relay(ctx context.Context) (newest, relayed uint64, err error)
}

// Transition is one change of an order: all that a store writes in one transaction.
type Transition struct {
	Order Order         // after the change
	Moves []Move        // of stock, in SKU order
	Entry journal.Entry // of stream Order.ID and version Order.Version
	Saga  *saga.Record  // of the next step; nil if the checkout is finished
}

// Placement is the first transition of an order, under a key that names the customer's request.
type Placement struct {
	Transition
	Key         string // customer and Idempotency-Key; empty for a request without one
	RequestHash []byte // of the OrderRequest
}

// Claim is the result of the first request with a key.
type Claim struct {
	Order       Order
	RequestHash []byte
}

// ImportBatch is a part of an import.
type ImportBatch struct {
	Source   string // names the imported data, such as a hash of a file
	Progress []byte // how to continue after this batch; only the importer interprets it
	Orders   []Order
	Stock    []Stock // replaces OnHand of these SKUs; Held and Version are ignored
	Entries  []journal.Entry
}
