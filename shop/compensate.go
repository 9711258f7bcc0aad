package shop

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/pattern/saga"
)

// compensate runs the next step of a cancelled order, if it has one. The saga runner retries a step that fails.
func (s *Orders) compensate(ctx context.Context, order Order) Order {
	var err error
	switch order.openStep() {
	case stepVoid:
		order, err = s.void(ctx, order)
	case stepRefund:
		order, err = s.refund(ctx, order)
	}
	if err != nil {
		s.log.Warn("compensation is delayed; the saga runner will retry it", "order", order.ID, "error", err)
	}
	return order
}

// Steps returns the steps that the saga runner runs. It finishes checkouts that a crash interrupted, and those whose
// gateway was unavailable.
func (s *Orders) Steps() map[string]saga.Step {
	return map[string]saga.Step{
		stepPay:    s.resume(s.payOrExpire),
		stepVoid:   s.resume(s.void),
		stepRefund: s.resume(s.refund),
	}
}

// resume returns the saga step that runs a step of an order. It does nothing if the order has changed since the record was
// read, because the change has stored a record of its own.
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

// void pays back whatever was paid for a cancelled order. Whether anything was paid is unknown.
func (s *Orders) void(ctx context.Context, order Order) (Order, error) {
	if err := s.gateway.Void(ctx, order.ID); err != nil {
		return order, fmt.Errorf("void: %w", err)
	}
	return s.advance(ctx, order, OrderVoided, Fact{}, nil)
}

// refund pays the due refunds of an order, one after the other.
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
