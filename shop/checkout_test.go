package shop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/shop"
)

func TestACheckoutIsConfirmed(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("B", 1000, 5, "GBP")
	s.notified.Store(0)
	order := s.mustPlace(shop.Confirmed, s.line("A", 2), s.line("B", 1), s.line("A", 1))
	if order.Total != (shop.Money{Amount: 1450, Currency: "GBP"}) || order.Payment != shop.PaymentPaid {
		t.Errorf("order = %+v, want 14.50 GBP, paid", order)
	}
	if got := s.stored(order.ID); got.Version != 2 || got.State != shop.Confirmed {
		t.Errorf("stored order = %+v, want it confirmed at version 2", got)
	}
	s.wantStock("A", 7, 0)
	s.wantStock("B", 4, 0)
	s.wantBalance(order.ID, 1450)
	if got := s.notified.Load(); got != 2 {
		t.Errorf("Notify was called %d times, want one call per change", got)
	}
	s.audit()
}

func TestADeclinedPaymentCancels(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{Decline: 1})
	s.sell("A", 150, 10, "GBP")
	for range 2 { // the repeat has the same result
		order, err := s.place("key", s.line("A", 2))
		wantFault(t, err, fault.Declined, "payment_declined")
		if order.State != shop.Cancelled || order.Reason != shop.ReasonDeclined || order.Payment != shop.PaymentDeclined {
			t.Errorf("order = %+v, want it cancelled as declined", order)
		}
		s.wantBalance(order.ID, 0)
	}
	s.wantStock("A", 10, 0)
	s.audit()
}

func TestShortStockNamesEachLine(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 3, "GBP")
	s.sell("B", 150, 3, "GBP")
	s.sell("C", 150, 0, "GBP")
	_, err := s.place("", s.line("A", 2), s.line("B", 3), s.line("C", 1), s.line("A", 2))
	wantFault(t, err, fault.Conflict, "insufficient_stock")
	if got, want := fields(err), []string{"lines[0].quantity", "lines[3].quantity", "lines[2].quantity"}; !slices.Equal(got, want) {
		t.Errorf("fields = %v, want %v", got, want)
	}
	s.wantStock("B", 3, 0)
	s.audit()
}

// fields returns the names of the offending fields.
func fields(err error) []string {
	var names []string
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestACheckoutWaitsForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{})
		s.sell("A", 150, 10, "GBP")
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.runner.Run(ctx) })

		s.gateway.SetDown(true)
		order := s.mustPlace(shop.Pending, s.line("A", 4))
		s.wantStock("A", 10, 4)
		time.Sleep(hold / 2)
		if got := s.stored(order.ID); got.State != shop.Pending {
			t.Errorf("while the gateway is down, the order is %s, want it pending", got.State)
		}
		s.gateway.SetDown(false)
		time.Sleep(hold / 4)
		if got := s.stored(order.ID); got.State != shop.Confirmed {
			t.Errorf("after the gateway is up again, the order is %s, want it confirmed", got.State)
		}
		s.wantStock("A", 6, 0)
		s.wantBalance(order.ID, 600)
		stop()
		running.Wait()
		s.audit()
	})
}

func TestAHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{})
		s.sell("A", 150, 10, "GBP")
		s.gateway.SetDown(true)
		order := s.mustPlace(shop.Pending, s.line("A", 4))
		time.Sleep(hold)
		if _, err := s.runner.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.stored(order.ID); got.State != shop.Cancelled || got.Reason != shop.ReasonExpired || got.Payment != shop.PaymentVoidDue {
			t.Errorf("after the hold the order = %+v, want it expired with a void that is due", got)
		}
		s.wantStock("A", 10, 0)
		s.audit()
		s.gateway.SetDown(false)
		s.runSteps()
		if got := s.stored(order.ID); got.Payment != shop.PaymentVoided {
			t.Errorf("after the gateway is up again, the payment is %s, want it voided", got.Payment)
		}
		wantFault(t, s.gateway.Authorize(t.Context(), shop.Payment{OrderID: order.ID}), fault.Conflict, "payment_voided")
		s.audit()
	})
}

