package shop

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"agora/fault"
	"agora/pattern/audit"
	"agora/shop"
)

// Orders finds orders: the store of a stopped shop, or a client of a running one.
type Orders interface {
	// Order returns the current state of an order, or fault.NotFound.
	Order(ctx context.Context, id string) (shop.Order, error)
}

// Check compares a history with the current orders of the shop. The history has to contain everything that changed the
// stock of its SKUs. An error means that the check failed; differences are in the report.
func Check(ctx context.Context, history []Operation, orders Orders) (audit.Report, error) {
	c := checking{
		history: merged(history), taken: map[string]int64{}, gone: map[string]bool{},
		cancelled: map[string]map[string]int64{}, open: map[string]bool{},
	}
	c.noteCancellations()
	if err := c.acknowledged(ctx, orders); err != nil {
		return c.report, err
	}
	c.oversold()
	c.linearizable()
	return c.report, nil
}

// checking is the state of a check while it runs.
type checking struct {
	history   []Operation
	report    audit.Report
	taken     map[string]int64            // units by SKU that the orders take now
	gone      map[string]bool             // orders that are cancelled now
	cancelled map[string]map[string]int64 // units by order and SKU whose cancellation clients were told of
	open      map[string]bool             // orders with an unanswered request to cancel
}

func (c *checking) noteCancellations() {
	for _, op := range c.history {
		switch {
		case op.Kind != Cancel:
		case op.Output.Outcome == Unknown:
			c.open[op.Input.Order] = true
		case op.Output.Outcome == OK:
			if c.cancelled[op.Input.Order] == nil {
				c.cancelled[op.Input.Order] = map[string]int64{}
			}
			for sku, n := range op.Input.Units {
				c.cancelled[op.Input.Order][sku] += n
			}
		}
	}
}

// acknowledged checks that each order which a client was told of exists once, and is what the client was told.
func (c *checking) acknowledged(ctx context.Context, orders Orders) error {
	check := c.report.Begin("history", "each order that a client was told of is there, once, and is what the client was told")
	orderOf, keyOf := map[string]string{}, map[string]string{}
	for _, op := range c.history {
		id, key := op.Output.Order, op.Input.Key
		if op.Kind != Place || id == "" {
			continue
		}
		check.Compared++
		if earlier, ok := orderOf[key]; ok && key != "" && earlier != id {
			check.Differ("key %s made order %s and order %s", key, earlier, id)
		}
		if earlier, ok := keyOf[id]; ok && (key == "" || earlier != key) {
			check.Differ("order %s is the answer to two requests, of keys %q and %q", id, earlier, key)
		}
		orderOf[key], keyOf[id] = id, key
		order, err := orders.Order(ctx, id)
		if fault.Is(err, fault.NotFound) {
			check.Differ("order %s was acknowledged and is not there", id)
			continue
		}
		if err != nil {
			return fmt.Errorf("look up order %s: %w", id, err)
		}
		c.note(order)
		if wrong := c.compare(op, order); wrong != "" {
			check.Differ("order %s %s", id, wrong)
		}
	}
	return nil
}

// note remembers what later checks need of an order, because whole orders take too much memory.
func (c *checking) note(order shop.Order) {
	if order.State == shop.Cancelled {
		c.gone[order.ID] = true
	}
	for _, u := range order.Units() {
		c.taken[u.SKU] += u.Quantity
	}
}

// compare returns how an order differs from what its client was told, or "" if it does not.
func (c *checking) compare(op Operation, order shop.Order) string {
	asked := map[string]int64{}
	for _, l := range order.Lines {
		asked[l.SKU] += l.Quantity
	}
	if !maps.Equal(asked, op.Input.Units) {
		return fmt.Sprintf("is for %v and was asked for as %v", asked, op.Input.Units)
	}
	if c.open[order.ID] {
		return "" // it may or may not have been cancelled
	}
	left, want := map[string]int64{}, maps.Clone(op.Input.Units)
	for _, u := range order.Units() {
		left[u.SKU] = u.Quantity
	}
	for sku, n := range c.cancelled[order.ID] {
		want[sku] -= n
	}
	maps.DeleteFunc(want, func(_ string, n int64) bool { return n == 0 })
	gone := len(left) == 0 && order.State == shop.Cancelled
	switch outcome := op.Output.Outcome; {
	case outcome == Cancelled && !gone:
		return fmt.Sprintf("was given up and still takes %v", left)
	case outcome == OK && !maps.Equal(left, want), outcome == Pending && !gone && !maps.Equal(left, want):
		return fmt.Sprintf("takes %v and should take %v", left, want)
	case outcome == OK && order.State == shop.Pending:
		return "was confirmed and is pending"
	}
	return ""
}

// oversold checks that the orders which clients were told of do not take more units than there were.
func (c *checking) oversold() {
	check := c.report.Begin("oversold", "the orders of each SKU do not take more units than there were")
	there, known := map[string]int64{}, map[string]bool{}
	for _, op := range c.history {
		for sku, n := range op.Input.Units {
			switch {
			case op.Kind == Read && op.Output.Outcome == OK && !known[sku]:
				known[sku] = true
				there[sku] += op.Output.Available
			case op.Kind == Restock && known[sku] && (op.Output.Outcome == OK || op.Output.Outcome == Unknown && n > 0):
				there[sku] += n
			}
		}
	}
	for _, sku := range slices.Sorted(maps.Keys(known)) {
		check.Compared++
		if c.taken[sku] > there[sku] {
			check.Differ("%s: orders take %d units, and there were %d", sku, c.taken[sku], there[sku])
		}
	}
}

func (c *checking) linearizable() {
	check := c.report.Begin("linear", "the operations on each SKU could have happened one after the other")
	stock.Check(check, effects(c.history, func(id string) bool {
		return c.gone[id] && c.cancelled[id] == nil && !c.open[id]
	}))
}
