package shop

import (
	"context"
	"time"

	"agora/pattern/guard"
)

// GuardedGateway protects the shop from a slow or unavailable payment provider. It limits the time of a call and
// the number of concurrent calls, retries a failed call, and makes no calls while most of them fail. Declined payments and
// conflicts are regular results: they are never retried and do not open the circuit breaker.
type GuardedGateway struct {
	gateway Gateway
	guard   *guard.Guard
}

var _ Gateway = (*GuardedGateway)(nil)

// GatewayGuard returns the limits for a payment provider on the Internet. An authorization and a capture together take at
// most 13 s, which is less than inlineGrace.
func GatewayGuard() guard.Options {
	return guard.Options{
		Name:          "the payment gateway",
		Timeout:       3 * time.Second,
		MaxConcurrent: 256,
		MaxWait:       200 * time.Millisecond,
		Retries:       1, // every call of a Gateway may be repeated
		Backoff:       50 * time.Millisecond,
		Breaker:       guard.Breaker{Ratio: 0.5, Calls: 20, Window: 10 * time.Second, Open: 5 * time.Second, Probes: 3},
	}
}

// NewGuardedGateway returns the gateway with the limits.
func NewGuardedGateway(g Gateway, options guard.Options) *GuardedGateway {
	return &GuardedGateway{gateway: g, guard: guard.New(options)}
}

// Authorize implements Gateway.
func (g *GuardedGateway) Authorize(ctx context.Context, p Payment) error {
	return g.guard.Do(ctx, func(ctx context.Context) error { return g.gateway.Authorize(ctx, p) })
}

// Capture implements Gateway.
func (g *GuardedGateway) Capture(ctx context.Context, orderID string) error {
	return g.guard.Do(ctx, func(ctx context.Context) error { return g.gateway.Capture(ctx, orderID) })
}

// Void implements Gateway.
func (g *GuardedGateway) Void(ctx context.Context, orderID string) error {
	return g.guard.Do(ctx, func(ctx context.Context) error { return g.gateway.Void(ctx, orderID) })
}

// Refund implements Gateway.
func (g *GuardedGateway) Refund(ctx context.Context, r RefundPayment) error {
	return g.guard.Do(ctx, func(ctx context.Context) error { return g.gateway.Refund(ctx, r) })
}
