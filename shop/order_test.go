package shop_test

import (
	"testing"
	"time"

	"agora/fault"
	"agora/shop"
)

// TestTheOrderStateMachine applies every kind of fact to an order in every state of the diagram of shop.State.
func TestTheOrderStateMachine(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pounds := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }
	due := shop.Refund{ID: "rfd_1", Amount: pounds(100), At: at}
	order := func(state shop.State, payment shop.PaymentState, refunds ...shop.Refund) shop.Order {
		return shop.Order{
			ID: "ord_1", State: state, Payment: payment, Version: 2, Total: pounds(300), Refunds: refunds,
			Lines: []shop.Line{{SKU: "A", Quantity: 3, Price: pounds(100)}},
		}
	}
	start := map[string]shop.Order{
		"nothing":   {},
		"pending":   order(shop.Pending, shop.PaymentOpen),
		"confirmed": order(shop.Confirmed, shop.PaymentPaid),
		"due":       order(shop.Confirmed, shop.PaymentPaid, due),
		"declined":  order(shop.Cancelled, shop.PaymentDeclined),
		"void due":  order(shop.Cancelled, shop.PaymentVoidDue),
		"voided":    order(shop.Cancelled, shop.PaymentVoided),
		"refund":    order(shop.Cancelled, shop.PaymentPaid, due),
	}
	placed := order(shop.Pending, shop.PaymentOpen)
	facts := map[string]struct {
		kind string
		fact shop.Fact
	}{
		"place":    {shop.OrderPlaced, shop.Fact{Order: &placed}},
		"import":   {shop.OrderImported, shop.Fact{Order: &placed}},
		"confirm":  {shop.OrderConfirmed, shop.Fact{}},
		"reduce":   {shop.OrderReduced, shop.Fact{Lines: []shop.LineUnits{{Line: 0, Quantity: 1}}, Refund: &due}},
		"decline":  {shop.OrderCancelled, shop.Fact{Reason: shop.ReasonDeclined}},
		"expire":   {shop.OrderCancelled, shop.Fact{Reason: shop.ReasonExpired}},
		"short":    {shop.OrderCancelled, shop.Fact{Reason: shop.ReasonShort, Refund: &due}},
		"cancel":   {shop.OrderCancelled, shop.Fact{Reason: shop.ReasonCustomer}},
		"refunded": {shop.OrderRefunded, shop.Fact{Refund: &due}},
		"void":     {shop.OrderVoided, shop.Fact{}},
		"else":     {shop.StockChanged, shop.Fact{}},
	}
	// All other combinations are refused.
	allowed := map[[2]string]string{
		{"nothing", "place"}:    "pending open",
		{"nothing", "import"}:   "pending open",
		{"pending", "confirm"}:  "confirmed paid",
		{"pending", "decline"}:  "cancelled declined",
		{"pending", "expire"}:   "cancelled void_due",
		{"pending", "short"}:    "cancelled paid",
		{"pending", "cancel"}:   "cancelled void_due",
		{"confirmed", "reduce"}: "confirmed paid",
		{"confirmed", "cancel"}: "cancelled paid",
		{"due", "reduce"}:       "confirmed paid",
		{"due", "cancel"}:       "cancelled paid",
		{"due", "refunded"}:     "confirmed paid",
		{"void due", "void"}:    "cancelled voided",
		{"refund", "refunded"}:  "cancelled paid",
	}
	for from, before := range start {
		for name, f := range facts {
			after, err := before.Apply(f.kind, at, f.fact)
			want, ok := allowed[[2]string{from, name}]
			switch {
			case !ok && err == nil:
				t.Errorf("%s, %s: became %s %s, want it refused", from, name, after.State, after.Payment)
			case ok && err != nil:
				t.Errorf("%s, %s: %v", from, name, err)
			case ok && string(after.State)+" "+string(after.Payment) != want:
				t.Errorf("%s, %s: became %s %s, want %s", from, name, after.State, after.Payment, want)
			case ok && from != "nothing" && (after.Version != 3 || !after.UpdatedAt.Equal(at)):
				t.Errorf("%s, %s: is at version %d of %v, want 3 of %v", from, name, after.Version, after.UpdatedAt, at)
			}
		}
		for _, l := range before.Lines {
			if l.Cancelled != 0 {
				t.Errorf("%s was changed by applying facts to it: %+v", from, before)
			}
		}
		for _, r := range before.Refunds {
			if r.Paid {
				t.Errorf("%s was changed by applying facts to it: %+v", from, before)
			}
		}
	}
}

func TestReducingByMissingUnitsIsRefused(t *testing.T) {
	order := shop.Order{State: shop.Confirmed, Version: 2, Lines: []shop.Line{{Quantity: 3, Cancelled: 1}}}
	for _, l := range []shop.LineUnits{{Line: 1, Quantity: 1}, {Line: -1, Quantity: 1}, {Quantity: 3}, {Quantity: 0}, {Quantity: -1}} {
		if after, err := order.Apply(shop.OrderReduced, time.Now(), shop.Fact{Lines: []shop.LineUnits{l}}); err == nil {
			t.Errorf("reduced by %+v, the order is %+v", l, after)
		}
	}
	if _, err := order.Apply(shop.OrderReduced, time.Now(), shop.Fact{Lines: []shop.LineUnits{{Quantity: 2}, {Quantity: 1}}}); err == nil {
		t.Error("a line was given back twice")
	}
}

func TestOnlyAPendingOrderIsDeclined(t *testing.T) {
	paid := shop.Order{State: shop.Confirmed, Payment: shop.PaymentPaid, Version: 2, Total: shop.Money{Amount: 1, Currency: "GBP"}}
	for _, reason := range []shop.Reason{shop.ReasonDeclined, shop.ReasonExpired, shop.ReasonShort} {
		if _, err := paid.Apply(shop.OrderCancelled, time.Now(), shop.Fact{Reason: reason}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a paid order was cancelled as %s: %v", reason, err)
		}
	}
}
