package shop_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/guard"
	"agora/shop"
	"agora/shop/shoptest"
)

func simulated(declines bool) *shop.SimulatedGateway {
	options := shop.SimulatedOptions{}
	if declines {
		options.Decline = 1
	}
	return shop.NewSimulatedGateway(options)
}

func TestSimulatedGateway(t *testing.T) {
	shoptest.Gateway(t, func(_ *testing.T, declines bool) shop.Gateway { return simulated(declines) })
}

func TestGuardedGateway(t *testing.T) {
	shoptest.Gateway(t, func(_ *testing.T, declines bool) shop.Gateway {
		return shop.NewGuardedGateway(simulated(declines), shop.GatewayGuard())
	})
}

// hanging is a gateway that never responds.
type hanging struct{ calls int }

func (h *hanging) hang(ctx context.Context) error {
	h.calls++
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) Authorize(ctx context.Context, _ shop.Payment) error    { return h.hang(ctx) }
func (h *hanging) Capture(ctx context.Context, _ string) error            { return h.hang(ctx) }
func (h *hanging) Void(ctx context.Context, _ string) error               { return h.hang(ctx) }
func (h *hanging) Refund(ctx context.Context, _ shop.RefundPayment) error { return h.hang(ctx) }

// TestAGuardedCheckoutEndsInItsGrace checks that the request has ended when the saga runner takes a step over, so that the
// two never work on it at the same time.
func TestAGuardedCheckoutEndsInItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &hanging{}
		g := shop.NewGuardedGateway(slow, shop.GatewayGuard())
		begin := time.Now()
		if err := g.Authorize(t.Context(), shop.Payment{}); !fault.Is(err, fault.Timeout) {
			t.Errorf("authorize = %v, want fault.Timeout", err)
		}
		if err := g.Capture(t.Context(), ident.New(ident.Order)); !fault.Is(err, fault.Timeout) {
			t.Errorf("capture = %v, want fault.Timeout", err)
		}
		if slow.calls != 4 {
			t.Errorf("%d calls were made, want each of the two twice", slow.calls)
		}
		// Each attempt may also wait until fewer than MaxConcurrent calls run.
		waits := 4 * shop.GatewayGuard().MaxWait
		if took := time.Since(begin) + waits; took >= shop.InlineGrace {
			t.Errorf("both calls may take %v, want less than inlineGrace, which is %v", took, shop.InlineGrace)
		}
	})
}

func TestDeclinedPaymentsDoNotOpenTheBreaker(t *testing.T) {
	options := shop.GatewayGuard()
	options.Breaker = guard.Breaker{Ratio: 0.1, Calls: 2}
	g := shop.NewGuardedGateway(simulated(true), options)
	for range 20 {
		order := ident.New(ident.Order)
		if err := g.Authorize(t.Context(), shop.Payment{OrderID: order}); !fault.Is(err, fault.Declined) {
			t.Fatalf("authorize = %v, want fault.Declined", err)
		}
		if err := g.Capture(t.Context(), order); !fault.Is(err, fault.Conflict) {
			t.Fatalf("capture = %v, want fault.Conflict", err)
		}
	}
}

func TestAnOutageOpensTheBreaker(t *testing.T) {
	down := simulated(false)
	down.SetDown(true)
	options := shop.GatewayGuard()
	options.Retries, options.Breaker = 0, guard.Breaker{Ratio: 0.5, Calls: 4}
	g := shop.NewGuardedGateway(down, options)
	var codes []string
	for range 5 {
		codes = append(codes, fault.CodeOf(g.Void(t.Context(), ident.New(ident.Order))))
	}
	if codes[3] != "gateway_unavailable" || codes[4] != guard.CodeOpen {
		t.Errorf("codes = %v, want the fifth call refused by the breaker", codes)
	}
}

func TestSimulatedGatewayLosesAnswers(t *testing.T) {
	g := shop.NewSimulatedGateway(shop.SimulatedOptions{Outage: 1})
	charged := 0
	for range 200 {
		order := ident.New(ident.Order)
		for range 4 {
			err := g.Authorize(t.Context(), shop.Payment{OrderID: order, Amount: shop.Money{Amount: 5, Currency: "GBP"}})
			if !fault.Is(err, fault.Unavailable) {
				t.Fatalf("authorize = %v, want fault.Unavailable because every call fails", err)
			}
			_ = g.Capture(t.Context(), order)
		}
		if g.Balance(order) > 0 {
			charged++
		}
	}
	if charged == 0 || charged == 200 {
		t.Errorf("%d of 200 orders were charged, want some: calls fail before or after their effect", charged)
	}
}
