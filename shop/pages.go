package shop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/cache"
	"agora/telemetry"
)

// Pages serves product documents from a cache-aside in front of the catalogue, encoded for an HTTP response. A change of
// the product or of its stock drops the page from the cache and from the CDN.
type Pages struct {
	cache *cache.Aside
	cdn   Purger
}

// Purger asks a CDN to drop pages. Purge drops the pages that have one of the keys. It returns at once, so that
// the change that causes it does not wait for the CDN.
type Purger interface {
	Purge(keys ...string)
}

// Page is a product's document in JSON, its ETag including the quotes, and its purge keys.
type Page struct {
	ETag     string
	Keys     string // the product's id and its seller's, with a space between them
	Document []byte // must not be changed
}

// pageKey begins the cache's keys of pages, which may share a store with other caches.
const pageKey = "page/"

// PagesOptions are the options of Pages.
type PagesOptions struct {
	TTL     time.Duration // about how long a page is cached
	Metrics *telemetry.Metrics
	CDN     Purger // that Drop purges as well; nil for none
}

// NewPages returns the pages of a catalogue, cached in the store. The catalogue's hook Changed has to call Drop. While
// the catalogue cannot be read, a cached page is served for an hour longer. A missing product is cached for a few seconds.
func NewPages(store cache.Store, catalog *Catalog, options PagesOptions) *Pages {
	aside := cache.AsideOptions{
		Name: "products", TTL: options.TTL, Jitter: 0.1, NegativeTTL: 5 * time.Second, StaleFor: time.Hour, Metrics: options.Metrics,
	}
	return &Pages{cdn: options.CDN, cache: cache.NewAside(store, aside, func(ctx context.Context, key string) ([]byte, error) {
		page, err := catalog.page(ctx, key[len(pageKey):])
		if err != nil {
			return nil, err
		}
		return encodePage(page), nil
	})}
}

// Page returns the page of a product, or fault.NotFound.
func (p *Pages) Page(ctx context.Context, productID string) (Page, error) {
	if err := ident.Check(ident.Product, productID); err != nil {
		return Page{}, fault.ErrInvalid("id", "%v", err)
	}
	entry, err := p.cache.Get(ctx, pageKey+productID)
	if err != nil {
		return Page{}, err
	}
	page, err := decodePage(entry)
	if err != nil {
		return Page{}, fmt.Errorf("the cached page of %s: %w", productID, err)
	}
	return page, nil
}

// encodePage returns a page as the cache holds it: the ETag and the keys, a line each, and the document.
func encodePage(page Page) []byte {
	return append([]byte(page.ETag+"\n"+page.Keys+"\n"), page.Document...)
}

// decodePage decodes a cached page. The document shares the memory of cached.
func decodePage(cached []byte) (Page, error) {
	etag, rest, ok := bytes.Cut(cached, []byte{'\n'})
	keys, document, whole := bytes.Cut(rest, []byte{'\n'})
	if !ok || !whole {
		return Page{}, errors.New("its head is missing")
	}
	return Page{ETag: string(etag), Keys: string(keys), Document: document}, nil
}

// Drop removes the pages of changed products from the cache, and then from the CDN, which could otherwise fetch an old
// page from the cache. It purges the CDN even if the cache fails.
func (p *Pages) Drop(ctx context.Context, productIDs ...string) error {
	keys := make([]string, len(productIDs))
	for i, id := range productIDs {
		keys[i] = pageKey + id
	}
	err := p.cache.Invalidate(ctx, keys...)
	if p.cdn != nil {
		p.cdn.Purge(productIDs...)
	}
	return err
}
