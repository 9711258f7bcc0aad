package shoptest

import (
	"context"

	"agora/fault"
	"agora/shop"
)

// faultKind is the kind of a simulated fault.
type faultKind int

const (
	crashBefore faultKind = iota // the process crashes before the call takes effect
	crashAfter                   // the process crashes after the call took effect
	failBefore                   // the call fails without effect
	failAfter                    // the call takes effect and its response is lost
	noFault
)

// faults simulates a fault in one of the next calls of the store or the gateway.
type faults struct {
	kind    faultKind
	calls   int  // number of the call that fails; 1 is the next one
	crashed bool // the process has crashed, so that every call fails until the next start
}

func (f *faults) call(effect func() error) error {
	lost := fault.New(fault.Unavailable, "", "the response was lost")
	if f.crashed {
		return lost
	}
	if f.calls--; f.calls != 0 || f.kind == noFault {
		return effect()
	}
	f.crashed = f.kind == crashBefore || f.kind == crashAfter
	if f.kind == crashAfter || f.kind == failAfter {
		_ = effect()
	}
	return lost
}

// faultyStore is a store with simulated faults. It records the ids of orders in the order in which they were placed.
type faultyStore struct {
	shop.OrderStore
	faults *faults
	placed []string
}

func (s *faultyStore) Place(ctx context.Context, p shop.Placement) (claim *shop.Claim, err error) {
	err = s.faults.call(func() (err error) {
		if claim, err = s.OrderStore.Place(ctx, p); err == nil && claim == nil {
			s.placed = append(s.placed, p.Order.ID)
		}
		return err
	})
	return claim, err
}

func (s *faultyStore) Advance(ctx context.Context, t shop.Transition) error {
	return s.faults.call(func() error { return s.OrderStore.Advance(ctx, t) })
}

func (s *faultyStore) Order(ctx context.Context, id string) (order shop.Order, err error) {
	err = s.faults.call(func() (err error) { order, err = s.OrderStore.Order(ctx, id); return err })
	return order, err
}

func (s *faultyStore) ChangeStock(ctx context.Context, sku string, decide func(shop.Stock) (shop.StockChange, error)) (after shop.Stock, err error) {
	err = s.faults.call(func() (err error) { after, err = s.OrderStore.ChangeStock(ctx, sku, decide); return err })
	return after, err
}

// faultyGateway is a gateway with simulated faults, which declines some payments.
type faultyGateway struct {
	*shop.SimulatedGateway
	faults *faults
}

func (g *faultyGateway) Authorize(ctx context.Context, p shop.Payment) error {
	return g.faults.call(func() error {
		if p.Amount.Amount%1000 == 700 {
			return fault.New(fault.Declined, "payment_declined", "the payment was declined")
		}
		return g.SimulatedGateway.Authorize(ctx, p)
	})
}

func (g *faultyGateway) Capture(ctx context.Context, orderID string) error {
	return g.faults.call(func() error { return g.SimulatedGateway.Capture(ctx, orderID) })
}

func (g *faultyGateway) Void(ctx context.Context, orderID string) error {
	return g.faults.call(func() error { return g.SimulatedGateway.Void(ctx, orderID) })
}

func (g *faultyGateway) Refund(ctx context.Context, r shop.RefundPayment) error {
	return g.faults.call(func() error { return g.SimulatedGateway.Refund(ctx, r) })
}