// TestLostCallsDoNotFalsifyPayments lets half of all calls of the gateway fail, before or after their effect.
func TestLostCallsDoNotFalsifyPayments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{Outage: 0.5, Decline: 0.1})
		s.sell("A", 150, 60, "GBP")
		for i := range 100 {
			order, err := s.place("", s.line("A", 1))
			if i%3 == 0 && err == nil {
				_, err = s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{})
			}
			if err != nil && !fault.Is(err, fault.Declined) && fault.CodeOf(err) != "insufficient_stock" {
				t.Fatal(err)
			}
		}
		s.runSteps()
		s.audit()
		var confirmed int64
		err := s.store.EachOrder(t.Context(), func(o shop.Order) error {
			want := int64(0)
			if o.State == shop.Confirmed {
				want = 150
				confirmed++
			}
			s.wantBalance(o.ID, want)
			return nil
		})
		if err != nil || confirmed == 0 {
			t.Errorf("%d orders are confirmed, %v; want some", confirmed, err)
		}
		s.wantStock("A", 60-confirmed, 0)
	})
}

// hookedGateway is a gateway that calls a function after each capture, before it returns.
type hookedGateway struct {
	shop.Gateway
	captured func()
}

func (g hookedGateway) Capture(ctx context.Context, orderID string) error {
	err := g.Gateway.Capture(ctx, orderID)
	g.captured()
	return err
}

func TestPaidButShortIsRefunded(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	gateway := hookedGateway{s.gateway, func() { s.setOnHand("A", 3) }} // a stocktaking finds fewer units than are held
	s.orders = shop.NewOrders(s.store, s.products, gateway, shop.OrdersOptions{Hold: hold, Log: quiet(), Notify: func() {}})
	order, err := s.place("", s.line("A", 4))
	wantFault(t, err, fault.Conflict, "insufficient_stock")
	if order.Reason != shop.ReasonShort || len(order.Refunds) != 1 || !order.Refunds[0].Paid || order.Refunds[0].Amount.Amount != 600 {
		t.Errorf("order = %+v, want the reason short and a paid refund of 6.00", order)
	}
	s.wantStock("A", 3, 0)
	s.wantBalance(order.ID, 0)
	s.audit()
}

func TestARepeatOfAnOrderPaidButShortFailsTheSame(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	gateway := hookedGateway{s.gateway, func() { s.setOnHand("A", 3) }}
	s.orders = shop.NewOrders(s.store, s.products, gateway, shop.OrdersOptions{Hold: hold, Log: quiet(), Notify: func() {}})
	for range 2 {
		_, err := s.place("key", s.line("A", 4))
		wantFault(t, err, fault.Conflict, "insufficient_stock")
	}
}

func TestATotalThatJSONReadersWouldRoundIsRefused(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 1<<33, 10, "GBP")
	s.sell("B", 1, 10_000_000, "GBP")
	_, err := s.place("", s.line("A", 1_000_000), s.line("B", 1))
	wantFault(t, err, fault.Conflict, "insufficient_stock") // the total is below the limit
	_, err = s.place("", s.line("B", 1), s.line("A", 1_000_000), s.line("A", 1_000_000))
	wantFault(t, err, fault.Invalid, "invalid")
	if want := []string{"lines[2].quantity"}; !slices.Equal(fields(err), want) {
		t.Errorf("the error names %v, want %v", fields(err), want)
	}
}

func TestAKeyWithControlCharactersIsRefused(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	_, err := s.place("a\nb", s.line("A", 1))
	wantFault(t, err, fault.Invalid, "invalid")
}

