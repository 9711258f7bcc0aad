package shop

import (
	"context"

	"agora/pattern/journal"
	"agora/pattern/outbox"
	"agora/pattern/saga"
)

// OrderStore stores stock, orders, the state of each unfinished checkout, and the journal from which the ledger
// and the outbox are read. They share one transaction, and what a method acknowledges is durable.
// The store makes no decisions: it applies whole transitions, and refuses those that its data does not allow.
type OrderStore interface {
	// Place stores a new order. If the placement's key is claimed already, nothing changes and the claim is
	// returned. If the stock does not cover the order, nothing is stored and *ShortStock names every short SKU.
	Place(ctx context.Context, p Placement) (*Claim, error)
	// Claimed returns what a request with the key did, or nil if there was none.
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
	// ImportProgress returns what the last batch of the source noted, or nil.
	ImportProgress(ctx context.Context, source string) ([]byte, error)
}

// AuditStore lets all that is kept be compared with the journal. The calls see one state each, not one together.
type AuditStore interface {
	EachOrder(ctx context.Context, visit func(Order) error) error
	EachStock(ctx context.Context, visit func(Stock) error) error
	EachClaim(ctx context.Context, visit func(key string, claim Claim) error) error
	EachSaga(ctx context.Context, visit func(saga.Record) error) error
	// Relay returns the Seq of the newest journal entry and of the newest that the outbox marked as relayed.
	Relay(ctx context.Context) (newest, relayed uint64, err error)
}

// Transition is one change of an order: all that one transaction has to keep.
type Transition struct {
	Order Order         // after the change
	Moves []Move        // of stock, in SKU order
	Entry journal.Entry // of stream Order.ID and version Order.Version
	Saga  *saga.Record  // where the checkout stands now; nil when it is finished
}

// Placement is the first transition of an order, under a key that names the customer's request.
type Placement struct {
	Transition
	Key         string // customer and Idempotency-Key; empty for a request without one
	RequestHash []byte // of what was asked for
}

// Claim is what an earlier request with the same key did.
type Claim struct {
	Order       Order
	RequestHash []byte
}

// ImportBatch is a part of an import.
type ImportBatch struct {
	Source   string // names what is imported, such as a hash of the file
	Progress []byte // what to remember of how far it came
	Orders   []Order
	Stock    []Stock // replaces OnHand of these SKUs; Held and Version are ignored
	Entries  []journal.Entry
}
