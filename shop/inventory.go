package shop

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"agora/telemetry"
)

// Inventory is how much of a SKU is for sale at a version of its stock.
type Inventory struct {
	SKU          string
	Available    int64
	StockVersion int64 // grows with each change of the SKU's stock
}

// SetInventory takes over what the stock says is for sale, however often and in whatever order it says so: an
// older stock version never overwrites a newer one. It returns the identifiers of the products whose
// document changed.
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

// InventorySync copies the stock into the catalogue, where product pages and searches show it. It reads the
// current stock rather than adding up events: a hot SKU costs one read a batch, and nothing can drift.
type InventorySync struct {
	stock   InventorySource
	catalog *Catalog
	lag     telemetry.Histogram

	running chan struct{} // holds one while a round is carried
	mu      sync.Mutex
	next    *round // gathers SKUs until its turn comes; nil if nobody waits
}

// round is a set of SKUs that batches of several partitions update together. One SKU is in the events of many orders,
// and so of all partitions: separate updates would read it repeatedly, and wait for each other's locks on it.
type round struct {
	skus []string
	done chan struct{}
	err  error // to be read when done is closed
}

// InventorySource is what the projection reads of an OrderStore.
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

// Project brings the products of a batch of events up to date.
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

// join carries the SKUs with the next round. Who comes first carries it, under its own context.
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

// runRound waits for the round's turn, from which on nobody can join it any more, and carries it.
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

// inventoryOf returns what of the stock is for sale.
func inventoryOf(stock []Stock) []Inventory {
	counts := make([]Inventory, len(stock))
	for i, s := range stock {
		counts[i] = Inventory{SKU: s.SKU, Available: s.Available(), StockVersion: int64(s.Version)}
	}
	return counts
}