func TestARepeatedRequestGetsItsOrder(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	first, err := s.place("key", s.line("A", 2))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.place("key", s.line("A", 2))
	if err != nil || again.ID != first.ID {
		t.Errorf("the repeat = %s, %v; want order %s", again.ID, err, first.ID)
	}
	_, err = s.place("key", s.line("A", 3))
	wantFault(t, err, fault.Invalid, "idempotency_key_reused")
	other, err := s.orders.Place(t.Context(), "usr_other", "key", shop.OrderRequest{Lines: []shop.LineRequest{s.line("A", 2)}})
	if err != nil || other.ID == first.ID {
		t.Errorf("the same key of another customer = %s, %v; want an order of its own", other.ID, err)
	}
	s.wantStock("A", 6, 0)
	s.audit()
}

func TestARepeatDuringTheFirstRequestIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{Latency: time.Second})
		s.sell("A", 150, 10, "GBP")
		var first shop.Order
		var err error
		done := make(chan struct{})
		go func() {
			first, err = s.place("key", s.line("A", 2))
			close(done)
		}()
		synctest.Wait()
		_, early := s.place("key", s.line("A", 2))
		wantFault(t, early, fault.Conflict, "in_flight")
		<-done
		again, late := s.place("key", s.line("A", 2))
		if err != nil || late != nil || again.ID != first.ID || again.State != shop.Confirmed {
			t.Errorf("the first request = %v, and the repeat = %s %s, %v; want the same order, confirmed", err, again.ID, again.State, late)
		}
	})
}

func TestConcurrentRepeatsMakeOneOrder(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 100, "GBP")
	var clients sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 32 {
		clients.Go(func() {
			order, err := s.place("key", s.line("A", 2))
			if err != nil && fault.CodeOf(err) != "in_flight" {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				seen[order.ID] = true
			}
		})
	}
	clients.Wait()
	if len(seen) != 1 {
		t.Errorf("%d orders were made, want 1", len(seen))
	}
	s.wantStock("A", 98, 0)
	s.audit()
}

func TestACheckoutGoesOnWhenTheCustomerDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{Latency: time.Second})
		s.sell("A", 150, 10, "GBP")
		ctx, disconnect := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer disconnect()
		order, err := s.orders.Place(ctx, customer.ID, "", shop.OrderRequest{Lines: []shop.LineRequest{s.line("A", 2)}})
		if err != nil || order.State != shop.Confirmed {
			t.Errorf("place = %s, %v; want it confirmed", order.State, err)
		}
	})
}

func TestWhatCannotBeOrdered(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("expensive", (1<<53-1)/2, 10, "GBP")
	s.sell("euro", 150, 10, "EUR")
	before := len(journalOf(t, s.store))
	unknown := shop.LineRequest{ProductID: ident.New(ident.Product), Quantity: 1}
	tests := []struct {
		name  string
		key   string
		lines []shop.LineRequest
		want  []string
	}{
		{"nothing", "", nil, []string{"lines"}},
		{"more lines than allowed", "", slices.Repeat([]shop.LineRequest{s.line("A", 1)}, 101), []string{"lines"}},
		{"no units", "", []shop.LineRequest{s.line("A", 0)}, []string{"lines[0].quantity"}},
		{"negative units", "", []shop.LineRequest{s.line("A", -1)}, []string{"lines[0].quantity"}},
		{"too many units", "", []shop.LineRequest{s.line("A", 1), s.line("A", 1_000_001)}, []string{"lines[1].quantity"}},
		{"a malformed product id", "", []shop.LineRequest{{ProductID: "lamp", Quantity: 1}}, []string{"lines[0].product_id"}},
		{"a product that does not exist", "", []shop.LineRequest{s.line("A", 1), unknown}, []string{"lines[1].product_id"}},
		{"two currencies", "", []shop.LineRequest{s.line("A", 1), s.line("euro", 1)}, []string{"lines[1].product_id"}},
		{"one price over the largest amount", "", []shop.LineRequest{s.line("expensive", 3)}, []string{"lines[0].quantity"}},
		{"a sum over the largest amount", "", []shop.LineRequest{s.line("expensive", 2), s.line("expensive", 1)}, []string{"lines[1].quantity"}},
		{"a key that is too long", strings.Repeat("k", 256), []shop.LineRequest{s.line("A", 1)}, []string{"Idempotency-Key"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.place(tt.key, tt.lines...)
			if !fault.Is(err, fault.Invalid) || !slices.Equal(fields(err), tt.want) {
				t.Errorf("place = %v with fields %v, want fault.Invalid with %v", err, fields(err), tt.want)
			}
		})
	}
	if after := len(journalOf(t, s.store)); after != before {
		t.Errorf("%d facts were added, want none", after-before)
	}
}

