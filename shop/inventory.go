package shop

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"agora/telemetry"
)

// Inventory is the number of units of a SKU that are for sale at a version of its stock.
type Inventory struct {
	SKU          string
	Available    int64
	StockVersion int64 // increases with each change of the SKU's stock
}

// SetInventory stores the numbers of units for sale and returns the identifiers of the products whose documents changed.
// Calls may be repeated and come in any order, because an older stock version never overwrites a newer one.
func (c *Catalog) SetInventory(ctx context.Context, stock []Inventory) ([]string, error) {
	ids, err := c.store.SetInventory(ctx, stock)
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		c.announce(ctx, ids...)
	}
	return ids, nil
}

// InventorySync copies the stock into the catalogue, for product pages and searches. It takes the SKUs from the events and
// reads their current stock. The numbers therefore cannot drift, as a sum of changes could, and a SKU costs one read per
// batch, however many events it has.
type InventorySync struct {
	stock   InventorySource
	catalog *Catalog
	lag     telemetry.Histogram

	running chan struct{} // a semaphore that a running round holds
	mu      sync.Mutex
	next    *round // collects SKUs during the running round; nil if no batch waits
}

// round is a set of SKUs that batches of several partitions update together. The events of a SKU are in all partitions,
// because they belong to the streams of many orders. Separate updates would read the SKU repeatedly, and would wait for
// each other's locks.
type round struct {
	skus []string
	done chan struct{}
	err  error // valid after done is closed
}

// InventorySource is the part of an OrderStore that InventorySync reads.
type InventorySource interface {
	Stock(ctx context.Context, skus []string) ([]Stock, error)
	EachStock(ctx context.Context, visit func(Stock) error) error
}

// InventorySyncOptions are the options of an InventorySync.
type InventorySyncOptions struct {
	Metrics *telemetry.Metrics
}

// NewInventorySync returns the projection. It observes agora_inventory_sync_lag_seconds: the time from a change of the
// stock until the catalogue shows it.
func NewInventorySync(stock InventorySource, catalog *Catalog, options InventorySyncOptions) *InventorySync {
	return &InventorySync{stock: stock, catalog: catalog, running: make(chan struct{}, 1), lag: options.Metrics.Histogram("agora_inventory_sync_lag_seconds",
		"Time from a change of the stock to its being visible in the catalogue.", telemetry.DurationBuckets)}
}

// Project updates the products whose stock the events changed.
func (s *InventorySync) Project(ctx context.Context, events []Event) error {
	var skus []string
	for _, e := range events {
		skus = append(skus, e.Fact.SKUs()...)
	}
	if len(skus) == 0 {
		return nil
	}
	if err := s.join(ctx, skus); err != nil {
		return err
	}
	for _, e := range events {
		s.lag.Observe(time.Since(e.At).Seconds())
	}
	return nil
}

// join adds the SKUs to the next round and waits for its end. The first caller runs the round, with its own context.
func (s *InventorySync) join(ctx context.Context, skus []string) error {
	s.mu.Lock()
	r, first := s.next, s.next == nil
	if first {
		r = &round{done: make(chan struct{})}
		s.next = r
	}
	r.skus = append(r.skus, skus...)
	s.mu.Unlock()
	if first {
		s.runRound(ctx, r)
	}
	<-r.done
	return r.err
}

// runRound waits for the end of the previous round, closes the round to further SKUs, and updates the catalogue.
func (s *InventorySync) runRound(ctx context.Context, r *round) {
	defer close(r.done)
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		r.err = ctx.Err()
	}
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	if r.err == nil {
		r.err = s.update(ctx, r.skus)
	}
}

func (s *InventorySync) update(ctx context.Context, skus []string) error {
	slices.Sort(skus)
	stock, err := s.stock.Stock(ctx, slices.Compact(skus))
	if err != nil {
		return fmt.Errorf("read stock: %w", err)
	}
	if _, err := s.catalog.SetInventory(ctx, inventoryOf(stock)); err != nil {
		return fmt.Errorf("set inventory: %w", err)
	}
	return nil
}

// inventoryOf returns the units for sale of each stock.
func inventoryOf(stock []Stock) []Inventory {
	counts := make([]Inventory, len(stock))
	for i, s := range stock {
		counts[i] = Inventory{SKU: s.SKU, Available: s.Available(), StockVersion: int64(s.Version)}
	}
	return counts
}
