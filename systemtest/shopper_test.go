package systemtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	verifyshop "agora/lab/verify/shop"
	"agora/shop"
)

// shopper is a client that buys and records its operations.
type shopper struct {
	client
	market   *market
	number   int
	user     string
	luck     *rand.Rand
	receipts []receipt // of all rounds

	regretted []string // orders to be cancelled
}

// receipt is an acknowledged order.
type receipt struct {
	key   string
	cart  cart
	order string
}

// buy is the first part of a shopper's round.
func (s *shopper) buy(ctx context.Context, round int, hot offered, others []offered) error {
	for i, c := range []cart{{{hot, 1}}, s.mixed(others), s.mixed(others)} {
		// Shoppers of different users use the same keys, which the shop has to distinguish.
		order, err := s.order(ctx, fmt.Sprintf("%d-%d-%d", round, s.number/users, i), c)
		if err != nil {
			return err
		}
		if order != "" && s.luck.IntN(4) == 0 {
			s.regretted = append(s.regretted, order)
		}
		if !s.watches() || i == 0 {
			continue
		}
		if err := s.giveBack(ctx); err != nil {
			return err
		}
		if err := s.watch(ctx, others[s.number%watched]); err != nil {
			return err
		}
	}
	return nil
}

// giveBack cancels the shopper's regretted orders.
func (s *shopper) giveBack(ctx context.Context) error {
	for _, order := range s.regretted {
		if err := s.cancel(ctx, order); err != nil {
			return err
		}
	}
	s.regretted = nil
	return nil
}

// watches reports whether the shopper buys watched SKUs, and no others of the shelf.
func (s *shopper) watches() bool { return s.number <= watched*watchers }

// mixed returns a cart of several SKUs. A SKU may be in it twice.
func (s *shopper) mixed(others []offered) cart {
	choice := others[watched:]
	if s.watches() {
		choice = []offered{others[s.number%watched], others[(s.number+1)%watched]}
	}
	var c cart
	for range 1 + s.luck.IntN(3) {
		c = append(c, item{choice[s.luck.IntN(len(choice))], 1 + s.luck.Int64N(3)})
	}
	return c
}

// order orders a cart, with retries, and returns the order unless it was refused.
func (s *shopper) order(ctx context.Context, key string, c cart) (id string, err error) {
	call := s.market.history.Call(s.number, verifyshop.Place, verifyshop.Input{Key: s.user + "/" + key, Units: c.units()})
	got, err := s.ask(ctx, "POST", "/v1/orders", key, c.request())
	if err != nil {
		return "", err
	}
	out, err := c.outcome(got)
	if err != nil {
		return "", err
	}
	call.Return(out)
	select {
	case s.market.answers <- struct{}{}:
	default: // no kill is due
	}
	if out.Order != "" {
		s.receipts = append(s.receipts, receipt{key, c, out.Order})
	}
	if out.Outcome == verifyshop.Cancelled {
		return "", nil
	}
	return out.Order, nil
}

// cancel cancels an order or a unit of it. A cancellation has no idempotency key: without an answer, the order has the outcome, because
// a killed server does not continue.
func (s *shopper) cancel(ctx context.Context, id string) error {
	order, err := s.Order(ctx, id)
	if err != nil {
		return err
	}
	var request shop.CancelRequest
	units := map[string]int64{}
	for _, u := range order.Units() {
		units[u.SKU] = u.Quantity
	}
	if s.luck.IntN(2) == 0 {
		line := s.luck.IntN(len(order.Lines))
		request.Lines = []shop.LineUnits{{Line: line, Quantity: 1}}
		units = map[string]int64{order.Lines[line].SKU: 1}
	}
	if len(order.Units()) == 0 {
		return nil // declined meanwhile
	}
	call := s.market.history.Call(s.number, verifyshop.Cancel, verifyshop.Input{Order: id, Units: units})
	got, err := s.send(ctx, "POST", "/v1/orders/"+id+"/cancel", "", request)
	switch {
	case err == nil && got.status == http.StatusOK:
		call.Return(verifyshop.Output{Outcome: verifyshop.OK})
		return nil
	case err == nil && got.status == http.StatusConflict:
		call.Return(verifyshop.Output{Outcome: verifyshop.Refused})
		return nil
	}
	after, err := s.Order(ctx, id)
	if err != nil {
		return err
	}
	out := verifyshop.Output{Outcome: verifyshop.Refused}
	given := slices.ContainsFunc(request.Lines, func(l shop.LineUnits) bool { return after.Lines[l.Line].Cancelled > 0 })
	if given || after.Reason == shop.ReasonCustomer {
		out.Outcome = verifyshop.OK
	}
	call.Return(out)
	return nil
}

// watch reads the stock of a SKU, and sometimes adds or removes units.
func (s *shopper) watch(ctx context.Context, p offered) error {
	admin := s.market.admin
	call := s.market.history.Call(s.number, verifyshop.Read, verifyshop.Input{Units: map[string]int64{p.sku: 0}})
	got, err := admin.send(ctx, "GET", "/v1/stock/"+p.sku, "", nil)
	if err == nil && got.status == http.StatusOK {
		var stock shop.Stock
		if err := got.into(&stock); err != nil {
			return err
		}
		call.Return(verifyshop.Output{Outcome: verifyshop.OK, Available: stock.OnHand - stock.Held})
	}
	if s.luck.IntN(4) > 0 {
		return nil
	}
	change := s.luck.Int64N(7) - 3
	if change == 0 {
		change = 5
	}
	return s.restock(ctx, p, change)
}

// restock adds units of a SKU, or removes them if the change is negative.
func (s *shopper) restock(ctx context.Context, p offered, change int64) error {
	call := s.market.history.Call(s.number, verifyshop.Restock, verifyshop.Input{Units: map[string]int64{p.sku: change}})
	got, err := s.market.admin.send(ctx, "POST", "/v1/stock/"+p.sku, "", shop.StockEdit{Change: &change, Reason: "a test"})
	switch { // without an answer the outcome is unknown, also in the history
	case err == nil && got.status == http.StatusOK:
		call.Return(verifyshop.Output{Outcome: verifyshop.OK})
	case err == nil && got.status == http.StatusConflict:
		call.Return(verifyshop.Output{Outcome: verifyshop.Refused})
	}
	return nil
}

// repeat sends the request of a receipt again, and then another request with the same key.
func (s *shopper) repeat(ctx context.Context, r receipt) error {
	got, err := s.ask(ctx, "POST", "/v1/orders", r.key, r.cart.request())
	if err != nil {
		return err
	}
	out, err := r.cart.outcome(got)
	if err != nil {
		return err
	}
	if out.Order != r.order {
		return fmt.Errorf("key %s of %s gave order %q, and before that %s", r.key, s.user, out.Order, r.order)
	}
	other := slices.Clone(r.cart)
	other[0].quantity++
	got, err = s.ask(ctx, "POST", "/v1/orders", r.key, other.request())
	if err == nil && (got.status != http.StatusUnprocessableEntity || got.problem().Code != "idempotency_key_reused") {
		err = fmt.Errorf("key %s of %s reused for another request: %s; want 422 idempotency_key_reused", r.key, s.user, got)
	}
	return err
}
