package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"agora/fault"
	"agora/pattern/audit"
	"agora/shop"
)

// Orders is where Check looks orders up: the store of a shop that stopped, or a client of one that runs.
type Orders interface {
	// Order returns an order as it is now, or fault.NotFound.
	Order(ctx context.Context, id string) (shop.Order, error)
}

// patience is how long the search for an order of a window's operations may take. A history that is
// linearizable takes milliseconds; to prove that one is not can take for ever.
const patience = time.Minute

// Check holds a history against what the shop says now. Everything that took or gave units of the history's
// SKUs has to be in it. An error means that it could not be checked; what does not hold is in the report.
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

// checking is a check under way.
type checking struct {
	history   []Operation
	report    audit.Report
	taken     map[string]int64            // units by SKU that the orders take now
	gone      map[string]bool             // orders that are cancelled now
	cancelled map[string]map[string]int64 // units by order and SKU that clients were told came back
	open      map[string]bool             // orders whose cancellation was asked for with no answer
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

// acknowledged checks that each order which a client was told of is there once, and is what it was told.
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

// note takes down what later checks need of an order: an order itself is too much to remember of each.
func (c *checking) note(order shop.Order) {
	if order.State == shop.Cancelled {
		c.gone[order.ID] = true
	}
	for _, u := range order.Units() {
		c.taken[u.SKU] += u.Quantity
	}
}

// compare says what is wrong with an order, going by what its client was told; "" is nothing.
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

// linearizable checks each SKU by itself, which is enough: a history is linearizable if each object's is.
func (c *checking) linearizable() {
	check := c.report.Begin("linear", "the operations on each SKU could have happened one after the other")
	bySKU := effects(c.history, func(id string) bool {
		return c.gone[id] && c.cancelled[id] == nil && !c.open[id]
	})
	for _, sku := range slices.Sorted(maps.Keys(bySKU)) {
		all := windows(bySKU[sku])
		if len(all) == 0 {
			check.Differ("%s: the history does not begin with a read by itself, so that nothing is known of its beginning", sku)
			continue
		}
		checked, result := decide(all, patience)
		check.Compared += int64(checked)
		switch result {
		case porcupine.Illegal:
			check.Differ("%s: its operations are not linearizable, from operation %d on", sku, checked+1)
		case porcupine.Unknown:
			check.Differ("%s: not decided within %v, from operation %d on; record fewer clients or more reads between", sku, patience, checked+1)
		}
	}
}
