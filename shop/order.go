package shop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"agora/fault"
)

// State is the state of an order.
//
//	   place: units are held, the payment begins
//	     │
//	     ▼
//	 ┌───────┐  paid: held units are sold   ┌─────────┐
//	 │pending│ ───────────────────────────▶ │confirmed│ ◀─┐ reduce: some units go back,
//	 └───────┘                              └─────────┘ ──┘ their price is refunded
//	     │ declined · expired · short             │
//	     │ cancelled by the customer              │ cancel: all units go back,
//	     ▼                                        │ all that was paid is refunded
//	┌─────────┐                                   │
//	│cancelled│ ◀─────────────────────────────────┘
//	└─────────┘
//
// A cancelled order stays cancelled. In every state, a due refund may become paid. Apply refuses all other changes.
type State string

const (
	Pending   State = "pending"
	Confirmed State = "confirmed"
	Cancelled State = "cancelled"
)

// Reason says why an order was cancelled.
type Reason string

const (
	ReasonDeclined Reason = "declined" // the payment was declined
	ReasonExpired  Reason = "expired"  // it was not paid before the hold ended
	ReasonShort    Reason = "short"    // the stock did not cover it any more when it was paid; the payment is refunded
	ReasonCustomer Reason = "customer" // the customer cancelled it
)

// PaymentState is the state of an order's payment.
type PaymentState string

const (
	PaymentOpen     PaymentState = "open"     // requested; whether it was captured is unknown
	PaymentPaid     PaymentState = "paid"     // captured; the order's refunds say what is paid back
	PaymentDeclined PaymentState = "declined" // declined by the bank
	PaymentVoidDue  PaymentState = "void_due" // the order is cancelled; whatever was captured has to be paid back
	PaymentVoided   PaymentState = "voided"   // whatever was captured was paid back
)

// Line is a quantity of one product, at the product's price when the order was placed.
type Line struct {
	ProductID string `json:"product_id" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	SKU       string `json:"sku" example:"LAMP-01"`
	Seller    string `json:"seller" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Name      string `json:"name" example:"Desk lamp"`
	Quantity  int64  `json:"quantity" example:"1"`
	Cancelled int64  `json:"cancelled,omitempty" doc:"Units that were given back, of Quantity" example:"0"`
	Price     Money  `json:"price" doc:"Price of one unit"`
}

// Refund is money that is paid back to the customer. It is due until the gateway has paid it.
type Refund struct {
	ID     string    `json:"id" example:"ref_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Amount Money     `json:"amount"`
	Paid   bool      `json:"paid" example:"true"`
	At     time.Time `json:"at" doc:"When it was decided"`
}

// Order is a customer's order. Version is the number of its facts in the journal.
type Order struct {
	ID        string       `json:"id" example:"ord_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	UserID    string       `json:"user_id" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	State     State        `json:"state" enum:"pending,confirmed,cancelled" example:"confirmed"`
	Reason    Reason       `json:"reason,omitempty" doc:"Why it was cancelled" enum:"declined,expired,short,customer"`
	Payment   PaymentState `json:"payment" enum:"open,paid,declined,void_due,voided" example:"paid"`
	Lines     []Line       `json:"lines"`
	Total     Money        `json:"total" doc:"Price of all lines as ordered"`
	Refunds   []Refund     `json:"refunds,omitempty"`
	Version   uint64       `json:"version" example:"2"`
	PlacedAt  time.Time    `json:"placed_at"`
	UpdatedAt time.Time    `json:"updated_at"`
	HoldUntil time.Time    `json:"hold_until" doc:"Until when the units of a pending order are held"`
	Reference string       `json:"reference,omitempty" doc:"Number of the order in the system it was imported from"`
}

// maxTotal is the largest total of an order: the largest number up to which JSON readers with floating-point numbers
// read each integer exactly (RFC 8259, section 6).
const maxTotal = 1<<53 - 1

