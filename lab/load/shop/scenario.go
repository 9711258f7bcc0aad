// Package shop is the load scenario of the shop: customers who view products, search, order, and read their orders.
package shop

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/generate"
	"agora/lab/load"
)

const (
	View   load.Kind = "view"   // the page of a product
	Order  load.Kind = "order"  // one unit of a product, from the checkout to the answer
	Search load.Kind = "search" // products by words of their names
	Orders load.Kind = "orders" // the newest orders of the customer
)

var kinds = []load.Kind{View, Order, Search, Orders}

// Scenario implements load.Scenario.
type Scenario struct {
	Hot       float64        // share of the orders that are for the one most popular product, 0 to 1
	Generated *generate.Plan // products and users of the shop; nil to list the products through the API
	Products  int            // how many to list through the API, at most
	Users     int            // how many users of the plan act; 0 for the owner of the token alone
	Restock   bool           // fill up the stock that the orders of a trial will need, before it begins
}

var _ load.Scenario = Scenario{}

// Kinds implements load.Scenario.
func (Scenario) Kinds() []load.Kind { return kinds }

// Times implements load.Scenario: a shop's customers wait for answers alone.
func (Scenario) Times() []load.Kind { return nil }

// ServerMetrics implements load.Scenario.
func (Scenario) ServerMetrics() []load.Metric {
	return []load.Metric{
		{
			Name: "inventory_sync_lag_seconds", Title: "inventory sync lag, mean", Unit: "s",
			Series: "agora_inventory_sync_lag_seconds", Type: load.Histogram,
		},
		{Name: "orders_failed", Title: "orders failed", Series: "agora_orders_failed_total", Type: load.Counter, Label: "reason"},
	}
}

// Validate implements load.Scenario.
func (s Scenario) Validate(c *fault.Collector, _ load.Options) {
	c.Check(s.Hot >= 0 && s.Hot <= 1, "hot", "is not between 0 and 1")
	c.Check(s.Generated != nil || s.Products >= 1, "products", "is less than 1")
	c.Check(s.Users >= 0 && s.Users <= 100_000, "users", "is not between 0 and 100000")
	if s.Generated != nil {
		c.Check(s.Generated.Validate() == nil && s.Generated.Products > 0, "generated", "is no plan with products")
	}
}

// Prepare implements load.Scenario: it finds the products, and issues tokens to the users.
func (s Scenario) Prepare(ctx context.Context, run load.Run) (load.Traffic, error) {
	run.Doing("finding products and users")
	t, err := newTraffic(ctx, run, s)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// shortAt is the share of orders out of stock above which the latency of orders is misleading.
const shortAt = 0.05

// Warnings implements load.Scenario.
func (Scenario) Warnings(trial load.Trial) []string {
	orders := trial.Kinds[Order]
	short := float64(orders.Outcomes["out of stock"]) / float64(max(1, orders.Total()))
	if short <= shortAt {
		return nil
	}
	return []string{fmt.Sprintf("%.0f %% of the orders were out of stock, which is less work than an order: --restock fills it up", 100*short)}
}
