package feed

import (
	"context"

	"agora/fault"
)

// Products knows the products that posts are about. It says what holds now: a post shows the live price and stock.
type Products interface {
	// Products returns those of the products that exist, by identifier.
	Products(ctx context.Context, ids ...string) (map[string]Product, error)
}

// Product is what a post shows of its product.
type Product struct {
	ID    string
	Name  string
	Image string // a URL; empty for none
	Price Price
	Stock int64 // units for sale
}

// Price is the price of a product.
type Price struct {
	Amount   int64 // in the minor unit of the currency
	Currency string
}

// checkProduct returns an Invalid error for a product that does not exist.
func (s *Service) checkProduct(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	if s.Products == nil {
		return fault.ErrInvalid("product_id", "cannot be set: there is no shop")
	}
	found, err := s.Products.Products(ctx, id)
	if err != nil {
		return err
	}
	if _, ok := found[id]; !ok {
		return fault.ErrInvalid("product_id", "does not exist")
	}
	return nil
}

// ProductsOf returns what the products of posts are now, by identifier. Those that do not exist any more are missing.
// ok is false if the products cannot be read now.
func (s *Service) ProductsOf(ctx context.Context, posts ...Post) (found map[string]Product, ok bool) {
	var ids []string
	known := map[string]bool{}
	for i := range posts {
		if id := posts[i].Product; id != "" && !known[id] {
			known[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, true
	}
	if s.Products == nil {
		return nil, false
	}
	found, err := s.Products.Products(ctx, ids...)
	if err != nil {
		s.warn("the products of posts cannot be read", err)
		return nil, false
	}
	return found, true
}
