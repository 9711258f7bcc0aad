package shop

import (
	"context"
	"fmt"
	"strings"
)

// StockStore keeps how many units there are of each SKU.
type StockStore interface {
	// Stock returns the stock of the SKUs that have any record, in any order.
	Stock(ctx context.Context, skus []string) ([]Stock, error)
	// ChangeStock hands the current stock of a SKU (all zero if there is no record) to decide and keeps
	// the change that it returns, in one transaction. An error of decide is returned and changes nothing.
	ChangeStock(ctx context.Context, sku string, decide func(Stock) (StockChange, error)) (Stock, error)
}

// Short says how much of a SKU was asked for and how much there is.
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
