package shop

import (
	"context"
	"fmt"
	"strings"
)

// StockStore stores the number of units of each SKU.
type StockStore interface {
	// Stock returns the stock of those SKUs that have a record, in any order.
	Stock(ctx context.Context, skus []string) ([]Stock, error)
	// ChangeStock calls decide with the current stock of a SKU, which has zero units if there is no record, and stores
	// the change that decide returns, in one transaction. It returns an error of decide and then stores nothing.
	ChangeStock(ctx context.Context, sku string, decide func(Stock) (StockChange, error)) (Stock, error)
}

// Short is a SKU with fewer units for sale than an order needs.
type Short struct {
	SKU       string
	Requested int64
	Available int64
}

// ShortStock is the error of an order that the stock does not cover.
type ShortStock struct{ Short []Short }

// Error implements error.
func (e *ShortStock) Error() string {
	parts := make([]string, len(e.Short))
	for i, s := range e.Short {
		parts[i] = fmt.Sprintf("%d of %s requested, %d available", s.Requested, s.SKU, s.Available)
	}
	return "short of stock: " + strings.Join(parts, "; ")
}
