package shop_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/shop"
)

// mustCancel gives units of an order back.
func (s *testShop) mustCancel(id string, lines ...shop.LineUnits) shop.Order {
	s.Helper()
	order, err := s.orders.Cancel(s.Context(), customer, id, shop.CancelRequest{Lines: lines})
	if err != nil {
		s.Fatal(err)
	}
	return order
}

// wantRefunds compares the amounts of an order's refunds, all of which have to be paid.
func (s *testShop) wantRefunds(o shop.Order, amounts ...int64) {
	s.Helper()
	var got []int64
	for _, r := range o.Refunds {
		got = append(got, r.Amount.Amount)
		if !r.Paid {
			s.Errorf("refund %+v is not paid", r)
		}
	}
	if !slices.Equal(got, amounts) {
		s.Errorf("refunds = %v, want %v", got, amounts)
	}
}

func TestCancellingWholeRefundsAll(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("B", 1000, 5, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 2), s.line("B", 1))
	after := s.mustCancel(order.ID)
	if after.State != shop.Cancelled || after.Reason != shop.ReasonCustomer || len(after.Units()) != 0 {
		t.Errorf("order = %+v, want it cancelled by the customer", after)
	}
	s.wantRefunds(after, 1300)
	s.wantBalance(order.ID, 0)
	s.wantStock("A", 10, 0)
	s.wantStock("B", 5, 0)
	_, err := s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{})
	wantFault(t, err, fault.Conflict, "order_state")
	s.audit()
}

func TestCancellingPartByPart(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	s.sell("B", 1000, 5, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 3), s.line("B", 2), s.line("A", 1))

	after := s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 2}, shop.LineUnits{Line: 2, Quantity: 1})
	s.wantRefunds(after, 450)
	s.wantStock("A", 9, 0)
	if after.State != shop.Confirmed || after.Lines[0].Cancelled != 2 || after.Lines[2].Cancelled != 1 {
		t.Errorf("order = %+v, want it reduced", after)
	}
	after = s.mustCancel(order.ID, shop.LineUnits{Line: 1, Quantity: 2})
	s.wantRefunds(after, 450, 2000)
	s.wantBalance(order.ID, 150)

	after = s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
	s.wantRefunds(after, 450, 2000, 150)
	if after.State != shop.Cancelled || after.Reason != shop.ReasonCustomer {
		t.Errorf("after its last unit was given back, the order is %s %s, want it cancelled by the customer", after.State, after.Reason)
	}
	s.wantBalance(order.ID, 0)
	s.wantStock("A", 10, 0)
	s.wantStock("B", 5, 0)
	s.audit()
}

func TestWhatCannotBeCancelled(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 3), s.line("A", 2))
	s.mustCancel(order.ID, shop.LineUnits{Line: 1, Quantity: 1})
	tests := []struct {
		name  string
		lines []shop.LineUnits
		want  string
	}{
		{"a line that does not exist", []shop.LineUnits{{Line: 2, Quantity: 1}}, "lines[0].line"},
		{"a negative line", []shop.LineUnits{{Line: -1, Quantity: 1}}, "lines[0].line"},
		{"a line twice", []shop.LineUnits{{Line: 0, Quantity: 1}, {Line: 0, Quantity: 1}}, "lines[1].line"},
		{"no units", []shop.LineUnits{{Line: 0}}, "lines[0].quantity"},
		{"negative units", []shop.LineUnits{{Line: 0, Quantity: -1}}, "lines[0].quantity"},
		{"more units than are left", []shop.LineUnits{{Line: 0, Quantity: 1}, {Line: 1, Quantity: 2}}, "lines[1].quantity"},
		{"too many lines", slices.Repeat([]shop.LineUnits{{Line: 0, Quantity: 1}}, 101), "lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{Lines: tt.lines})
			if !fault.Is(err, fault.Invalid) || fields(err)[0] != tt.want {
				t.Errorf("cancel = %v with fields %v, want fault.Invalid with %s first", err, fields(err), tt.want)
			}
		})
	}
	s.wantRefunds(s.stored(order.ID), 150)
	s.audit()
}

func TestCancellingALineOfACancelledOrderIsAConflict(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 3))
	s.mustCancel(order.ID)
	_, err := s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{Lines: []shop.LineUnits{{Line: 0, Quantity: 1}}})
	wantFault(t, err, fault.Conflict, "order_state")
}

func TestCancellingAPendingOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{})
		s.sell("A", 150, 10, "GBP")
		s.gateway.SetDown(true)
		order := s.mustPlace(shop.Pending, s.line("A", 3))
		_, err := s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{Lines: []shop.LineUnits{{Line: 0, Quantity: 1}}})
		wantFault(t, err, fault.Conflict, "order_pending")

		after := s.mustCancel(order.ID)
		if after.State != shop.Cancelled || after.Payment != shop.PaymentVoidDue {
			t.Errorf("order = %+v, want it cancelled with a void that is due", after)
		}
		s.wantStock("A", 10, 0)
		s.audit()
		s.gateway.SetDown(false)
		s.runSteps()
		if got := s.stored(order.ID); got.Payment != shop.PaymentVoided {
			t.Errorf("payment = %s, want it voided", got.Payment)
		}
		s.audit()
	})
}

// TestCancellingDuringThePayment cancels an order during its authorization, during its capture, and after its payment. If
// the capture took effect after the void, the customer would pay for a cancelled order.
func TestCancellingDuringThePayment(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 2500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestShop(t, shop.SimulatedOptions{Latency: time.Second})
			s.sell("A", 150, 10, "GBP")
			var order shop.Order
			done := make(chan struct{})
			go func() {
				order, _ = s.place("key", s.line("A", 3))
				close(done)
			}()
			time.Sleep(after)
			err := s.store.EachOrder(t.Context(), func(o shop.Order) error { s.mustCancel(o.ID); return nil })
			if err != nil {
				t.Fatal(err)
			}
			<-done
			s.runSteps()
			s.wantBalance(order.ID, 0)
			s.wantStock("A", 10, 0)
			if got := s.stored(order.ID); got.State != shop.Cancelled {
				t.Errorf("cancelled after %v, the order is %s", after, got.State)
			}
			s.audit()
		})
	}
}

func TestRefundsWaitForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{})
		s.sell("A", 150, 10, "GBP")
		order := s.mustPlace(shop.Confirmed, s.line("A", 3))
		s.gateway.SetDown(true)
		s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
		after := s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
		if len(after.Refunds) != 2 || after.Refunds[0].Paid || after.Refunds[1].Paid {
			t.Errorf("refunds = %+v, want two due ones", after.Refunds)
		}
		s.wantBalance(order.ID, 450)
		s.audit()
		s.gateway.SetDown(false)
		s.runSteps()
		s.wantRefunds(s.stored(order.ID), 150, 150)
		s.wantBalance(order.ID, 150)
		s.audit()
	})
}

func TestAFreeOrderMovesNoMoney(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("gift", 0, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("gift", 2))
	after := s.mustCancel(order.ID)
	s.wantRefunds(after)
	s.wantStock("gift", 10, 0)
	s.audit()
}

func TestARepeatedCancellationIsRefusedByItsVersion(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 3))
	request := shop.CancelRequest{Lines: []shop.LineUnits{{Line: 0, Quantity: 1}}, Version: order.Version}
	if _, err := s.orders.Cancel(t.Context(), customer, order.ID, request); err != nil {
		t.Fatal(err)
	}
	_, err := s.orders.Cancel(t.Context(), customer, order.ID, request)
	wantFault(t, err, fault.Stale, "order_moved")
	after, err := s.orders.Get(t.Context(), customer, order.ID)
	if err != nil || after.Lines[0].Cancelled != 1 {
		t.Errorf("%d units were given back, %v; want 1", after.Lines[0].Cancelled, err)
	}
}

func TestAnEmptyListOfLinesIsRefused(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 10, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 3))
	_, err := s.orders.Cancel(t.Context(), customer, order.ID, shop.CancelRequest{Lines: []shop.LineUnits{}})
	wantFault(t, err, fault.Invalid, "invalid")
	s.wantStock("A", 7, 0)
}

func TestRefundsOfAnOrderAreLimited(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 1000, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 500))
	one := shop.CancelRequest{Lines: []shop.LineUnits{{Line: 0, Quantity: 1}}}
	var err error
	times := 0
	for ; err == nil && times < 500; times++ {
		_, err = s.orders.Cancel(t.Context(), customer, order.ID, one)
	}
	wantFault(t, err, fault.Conflict, "too_many_refunds")
	if times != 101 {
		t.Errorf("refused at attempt %d, want 101", times)
	}
	if after := s.mustCancel(order.ID); after.State != shop.Cancelled {
		t.Errorf("after the remaining units were given back, the order is %s", after.State)
	}
	s.audit()
}
