package shop

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/ident"
)

// maxRefunds limits how often units of one order are given back, because the order stores each refund.
const maxRefunds = 100

// CancelRequest names the units of an order that are given back. Without lines, it names all remaining units.
type CancelRequest struct {
	Lines   []LineUnits `json:"lines,omitempty" maxItems:"100"`
	Version uint64      `json:"version,omitempty" doc:"Version of the order that this is about; a repeat after a lost answer is then refused instead of giving back more"`
}

// validate returns one Invalid fault that names every line that the order cannot give back, or nil.
func (r CancelRequest) validate(o Order) error {
	var c fault.Collector
	c.Check(len(r.Lines) <= maxLines, "lines", "has more than %d lines", maxLines)
	c.Check(r.Lines == nil || len(r.Lines) > 0, "lines", "is empty; without it, all that is left is given back")
	seen := map[int]bool{}
	for i, l := range r.Lines[:min(len(r.Lines), maxLines)] {
		if l.Line < 0 || l.Line >= len(o.Lines) {
			c.Add(fmt.Sprintf("lines[%d].line", i), "is not between 0 and %d", len(o.Lines)-1)
			continue
		}
		c.Check(!seen[l.Line], fmt.Sprintf("lines[%d].line", i), "is named twice")
		seen[l.Line] = true
		left := o.Lines[l.Line].Quantity - o.Lines[l.Line].Cancelled
		c.Check(l.Quantity >= 1 && l.Quantity <= left, fmt.Sprintf("lines[%d].quantity", i), "is not between 1 and the %d units left", left)
	}
	return c.Err()
}

// Cancel gives units of an order back and refunds their price. A pending order can only be cancelled as a whole. If the
// gateway is unavailable, the refund stays due, and the saga runner pays it later. Cancel fails with fault.Stale if the
// order is not at the requested version.
func (s *Orders) Cancel(ctx context.Context, actor Actor, id string, request CancelRequest) (Order, error) {
	const tries = 5 // a try fails if the order is changed between its read and its write
	for range tries {
		order, err := s.Get(ctx, actor, id)
		if err != nil {
			return Order{}, err
		}
		if request.Version != 0 && request.Version != order.Version {
			return Order{}, errOrderVersion(order.Version)
		}
		after, err := s.giveBack(context.WithoutCancel(ctx), order, request)
		if !fault.Is(err, fault.Stale) {
			return after, err
		}
	}
	return Order{}, errOrderBusy()
}

func (s *Orders) giveBack(ctx context.Context, order Order, request CancelRequest) (Order, error) {
	if err := order.permits(OrderCancelled, ReasonCustomer); err != nil {
		return Order{}, err
	}
	if order.State == Pending && len(request.Lines) > 0 {
		return Order{}, errOrderPending()
	}
	if err := request.validate(order); err != nil {
		return Order{}, err
	}
	if order.State == Pending {
		return s.cancel(ctx, order, ReasonCustomer)
	}
	return s.reduce(ctx, order, request.Lines)
}

// cancel cancels a pending order: the held units are for sale again, and a payment is voided or refunded.
func (s *Orders) cancel(ctx context.Context, order Order, reason Reason) (Order, error) {
	units := order.Units()
	fact := Fact{Reason: reason, Postings: moveUnits(Held, Available, units)}
	if reason == ReasonShort {
		fact.Refund = &Refund{ID: ident.New(ident.Refund), Amount: order.Total, At: now()}
		fact.Postings = append(fact.Postings, moveMoney(RefundsDue, GatewayAccount, order.Total)...)
	}
	cancelled, err := s.advance(ctx, order, OrderCancelled, fact, moves(units, 0, -1))
	if err != nil {
		return order, err
	}
	return s.compensate(ctx, cancelled), nil
}

// reduce gives back units of a confirmed order. If no units are left, the order is cancelled.
func (s *Orders) reduce(ctx context.Context, order Order, lines []LineUnits) (Order, error) {
	if len(lines) > 0 && len(order.Refunds) >= maxRefunds {
		return Order{}, errTooManyRefunds()
	}
	kind, fact := OrderReduced, Fact{Lines: lines}
	after := order.clone()
	if err := after.reduce(lines); err != nil {
		return Order{}, err
	}
	if len(lines) == 0 || len(after.Units()) == 0 {
		kind, fact = OrderCancelled, Fact{Reason: ReasonCustomer}
		after.giveBackAll()
	}
	units := difference(order.Units(), after.Units())
	refund := Money{order.left().Amount - after.left().Amount, order.Total.Currency}
	if refund.Amount > 0 {
		fact.Refund = &Refund{ID: ident.New(ident.Refund), Amount: refund, At: now()}
	}
	fact.Postings = append(moveUnits(Sold, Available, units), moveMoney(RefundsDue, Refunds, refund)...)
	changed, err := s.advance(ctx, order, kind, fact, moves(units, 1, 0))
	if err != nil {
		return Order{}, err
	}
	return s.compensate(ctx, changed), nil
}

// difference returns the units of before that are not in after.
func difference(before, after []Units) []Units {
	sums := map[string]int64{}
	for _, u := range before {
		sums[u.SKU] += u.Quantity
	}
	for _, u := range after {
		if sums[u.SKU] -= u.Quantity; sums[u.SKU] == 0 {
			delete(sums, u.SKU)
		}
	}
	return sortedUnits(sums)
}