func TestOrdersOfOthersDoNotExist(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 1))
	history := shop.NewOrderHistory(shop.NewMemoryViews(), s.store)
	for _, actor := range []shop.Actor{{}, {ID: "usr_other"}, merchant} {
		_, get := s.orders.Get(t.Context(), actor, order.ID)
		_, cancel := s.orders.Cancel(t.Context(), actor, order.ID, shop.CancelRequest{})
		_, steps := history.Steps(t.Context(), actor, order.ID)
		for _, err := range []error{get, cancel, steps} {
			wantFault(t, err, fault.NotFound, "not_found")
		}
	}
	if _, err := s.orders.Get(t.Context(), admin, order.ID); err != nil {
		t.Errorf("an admin gets %v", err)
	}
	if steps, err := history.Steps(t.Context(), customer, order.ID); err != nil || len(steps) != 2 || steps[1].Kind != shop.OrderConfirmed {
		t.Errorf("the customer gets the steps %+v, %v", steps, err)
	}
	_, err := s.orders.Get(t.Context(), admin, "ord_?")
	wantFault(t, err, fault.Invalid, "invalid")
}

func TestOrdersNeedNoOptions(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.orders = shop.NewOrders(s.store, s.products, s.gateway, shop.OrdersOptions{})
	s.mustPlace(shop.Confirmed, s.line("A", 1))
	s.gateway.SetDown(true)
	if order := s.mustPlace(shop.Pending, s.line("A", 1)); order.HoldUntil.Sub(order.PlacedAt) < time.Minute {
		t.Errorf("units are held for %v only", order.HoldUntil.Sub(order.PlacedAt))
	}
}

func TestARepeatIgnoresChangesOfTheCatalogue(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("B", 1000, 5, "GBP")
	lines := []shop.LineRequest{s.line("A", 1), s.line("B", 1)}
	first, err := s.place("key", lines...)
	if err != nil {
		t.Fatal(err)
	}
	repriced := s.products["B"]
	repriced.Price.Currency = "EUR"
	s.products["B"] = repriced
	again, err := s.place("key", lines...)
	if err != nil || again.ID != first.ID {
		t.Errorf("the repeat = %s, %v; want order %s", again.ID, err, first.ID)
	}
	_, err = s.place("key", s.line("B", 1), s.line("A", 1))
	wantFault(t, err, fault.Invalid, "idempotency_key_reused")
	_, err = s.place("other", lines...)
	wantFault(t, err, fault.Invalid, "invalid")
	if e, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(e.Message, "is priced in EUR, the lines before it in GBP") {
		t.Errorf("error = %v, want both currencies named", err)
	}
}

// unreadableClaims is a store whose claims cannot be read.
type unreadableClaims struct{ *shop.MemoryOrders }

func (unreadableClaims) Claimed(context.Context, string) (*shop.Claim, error) {
	return nil, fault.New(fault.Unavailable, "", "the store is unavailable")
}

func TestAKeyThatCannotBeReadIsUnavailable(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("B", 1000, 5, "EUR")
	orders := shop.NewOrders(unreadableClaims{s.store}, s.products, s.gateway, shop.OrdersOptions{Log: quiet()})
	_, err := orders.Place(t.Context(), customer.ID, "key", shop.OrderRequest{Lines: []shop.LineRequest{s.line("A", 1), s.line("B", 1)}})
	wantFault(t, err, fault.Unavailable, "unavailable")
}
