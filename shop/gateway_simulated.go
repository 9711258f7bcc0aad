package shop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"agora/fault"
)

// SimulatedOptions are the options of a SimulatedGateway. With the zero value, it answers at once and never fails.
type SimulatedOptions struct {
	Latency time.Duration // of each call
	Decline float64       // share of orders whose payment is declined, 0 to 1; their ids decide which ones
	Outage  float64       // share of calls that fail, 0 to 1: half of them before and half after they take effect
}

// minRemembered is the least number of payments that a simulated gateway remembers. It remembers at most twice as many.
const minRemembered = 500_000

// SimulatedGateway is a payment provider in memory, for demos and tests. It forgets payments when it is restarted and
// when they become too many. A refund of a forgotten payment succeeds.
type SimulatedGateway struct {
	options SimulatedOptions

	mu       sync.Mutex
	down     bool
	payments map[string]*payment // the latest ones, by order
	older    map[string]*payment // those before them; replaced when payments is full
}

type payment struct {
	amount                       int64
	authorized, captured, voided bool
	refunds                      map[string]int64
}

// NewSimulatedGateway returns a gateway without payments.
func NewSimulatedGateway(options SimulatedOptions) *SimulatedGateway {
	return &SimulatedGateway{options: options, payments: map[string]*payment{}}
}

// SetDown begins or ends an outage, during which every call fails without effect.
func (g *SimulatedGateway) SetDown(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

// Balance returns the amount that the gateway holds for an order: the captured amount less all that was paid back.
func (g *SimulatedGateway) Balance(orderID string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.find(orderID)
	if !p.captured || p.voided {
		return 0
	}
	return p.amount - p.refunded()
}

// Authorize implements Gateway.
func (g *SimulatedGateway) Authorize(ctx context.Context, asked Payment) error {
	return g.call(ctx, asked.OrderID, func(p *payment) error {
		switch {
		case p.voided:
			return fault.New(fault.Conflict, "payment_voided", "the payment of "+asked.OrderID+" was voided")
		case g.declines(asked.OrderID):
			return fault.New(fault.Declined, "payment_declined", "the payment was declined")
		}
		p.authorized, p.amount = true, asked.Amount.Amount
		return nil
	})
}

// Capture implements Gateway.
func (g *SimulatedGateway) Capture(ctx context.Context, orderID string) error {
	return g.call(ctx, orderID, func(p *payment) error {
		if !p.authorized || p.voided {
			return fault.New(fault.Conflict, "not_authorized", "the payment of "+orderID+" is not authorized")
		}
		p.captured = true
		return nil
	})
}

// Void implements Gateway.
func (g *SimulatedGateway) Void(ctx context.Context, orderID string) error {
	return g.call(ctx, orderID, func(p *payment) error {
		p.voided = true
		return nil
	})
}

// Refund implements Gateway.
func (g *SimulatedGateway) Refund(ctx context.Context, r RefundPayment) error {
	return g.call(ctx, r.OrderID, func(p *payment) error {
		if _, done := p.refunds[r.ID]; done {
			return nil
		}
		known := p.authorized || p.voided
		if known && (!p.captured || p.voided || p.refunded()+r.Amount.Amount > p.amount) {
			return fault.New(fault.Conflict, "refund_too_large",
				fmt.Sprintf("%s has less than %d left to refund", r.OrderID, r.Amount.Amount))
		}
		if p.refunds == nil {
			p.refunds = map[string]int64{}
		}
		p.refunds[r.ID] = r.Amount.Amount
		return nil
	})
}

func (p *payment) refunded() int64 {
	var sum int64
	for _, amount := range p.refunds {
		sum += amount
	}
	return sum
}

// call waits for the latency of a call and applies act to the order's payment. During an outage the call fails before or
// after act.
func (g *SimulatedGateway) call(ctx context.Context, orderID string, act func(*payment) error) error {
	if g.options.Latency > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(g.options.Latency):
		}
	}
	draw := rand.Float64()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down || draw < g.options.Outage/2 {
		return fault.New(fault.Unavailable, "gateway_unavailable", "the payment gateway is unavailable")
	}
	err := act(g.find(orderID))
	if draw < g.options.Outage {
		return fault.New(fault.Unavailable, "gateway_unavailable", "the response of the payment gateway was lost")
	}
	return err
}

// find returns the order's payment. If there is none, it adds one.
func (g *SimulatedGateway) find(orderID string) *payment {
	if p, ok := g.payments[orderID]; ok {
		return p
	}
	p, ok := g.older[orderID]
	if !ok {
		p = &payment{}
	}
	if len(g.payments) >= minRemembered {
		g.older, g.payments = g.payments, make(map[string]*payment, minRemembered)
	}
	g.payments[orderID] = p
	return p
}

// declines reports whether the order's payment is declined. It depends on a hash of the id, so that repeats agree.
func (g *SimulatedGateway) declines(orderID string) bool {
	return float64(xxhash.Sum64String(orderID)>>11)/(1<<53) < g.options.Decline
}
