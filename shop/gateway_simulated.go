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

// SimulatedOptions say how a simulated gateway behaves. The zero value is a fast one that never fails.
type SimulatedOptions struct {
	Latency time.Duration // of each call
	Decline float64       // share of orders whose payment is declined, 0 to 1; which ones follows from their ids
	Outage  float64       // share of calls that fail, 0 to 1: half of them before and half after they took effect
}

// remembered is how many payments a simulated gateway remembers at least.
const remembered = 500_000

// SimulatedGateway is a payment provider in memory, for trials and tests. It keeps its promises as a real
// one does, except across a restart: an order it does not remember is taken as captured when it is refunded.
type SimulatedGateway struct {
	options SimulatedOptions

	mu       sync.Mutex
	down     bool
	payments map[string]*payment // the newer ones
	older    map[string]*payment // those before; dropped when payments is full
}

type payment struct {
	amount                       int64
	authorized, captured, voided bool
	refunds                      map[string]int64
}

// NewSimulatedGateway returns a gateway that has taken no payment.
func NewSimulatedGateway(options SimulatedOptions) *SimulatedGateway {
	return &SimulatedGateway{options: options, payments: map[string]*payment{}}
}

// SetDown makes every call fail without effect, or ends that.
func (g *SimulatedGateway) SetDown(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

// Balance returns how much of an order's payment the gateway holds: what was captured less what went back.
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

// call takes the time that a call takes, and lets act work on the order's payment, unless the call is lost.
func (g *SimulatedGateway) call(ctx context.Context, orderID string, act func(*payment) error) error {
	if g.options.Latency > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(g.options.Latency):
		}
	}
	luck := rand.Float64()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down || luck < g.options.Outage/2 {
		return fault.New(fault.Unavailable, "gateway_unavailable", "the payment gateway is away")
	}
	err := act(g.find(orderID))
	if luck < g.options.Outage {
		return fault.New(fault.Unavailable, "gateway_unavailable", "the payment gateway's answer was lost")
	}
	return err
}

// find returns the order's payment, which may be a new one.
func (g *SimulatedGateway) find(orderID string) *payment {
	if p, ok := g.payments[orderID]; ok {
		return p
	}
	p, ok := g.older[orderID]
	if !ok {
		p = &payment{}
	}
	if len(g.payments) >= remembered {
		g.older, g.payments = g.payments, make(map[string]*payment, remembered)
	}
	g.payments[orderID] = p
	return p
}

// declines spreads the share of declined payments evenly over orders, the same way each time it is asked.
func (g *SimulatedGateway) declines(orderID string) bool {
	return float64(xxhash.Sum64String(orderID)>>11)/(1<<53) < g.options.Decline
}
