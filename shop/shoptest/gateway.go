package shoptest

import (
	"sync/atomic"
	"testing"

	"agora/fault"
	"agora/ident"
	"agora/shop"
)

// Gateway is the suite of shop.Gateway. open returns a gateway without payments. It declines every payment if declines is
// true, and none otherwise.
func Gateway(t *testing.T, open func(t *testing.T, declines bool) shop.Gateway) {
	tests := []struct {
		name string
		test func(*testing.T, shop.Gateway)
	}{
		{"refunds add up to the captured amount at most", testRefunds},
		{"a repeated call has no further effect", testRepeatedCalls},
		{"concurrent repeats of a refund pay once", testConcurrentRefunds},
		{"a capture needs an authorization", testCaptureFirst},
		{"a voided payment stays voided", testVoid},
		{"a payment of 0 is accepted", testNothingToPay},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t, false)) })
	}
	t.Run("a declined payment stays declined", func(t *testing.T) { testDeclined(t, open(t, true)) })
}

func payment(amount int64) shop.Payment {
	return shop.Payment{OrderID: ident.New(ident.Order), UserID: "usr_1", Amount: shop.Money{Amount: amount, Currency: "GBP"}}
}

func refundOf(p shop.Payment, amount int64) shop.RefundPayment {
	return shop.RefundPayment{ID: ident.New(ident.Refund), OrderID: p.OrderID, Amount: shop.Money{Amount: amount, Currency: "GBP"}}
}

// mustCapture authorizes and captures a payment.
func mustCapture(t *testing.T, g shop.Gateway, p shop.Payment) {
	t.Helper()
	if err := g.Authorize(t.Context(), p); err != nil {
		t.Fatalf("authorize = %v", err)
	}
	if err := g.Capture(t.Context(), p.OrderID); err != nil {
		t.Fatalf("capture = %v", err)
	}
}

func wantConflict(t *testing.T, what string, err error) {
	t.Helper()
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("%s = %v, want fault.Conflict", what, err)
	}
}

func testRefunds(t *testing.T, g shop.Gateway) {
	p := payment(1000)
	mustCapture(t, g, p)
	for _, amount := range []int64{400, 500} {
		if err := g.Refund(t.Context(), refundOf(p, amount)); err != nil {
			t.Errorf("refund of %d = %v", amount, err)
		}
	}
	wantConflict(t, "a refund of 101 with 100 left", g.Refund(t.Context(), refundOf(p, 101)))
	if err := g.Refund(t.Context(), refundOf(p, 100)); err != nil {
		t.Errorf("refund of the rest = %v", err)
	}
	wantConflict(t, "a refund with nothing left", g.Refund(t.Context(), refundOf(p, 1)))
}

func testRepeatedCalls(t *testing.T, g shop.Gateway) {
	p := payment(1000)
	mustCapture(t, g, p)
	mustCapture(t, g, p)
	refund := refundOf(p, 600)
	for range 3 {
		if err := g.Refund(t.Context(), refund); err != nil {
			t.Errorf("the same refund again = %v", err)
		}
	}
	if err := g.Refund(t.Context(), refundOf(p, 400)); err != nil {
		t.Errorf("refund of the rest = %v: a repeat was paid twice", err)
	}
	wantConflict(t, "a refund with nothing left", g.Refund(t.Context(), refundOf(p, 1)))
}

func testConcurrentRefunds(t *testing.T, g shop.Gateway) {
	p := payment(1000)
	mustCapture(t, g, p)
	same := refundOf(p, 400)
	inParallel(8, func(int) {
		if err := g.Refund(t.Context(), same); err != nil {
			t.Errorf("the same refund = %v", err)
		}
	})
	var paid atomic.Int64
	inParallel(8, func(int) {
		if g.Refund(t.Context(), refundOf(p, 200)) == nil {
			paid.Add(1)
		}
	})
	if paid.Load() != 3 {
		t.Errorf("%d refunds of 200 were paid out of 600, want 3", paid.Load())
	}
}

func testCaptureFirst(t *testing.T, g shop.Gateway) {
	p := payment(1000)
	wantConflict(t, "capture before authorize", g.Capture(t.Context(), p.OrderID))
	if err := g.Authorize(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	wantConflict(t, "a refund before the capture", g.Refund(t.Context(), refundOf(p, 1)))
	if err := g.Capture(t.Context(), p.OrderID); err != nil {
		t.Errorf("capture = %v", err)
	}
}

func testVoid(t *testing.T, g shop.Gateway) {
	untouched, authorized, paid := payment(1000), payment(1000), payment(1000)
	if err := g.Authorize(t.Context(), authorized); err != nil {
		t.Fatal(err)
	}
	mustCapture(t, g, paid)
	for name, p := range map[string]shop.Payment{"no payment": untouched, "an authorized one": authorized, "a captured one": paid} {
		for range 2 {
			if err := g.Void(t.Context(), p.OrderID); err != nil {
				t.Errorf("void of %s = %v", name, err)
			}
		}
		wantConflict(t, "authorize after a void of "+name, g.Authorize(t.Context(), p))
		wantConflict(t, "capture after a void of "+name, g.Capture(t.Context(), p.OrderID))
		wantConflict(t, "a refund after a void of "+name, g.Refund(t.Context(), refundOf(p, 1)))
	}
}

func testNothingToPay(t *testing.T, g shop.Gateway) {
	p := payment(0)
	mustCapture(t, g, p)
	if err := g.Refund(t.Context(), refundOf(p, 0)); err != nil {
		t.Errorf("a refund of nothing = %v", err)
	}
}

func testDeclined(t *testing.T, g shop.Gateway) {
	p := payment(1000)
	for range 2 {
		if err := g.Authorize(t.Context(), p); !fault.Is(err, fault.Declined) {
			t.Errorf("authorize = %v, want fault.Declined", err)
		}
	}
	wantConflict(t, "capture of a declined payment", g.Capture(t.Context(), p.OrderID))
	if err := g.Void(t.Context(), p.OrderID); err != nil {
		t.Errorf("void of a declined payment = %v", err)
	}
}
