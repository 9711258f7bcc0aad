package shop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"agora/fault"
)

// Catalog is the service for products: documents, lists, search and reviews. It decides who may change what
// and how hits are ranked; a CatalogStore stores and finds.
type Catalog struct {
	store   CatalogStore
	options CatalogOptions
}

// CatalogOptions are the hooks of a Catalog. Each may be nil. It is called after the change is committed, even if the
// caller has left, and before the method returns.
type CatalogOptions struct {
	// Changed gets the products whose documents have changed, so that cached documents can be dropped.
	Changed func(ctx context.Context, productIDs ...string)
	// Offered gets a product that may be offered under another name or price. Unlike documents, offers do not change
	// with stock and reviews.
	Offered func(ctx context.Context, productID string)
}

// NewCatalog returns the service over a store.
func NewCatalog(store CatalogStore, options CatalogOptions) *Catalog {
	if options.Changed == nil {
		options.Changed = func(context.Context, ...string) {}
	}
	if options.Offered == nil {
		options.Offered = func(context.Context, string) {}
	}
	return &Catalog{store: store, options: options}
}

// announce calls the hook for changed documents.
func (c *Catalog) announce(ctx context.Context, productIDs ...string) {
	c.options.Changed(context.WithoutCancel(ctx), productIDs...)
}

// Get returns a product, or fault.NotFound.
func (c *Catalog) Get(ctx context.Context, id string) (Product, error) {
	return c.store.Product(ctx, id)
}

// Encoded returns a product as the JSON document that an HTTP answer carries, and its ETag, quotes included.
// It is made to be cached as it is: the same ETag always comes with the same bytes.
func (c *Catalog) Encoded(ctx context.Context, id string) (document []byte, etag string, err error) {
	page, err := c.page(ctx, id)
	return page.Document, page.ETag, err
}

func (c *Catalog) page(ctx context.Context, id string) (Page, error) {
	p, err := c.store.Product(ctx, id)
	if err != nil {
		return Page{}, err
	}
	document, err := json.Marshal(p)
	if err != nil {
		return Page{}, fmt.Errorf("encode product %s: %w", id, err)
	}
	return Page{ETag: p.ETag(), Keys: p.ID + " " + p.Seller, Document: document}, nil
}

// Create offers a new product, which belongs to the actor. A SKU that is in use is fault.Conflict with the
// code sku_taken.
func (c *Catalog) Create(ctx context.Context, actor Actor, draft ProductDraft) (Product, error) {
	if err := draft.Validate(); err != nil {
		return Product{}, err
	}
	p := NewProduct(actor.ID, draft, now(), rand.Reader)
	taken, err := c.store.Insert(ctx, []IndexedProduct{newIndexedProduct(p)})
	if err != nil {
		return Product{}, err
	}
	if len(taken) > 0 {
		return Product{}, errSKUTaken(draft.SKU)
	}
	return p, nil
}

// CreateMany stores products made by NewProduct, in their order, for imports and generated data. Those whose SKU
// is in use are left out, so that an interrupted import can be run again; it returns how many are new.
// The drafts must be valid. It is fastest with some thousands of products a call and two calls side by side: one
// call's terms are made while the other's are stored.
func (c *Catalog) CreateMany(ctx context.Context, products []Product) (created int, err error) {
	entries := make([]IndexedProduct, len(products))
	for i, p := range products {
		entries[i] = newIndexedProduct(p)
	}
	taken, err := c.store.Insert(ctx, entries)
	if err != nil {
		return 0, err
	}
	return len(products) - len(taken), nil
}

// Replace overwrites the seller's fields with the draft. It fails with fault.Stale if the product is not at the
// expected version, and with fault.Denied if the product does not belong to the actor.
// The SKU cannot be changed, because stock and orders refer to it.
func (c *Catalog) Replace(ctx context.Context, actor Actor, id string, expected int64, draft ProductDraft) (Product, error) {
	p, err := c.store.Product(ctx, id)
	if err != nil {
		return Product{}, err
	}
	if err := actor.mayChange("product", p.Seller); err != nil {
		return Product{}, err
	}
	if err := draft.Validate(); err != nil {
		return Product{}, err
	}
	if draft.SKU != p.SKU {
		return Product{}, fault.ErrInvalid("sku", "cannot be changed")
	}
	draft.apply(&p)
	p.Version, p.UpdatedAt = expected+1, now()
	if err := c.store.Replace(ctx, newIndexedProduct(p), expected); err != nil {
		return Product{}, err
	}
	c.options.Offered(context.WithoutCancel(ctx), id)
	c.announce(ctx, id)
	return c.store.Product(ctx, id)
}
