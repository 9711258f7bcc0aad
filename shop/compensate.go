package shop

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/pattern/saga"
)

// compensate tries the step that a cancellation left open at once. If that fails, the saga runner goes on
// with it.
func (s *Orders) compensate(ctx context.Context, order Order) Order {
	var err error
	switch order.openStep() {
	case stepVoid:
		order, err = s.void(ctx, order)
	case stepRefund:
		order, err = s.refund(ctx, order)
	}
	if err != nil {
		s.log.Warn("compensation is delayed; the checkout goes on by itself", "order", order.ID, "error", err)
	}
	return order
}

// Steps are what the saga runner drives: checkouts that a crash left behind, and those that wait for a
// gateway that is away.
func (s *Orders) Steps() map[string]saga.Step {
	return map[string]saga.Step{
		stepPay:    s.resume(s.payOrExpire),
		stepVoid:   s.resume(s.void),
		stepRefund: s.resume(s.refund),
	}
}

// resume makes a step of the runner from a step of an order. A record whose order moved on is left to the
// record that came with the move.
func (s *Orders) resume(step func(context.Context, Order) (Order, error)) saga.Step {
	return func(ctx context.Context, r saga.Record) error {
		order, err := s.store.Order(ctx, r.ID)
		if err != nil || order.openStep() != r.Step {
			return err
		}
		if _, err = step(ctx, order); fault.Is(err, fault.Stale) {
			return nil
		}
		return err
	}
}

// void makes sure that no money of a cancelled order stays, whether or not any came in.
func (s *Orders) void(ctx context.Context, order Order) (Order, error) {
	if err := s.gateway.Void(ctx, order.ID); err != nil {
		return order, fmt.Errorf("void: %w", err)
	}
	return s.advance(ctx, order, OrderVoided, Fact{}, nil)
}

// refund pays the refunds that are due, one after the other.
func (s *Orders) refund(ctx context.Context, order Order) (Order, error) {
	for {
		due := order.nextRefund()
		if due == nil {
			return order, nil
		}
		err := s.gateway.Refund(ctx, RefundPayment{ID: due.ID, OrderID: order.ID, Amount: due.Amount})
		if err != nil {
			return order, fmt.Errorf("refund %s: %w", due.ID, err)
		}
		fact := Fact{Refund: due, Postings: moveMoney(GatewayAccount, RefundsDue, due.Amount)}
		if order, err = s.advance(ctx, order, OrderRefunded, fact, nil); err != nil {
			return order, err
		}
	}
}
