package shoptest

import (
	"context"

	"agora/fault"
	"agora/shop"
)

// strike is how fate strikes a call of a port.
type strike int

const (
	crashBefore strike = iota // the process dies before the call took effect
	crashAfter                // and after it did
	failBefore                // the call fails without effect
	failAfter                 // and with it, the answer being lost
	none
)

// fate strikes one call, calls from now on.
type fate struct {
	strikes strike
	calls   int
	dead    bool
}

func (f *fate) call(effect func() error) error {
	lost := fault.New(fault.Unavailable, "", "the answer was lost")
	if f.dead {
		return lost
	}
	if f.calls--; f.calls != 0 || f.strikes == none {
		return effect()
	}
	f.dead = f.strikes == crashBefore || f.strikes == crashAfter
	if f.strikes == crashAfter || f.strikes == failAfter {
		_ = effect()
	}
	return lost
}

// fatedStore is a store whose calls may be struck. It knows the orders in the order in which they came.
type fatedStore struct {
	shop.OrderStore
	fate   *fate
	placed []string
}

func (s *fatedStore) Place(ctx context.Context, p shop.Placement) (claim *shop.Claim, err error) {
	err = s.fate.call(func() (err error) {
		if claim, err = s.OrderStore.Place(ctx, p); err == nil && claim == nil {
			s.placed = append(s.placed, p.Order.ID)
		}
		return err
	})
	return claim, err
}

func (s *fatedStore) Advance(ctx context.Context, t shop.Transition) error {
	return s.fate.call(func() error { return s.OrderStore.Advance(ctx, t) })
}

func (s *fatedStore) Order(ctx context.Context, id string) (order shop.Order, err error) {
	err = s.fate.call(func() (err error) { order, err = s.OrderStore.Order(ctx, id); return err })
	return order, err
}

func (s *fatedStore) ChangeStock(ctx context.Context, sku string, decide func(shop.Stock) (shop.StockChange, error)) (after shop.Stock, err error) {
	err = s.fate.call(func() (err error) { after, err = s.OrderStore.ChangeStock(ctx, sku, decide); return err })
	return after, err
}

// fatedGateway is a gateway whose calls may be struck, and that declines some payments.
type fatedGateway struct {
	*shop.SimulatedGateway
	fate *fate
}

func (g *fatedGateway) Authorize(ctx context.Context, p shop.Payment) error {
	return g.fate.call(func() error {
		if p.Amount.Amount%1000 == 700 {
			return fault.New(fault.Declined, "payment_declined", "the payment was declined")
		}
		return g.SimulatedGateway.Authorize(ctx, p)
	})
}

func (g *fatedGateway) Capture(ctx context.Context, orderID string) error {
	return g.fate.call(func() error { return g.SimulatedGateway.Capture(ctx, orderID) })
}

func (g *fatedGateway) Void(ctx context.Context, orderID string) error {
	return g.fate.call(func() error { return g.SimulatedGateway.Void(ctx, orderID) })
}

func (g *fatedGateway) Refund(ctx context.Context, r shop.RefundPayment) error {
	return g.fate.call(func() error { return g.SimulatedGateway.Refund(ctx, r) })
}
