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

// OrderViews is the read model of orders (CQRS). Customers list their orders in it, so that their reads do not load the
// order store. It lags behind that store until the events of a change are projected.
type OrderViews interface {
	// Views returns the stored orders of the ids, in any order.
	Views(ctx context.Context, ids []string) ([]Order, error)
	// SaveViews stores the orders. It skips an order of which a newer version is stored.
	SaveViews(ctx context.Context, orders []Order) error
	// ViewsByUser returns at most limit orders of a user, newest first: those whose id is below before, or the newest
	// for "".
	ViewsByUser(ctx context.Context, userID, before string, limit int) ([]Order, error)
	// EachView visits every order.
	EachView(ctx context.Context, visit func(Order) error) error
}

// OrderHistory is the service for customers' orders and their facts. It lists orders from the read model.
type OrderHistory struct {
	views  OrderViews
	orders OrderStore
}

// NewOrderHistory returns the service over the read model and the order store, from whose journal it reads facts.
func NewOrderHistory(views OrderViews, orders OrderStore) *OrderHistory {
	return &OrderHistory{views, orders}
}

// OrderPage is a page of a customer's orders, newest first.
type OrderPage struct {
	Items []Order `json:"items"`
	Next  string  `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

type orderCursor struct {
	ID string `json:"i"`
}

// List returns a page of the orders of a user, or of the actor if userID is empty. It fails with fault.Denied for another
// user, unless the actor is an admin.
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

// Step is a fact of an order, with the fields that its customer may see.
type Step struct {
	Version uint64      `json:"version" example:"2"`
	Kind    string      `json:"kind" example:"order.confirmed"`
	At      time.Time   `json:"at"`
	Reason  Reason      `json:"reason,omitempty"`
	Lines   []LineUnits `json:"lines,omitempty" doc:"Units that were given back"`
	Refund  *Refund     `json:"refund,omitempty"`
}

// maxSteps is more than the number of facts that an order can have, which maxRefunds limits.
const maxSteps = 10_000

// Steps returns the facts of an order, oldest first. It reads the journal, so that the latest facts are included.
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

// Project applies events to the read model. It skips events that an order already has, and reads events that an order
// lacks from the journal. The result is therefore the same if events are repeated, and if the read model is an old backup.
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

// advance returns the order after an event. It reads earlier events that the order lacks from the journal: after the read
// model is restored from a backup, the event log does not deliver them again.
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
