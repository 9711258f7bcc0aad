package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"agora/pattern/journal"
)

// The kinds of facts in the journal. They are also the kinds of events on the event log.
const (
	OrderPlaced    = "order.placed"    // Order
	OrderConfirmed = "order.confirmed" // it was paid
	OrderReduced   = "order.reduced"   // Lines, Refund
	OrderCancelled = "order.cancelled" // Reason, and Refund if it was paid
	OrderRefunded  = "order.refunded"  // Refund was paid
	OrderVoided    = "order.voided"    // whatever was paid for the cancelled order went back
	OrderImported  = "order.imported"  // Order, as another system had it
	CreditImported = "credit.imported" // Credit, as another system had it
	StockChanged   = "stock.changed"   // SKU, Change, Note
)

// Fact is the body of a journal entry: what happened, and the postings that it makes in the ledger. Only
// the fields that the entry's kind names are set.
type Fact struct {
	Order    *Order      `json:"order,omitempty"`
	Credit   *Credit     `json:"credit,omitempty"`
	Reason   Reason      `json:"reason,omitempty"`
	Lines    []LineUnits `json:"lines,omitempty"`
	Refund   *Refund     `json:"refund,omitempty"`
	SKU      string      `json:"sku,omitempty"`
	Change   int64       `json:"change,omitempty"` // units, of stock on hand
	Note     string      `json:"note,omitempty"`   // why, in the words of who changed the stock
	Postings []Posting   `json:"postings,omitempty"`
}

// LineUnits are units of one line of an order; Line counts from 0.
type LineUnits struct {
	Line     int   `json:"line" minimum:"0"`
	Quantity int64 `json:"quantity" minimum:"1"`
}

// StockStream returns the name of a SKU's stream in the journal.
func StockStream(sku string) string { return "stock/" + sku }

// entry returns the journal entry of a fact.
func entry(stream string, version uint64, kind string, at time.Time, fact Fact) journal.Entry {
	body, err := json.Marshal(fact)
	if err != nil {
		panic("shop: a fact cannot be encoded: " + err.Error())
	}
	return journal.Entry{Stream: stream, Version: version, Kind: kind, At: at, Body: body}
}

// DecodeFact reads the body of a journal entry or event.
func DecodeFact(body []byte) (Fact, error) {
	var fact Fact
	if err := json.Unmarshal(body, &fact); err != nil {
		return Fact{}, fmt.Errorf("decode a fact: %w", err)
	}
	return fact, nil
}

// Apply returns the order after a fact. It is the only way in which an order changes, so that an order is
// always the fold of its stream: in the checkout, in the read model and when it is verified.
func (o Order) Apply(kind string, at time.Time, fact Fact) (Order, error) {
	if kind == OrderPlaced || kind == OrderImported {
		if o.Version != 0 || fact.Order == nil {
			return o, fmt.Errorf("%s does not begin the order", kind)
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

// afterCancelling returns where the money is after an order was cancelled for the reason.
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
