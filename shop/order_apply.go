package shop

import (
	"errors"
	"fmt"
	"time"
)

// Apply returns the order after a fact. All changes of orders use it, so that the checkout, the read model and the audit
// make the same order from the same facts.
func (o Order) Apply(kind string, at time.Time, fact Fact) (Order, error) {
	if kind == OrderPlaced || kind == OrderImported {
		if o.Version != 0 || fact.Order == nil {
			return o, fmt.Errorf("%s can only be the first fact of an order, and needs an order", kind)
		}
		return *fact.Order, nil
	}
	next := o.clone()
	next.Version, next.UpdatedAt = o.Version+1, at
	var err error
	switch kind {
	case OrderConfirmed:
		err = o.permits(kind, "")
		next.State, next.Payment = Confirmed, PaymentPaid
	case OrderReduced:
		if err = o.permits(kind, ""); err == nil {
			err = next.reduce(fact.Lines)
		}
	case OrderCancelled:
		err = o.permits(kind, fact.Reason)
		next.State, next.Reason = Cancelled, fact.Reason
		next.Payment = o.Payment.afterCancelling(fact.Reason)
		next.giveBackAll()
	case OrderRefunded:
		err = next.markPaid(fact.Refund)
	case OrderVoided:
		err = next.markVoided()
	default:
		err = fmt.Errorf("no order has a fact %q", kind)
	}
	if err == nil && fact.Refund != nil && kind != OrderRefunded {
		next.Refunds = append(next.Refunds, *fact.Refund)
	}
	return next, err
}

func (o *Order) reduce(lines []LineUnits) error {
	for _, l := range lines {
		if l.Line < 0 || l.Line >= len(o.Lines) || l.Quantity < 1 || l.Quantity > o.Lines[l.Line].Quantity-o.Lines[l.Line].Cancelled {
			return fmt.Errorf("line %d has no %d units to give back", l.Line, l.Quantity)
		}
		o.Lines[l.Line].Cancelled += l.Quantity
	}
	return nil
}

// afterCancelling returns the state of the payment after its order is cancelled for the reason.
func (p PaymentState) afterCancelling(reason Reason) PaymentState {
	switch {
	case reason == ReasonDeclined:
		return PaymentDeclined
	case reason == ReasonShort:
		return PaymentPaid
	case p == PaymentOpen:
		return PaymentVoidDue
	default:
		return p
	}
}

func (o *Order) giveBackAll() {
	for i := range o.Lines {
		o.Lines[i].Cancelled = o.Lines[i].Quantity
	}
}

func (o *Order) markPaid(refund *Refund) error {
	for i := range o.Refunds {
		if refund != nil && o.Refunds[i].ID == refund.ID && !o.Refunds[i].Paid {
			o.Refunds[i].Paid = true
			return nil
		}
	}
	return errors.New("no such refund is due")
}

func (o *Order) markVoided() error {
	if o.Payment != PaymentVoidDue {
		return errors.New("no payment is to be voided")
	}
	o.Payment = PaymentVoided
	return nil
}
