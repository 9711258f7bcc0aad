package shop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"agora/telemetry"
)

// InventorySync carries the stock into the catalogue, where product pages and searches show it. It reads the
// stock as it is rather than adding up events: a hot SKU costs one read a batch, and nothing can drift.
type InventorySync struct {
	stock   InventorySource
	catalog *Catalog
	lag     telemetry.Histogram
}

// InventorySource is what the projection reads of an OrderStore.
type InventorySource interface {
	Stock(ctx context.Context, skus []string) ([]Stock, error)
	EachStock(ctx context.Context, visit func(Stock) error) error
}

// NewInventorySync returns the projection. It keeps agora_inventory_sync_lag_seconds: the time from a change
// of the stock to its being visible in the catalogue.
func NewInventorySync(stock InventorySource, catalog *Catalog, metrics *telemetry.Metrics) *InventorySync {
	return &InventorySync{stock: stock, catalog: catalog, lag: metrics.Histogram("agora_inventory_sync_lag_seconds",
		"Time from a change of the stock to its being visible in the catalogue.", telemetry.DurationBuckets)}
}

// Project brings the products of a batch of events up to date.
func (s *InventorySync) Project(ctx context.Context, events []Event) error {
	var skus []string
	for _, e := range events {
		skus = append(skus, e.Fact.SKUs()...)
	}
	slices.Sort(skus)
	skus = slices.Compact(skus)
	if len(skus) == 0 {
		return nil
	}
	stock, err := s.stock.Stock(ctx, skus)
	if err != nil {
		return fmt.Errorf("read stock: %w", err)
	}
	if _, err := s.catalog.SetInventory(ctx, inventoryOf(stock)); err != nil {
		return fmt.Errorf("set inventory: %w", err)
	}
	for _, e := range events {
		s.lag.Observe(time.Since(e.At).Seconds())
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