// Units are a quantity of one SKU.
type Units struct {
	SKU      string
	Quantity int64
}

// Units returns the units of each SKU that are not cancelled, sorted by SKU. Transactions lock stock in this order, so that
// they cannot deadlock.
func (o Order) Units() []Units {
	sums := map[string]int64{}
	for _, l := range o.Lines {
		if left := l.Quantity - l.Cancelled; left > 0 {
			sums[l.SKU] += left
		}
	}
	return sortedUnits(sums)
}

// totalOf returns the total price of the lines, which must not be empty. It fails with fault.Invalid, which names the line,
// for a second currency and for a total over maxTotal.
func totalOf(lines []Line) (Money, error) {
	sum := Money{0, lines[0].Price.Currency}
	for i, l := range lines {
		if l.Price.Currency != sum.Currency {
			return Money{}, fault.ErrInvalid(fmt.Sprintf("lines[%d].product_id", i),
				"is priced in %s, the lines before it in %s; one order has one currency", l.Price.Currency, sum.Currency)
		}
		price, err := l.Price.Times(l.Quantity)
		if err == nil {
			sum, err = sum.Add(price)
		}
		if err != nil || sum.Amount > maxTotal {
			return Money{}, fault.ErrInvalid(fmt.Sprintf("lines[%d].quantity", i), "makes a total over %d", int64(maxTotal))
		}
	}
	return sum, nil
}

// moves returns a move of stock for each SKU, which changes OnHand and Held by the units times onHand and times held.
func moves(units []Units, onHand, held int64) []Move {
	all := make([]Move, len(units))
	for i, u := range units {
		all[i] = Move{SKU: u.SKU, OnHand: onHand * u.Quantity, Held: held * u.Quantity}
	}
	return all
}

func sortedUnits(sums map[string]int64) []Units {
	units := make([]Units, 0, len(sums))
	for _, sku := range slices.Sorted(maps.Keys(sums)) {
		units = append(units, Units{sku, sums[sku]})
	}
	return units
}

// left returns the price of the units that are not cancelled. The sum cannot overflow, because it is part of Total.
func (o Order) left() Money {
	sum := Money{0, o.Total.Currency}
	for _, l := range o.Lines {
		sum.Amount += l.Price.Amount * (l.Quantity - l.Cancelled)
	}
	return sum
}

// Refunded returns the sum of all refunds, due and paid.
func (o Order) Refunded() Money {
	sum := Money{0, o.Total.Currency}
	for _, r := range o.Refunds {
		sum.Amount += r.Amount.Amount
	}
	return sum
}

// permits returns an error for a fact that the diagram of State does not have in the order's state. Apply checks the facts
// about payments and refunds by itself.
func (o Order) permits(kind string, reason Reason) error {
	from := []State{Pending}
	switch {
	case kind == OrderReduced:
		from = []State{Confirmed}
	case kind == OrderCancelled && reason == ReasonCustomer:
		from = []State{Pending, Confirmed}
	}
	if slices.Contains(from, o.State) {
		return nil
	}
	return errOrderState("the order is " + string(o.State) + " and cannot be " + strings.TrimPrefix(kind, "order."))
}

// openStep returns the next step of the order's checkout, or "" if the checkout is finished. It depends only on the order:
// the saga record only adds when the step is due.
func (o Order) openStep() string {
	switch {
	case o.State == Pending:
		return stepPay
	case o.Payment == PaymentVoidDue:
		return stepVoid
	case o.nextRefund() != nil:
		return stepRefund
	default:
		return ""
	}
}

// nextRefund returns the first due refund, or nil.
func (o Order) nextRefund() *Refund {
	for _, r := range o.Refunds {
		if !r.Paid {
			return &r
		}
	}
	return nil
}

// clone returns a copy whose lines and refunds can be changed without changing those of o.
func (o Order) clone() Order {
	o.Lines = slices.Clone(o.Lines)
	o.Refunds = slices.Clone(o.Refunds)
	return o
}
