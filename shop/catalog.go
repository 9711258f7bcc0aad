package shop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"agora/fault"
)

// Catalog is the service for products: documents, lists, search and reviews. It checks permissions and ranks the hits of
// a search. A CatalogStore stores and finds the products.
type Catalog struct {
	store   CatalogStore
	options CatalogOptions
}

// CatalogOptions are the hooks of a Catalog. Each may be nil. A method calls a hook after the commit of its change and
// before it returns, even if the context of its caller has ended.
type CatalogOptions struct {
	// Changed gets the products whose documents have changed, so that cached documents can be dropped.
	Changed func(ctx context.Context, productIDs ...string)
	// Offered gets a product whose name or price may have changed, so that a cached offer can be dropped. Changes of
	// stock and reviews do not call it.
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

func (c *Catalog) announce(ctx context.Context, productIDs ...string) {
	c.options.Changed(context.WithoutCancel(ctx), productIDs...)
}

// Get returns a product, or fault.NotFound.
func (c *Catalog) Get(ctx context.Context, id string) (Product, error) {
	return c.store.Product(ctx, id)
}

// Encoded returns a product as the JSON document of an HTTP response, and its ETag including the quotes. The document
// can be cached, because an ETag always stands for the same bytes.
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

// Create adds a product that belongs to the actor. It fails with the Conflict sku_taken if the SKU is in use.
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

// CreateMany inserts products that NewProduct made, in their order, for imports and generated data. It returns how many
// it inserted, and skips those whose SKU is in use, so that an interrupted import can be repeated. The drafts must be
// valid. It is fastest with some thousands of products per call and two concurrent calls: while one call writes, the
// other computes its terms.
func (c *Catalog) CreateMany(ctx context.Context, products []Product) (created int, err error) {
	indexed := make([]IndexedProduct, len(products))
	for i, p := range products {
		indexed[i] = newIndexedProduct(p)
	}
	taken, err := c.store.Insert(ctx, indexed)
	if err != nil {
		return 0, err
	}
	return len(products) - len(taken), nil
}

// Replace overwrites the seller's fields with the draft. It fails with fault.Stale if the product is not at the expected
// version, and with fault.Denied if the actor may not change the product. The SKU cannot be changed, because stock and
// orders refer to it.
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
