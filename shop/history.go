package shop

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"agora/fault"
	"agora/ident"
)

// OrderViews is the read model of orders (CQRS): what customers look through, apart from the store that
// takes orders, and as far behind it as the event log is.
type OrderViews interface {
	// Views returns those of the orders that are there, in any order.
	Views(ctx context.Context, ids []string) ([]Order, error)
	// SaveViews keeps the orders, except where a newer version is there.
	SaveViews(ctx context.Context, orders []Order) error
	// ViewsByUser returns up to limit orders of a user with an id below before (all for ""), newest first.
	ViewsByUser(ctx context.Context, userID, before string, limit int) ([]Order, error)
	// EachView visits every order.
	EachView(ctx context.Context, visit func(Order) error) error
}

// OrderHistory is the service of what customers bought, on the read model.
type OrderHistory struct {
	views  OrderViews
	orders OrderStore
}

// NewOrderHistory returns the service over the read model, and the store for the facts of single orders.
func NewOrderHistory(views OrderViews, orders OrderStore) *OrderHistory {
	return &OrderHistory{views, orders}
}

// OrderPage is a part of a customer's orders, newest first.
type OrderPage struct {
	Items []Order `json:"items"`
	Next  string  `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

type orderCursor struct {
	ID string `json:"i"`
}

// List returns a page of a user's orders, or the actor's own where no user is named. Those of others are for
// admins only.
func (h *OrderHistory) List(ctx context.Context, actor Actor, userID string, limit int, cursor string) (OrderPage, error) {
	userID = cmp.Or(userID, actor.ID)
	if !actor.Admin && userID != actor.ID {
		return OrderPage{}, errNotOwner("the orders belong")
	}
	limit, err := pageSize(limit)
	if err != nil {
		return OrderPage{}, err
	}
	var after orderCursor
	scope := "orders of " + userID
	given, err := decodeCursor(scope, cursor, &after)
	if err != nil {
		return OrderPage{}, err
	}
	if given && ident.Check(ident.Order, after.ID) != nil {
		return OrderPage{}, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	found, err := h.views.ViewsByUser(ctx, userID, after.ID, limit+1)
	if err != nil {
		return OrderPage{}, fmt.Errorf("list orders: %w", err)
	}
	page := OrderPage{Items: append([]Order{}, found[:min(limit, len(found))]...)}
	if len(found) > limit {
		page.Next = encodeCursor(scope, orderCursor{found[limit-1].ID})
	}
	return page, nil
}

// Step is one fact in the life of an order, as its customer sees it.
type Step struct {
	Version uint64      `json:"version" example:"2"`
	Kind    string      `json:"kind" example:"order.confirmed"`
	At      time.Time   `json:"at"`
	Reason  Reason      `json:"reason,omitempty"`
	Lines   []LineUnits `json:"lines,omitempty" doc:"Units that were given back"`
	Refund  *Refund     `json:"refund,omitempty"`
}

// maxSteps is more than an order can have: each line given back one by one, with its refund, and some.
const maxSteps = 10_000

// Steps returns the facts of an order, oldest first, as of now: it reads the journal, not the read model.
func (h *OrderHistory) Steps(ctx context.Context, actor Actor, id string) ([]Step, error) {
	order, err := h.orders.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := order.mayRead(actor); err != nil {
		return nil, err
	}
	entries, err := h.orders.Stream(ctx, id, 0, maxSteps)
	if err != nil {
		return nil, fmt.Errorf("read history of order: %w", err)
	}
	steps := make([]Step, len(entries))
	for i, e := range entries {
		fact, err := DecodeFact(e.Body)
		if err != nil {
			return nil, err
		}
		steps[i] = Step{Version: e.Version, Kind: e.Kind, At: e.At, Reason: fact.Reason, Lines: fact.Lines, Refund: fact.Refund}
	}
	return steps, nil
}

// Project takes events into the read model. Each event may come more than once: what is in already is
// skipped, and what is missing before it is read from the journal, so that the model is the same however often the
// log is read, and however old the model is.
func (h *OrderHistory) Project(ctx context.Context, events []Event) error {
	touched := map[string]Order{}
	for _, e := range events {
		if isOrderStream(e.Stream) {
			touched[e.Stream] = Order{}
		}
	}
	known, err := h.views.Views(ctx, slices.Collect(maps.Keys(touched)))
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	for _, o := range known {
		touched[o.ID] = o
	}
	for _, e := range events {
		order, ok := touched[e.Stream]
		if !ok || e.Version <= order.Version {
			continue
		}
		if touched[e.Stream], err = h.advance(ctx, order, e); err != nil {
			return err
		}
	}
	if len(touched) == 0 {
		return nil
	}
	return h.views.SaveViews(ctx, slices.Collect(maps.Values(touched)))
}

// advance returns the order after an event. If events before it never came, as the read model is older than what
// the group has read, they are taken from the journal.
func (h *OrderHistory) advance(ctx context.Context, order Order, e Event) (Order, error) {
	if e.Version != order.Version+1 {
		return h.catchUp(ctx, e.Stream, order, e.Version)
	}
	next, err := order.Apply(e.Kind, e.At, e.Fact)
	if err != nil {
		return order, fmt.Errorf("apply %s to order %s: %w", e.Kind, e.Stream, err)
	}
	return next, nil
}

func isOrderStream(stream string) bool { return ident.Check(ident.Order, stream) == nil }
