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

// Pages serves product documents as they are sent, from a cache-aside in front of the catalogue. A change
// of the product or of its stock drops the page, here and at the CDN.
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

// NewPages returns the pages of a catalogue, cached in the store for about ttl. While the catalogue cannot be
// read, a cached page is served for an hour longer. A missing product is cached for a few seconds.
func NewPages(store cache.Store, catalog *Catalog, ttl time.Duration, metrics *telemetry.Metrics) *Pages {
	options := cache.AsideOptions{
		Name: "products", TTL: ttl, Jitter: 0.1, NegativeTTL: 5 * time.Second, StaleFor: time.Hour, Metrics: metrics,
	}
	return &Pages{cache: cache.NewAside(store, options, func(ctx context.Context, key string) ([]byte, error) {
		page, err := catalog.page(ctx, key[len(pageKey):])
		if err != nil {
			return nil, err
		}
		return encodePage(page), nil
	})}
}

// PurgeAt makes each Drop purge the CDN, too. It must be called before the first Drop.
func (p *Pages) PurgeAt(cdn Purger) { p.cdn = cdn }

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

// decodePage reads what encodePage returned. The document shares its memory.
func decodePage(cached []byte) (Page, error) {
	etag, rest, ok := bytes.Cut(cached, []byte{'\n'})
	keys, document, whole := bytes.Cut(rest, []byte{'\n'})
	if !ok || !whole {
		return Page{}, errors.New("its head is missing")
	}
	return Page{ETag: string(etag), Keys: string(keys), Document: document}, nil
}

// Drop forgets the pages of products that changed. The CDN is told last, so that it does not fetch again what is
// about to be forgotten; and it is told even if the cache could not be.
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
