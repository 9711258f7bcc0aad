package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/cache"
	"agora/telemetry"
)

// Offer is the part of a product that orders and stock need from the catalogue.
type Offer struct {
	ProductID string
	SKU       string
	Seller    string
	Name      string
	Price     Money
}

// Offers is the part of the catalogue that orders and stock use. The results omit products that do not exist.
type Offers interface {
	OffersByID(ctx context.Context, productIDs []string) (map[string]Offer, error)
	OffersBySKU(ctx context.Context, skus []string) (map[string]Offer, error)
}

var _ Offers = (*Catalog)(nil)

// OffersByID implements Offers.
func (c *Catalog) OffersByID(ctx context.Context, productIDs []string) (map[string]Offer, error) {
	cards, err := c.store.CardsByID(ctx, productIDs)
	return offers(cards, func(o Offer) string { return o.ProductID }), err
}

// OffersBySKU implements Offers.
func (c *Catalog) OffersBySKU(ctx context.Context, skus []string) (map[string]Offer, error) {
	cards, err := c.store.CardsBySKU(ctx, skus)
	return offers(cards, func(o Offer) string { return o.SKU }), err
}

func offers(cards []Card, key func(Offer) string) map[string]Offer {
	found := make(map[string]Offer, len(cards))
	for _, card := range cards {
		offer := Offer{ProductID: card.ID, SKU: card.SKU, Seller: card.Seller, Name: card.Name, Price: card.Price}
		found[key(offer)] = offer
	}
	return found
}

// CachedOffers are the offers of a catalogue, cached because each order looks up the offers of its lines. Before
// Catalog.Replace returns, the offer of the product is dropped from the cache.
type CachedOffers struct {
	catalog *Catalog
	cache   *cache.Aside
}

var _ Offers = (*CachedOffers)(nil)

// offerKey begins the cache's keys of offers, which may share a store with other caches.
const offerKey = "offer/"

// CachedOffersOptions are the options of CachedOffers.
type CachedOffersOptions struct {
	TTL     time.Duration // about how long an offer is cached
	Metrics *telemetry.Metrics
}

// NewCachedOffers returns the offers of a catalogue, cached in the store. The catalogue's hook Offered has to call Drop.
func NewCachedOffers(store cache.Store, catalog *Catalog, options CachedOffersOptions) *CachedOffers {
	o := &CachedOffers{catalog: catalog}
	o.cache = cache.NewAside(store, cache.AsideOptions{Name: "offers", TTL: options.TTL, Jitter: 0.1, Metrics: options.Metrics}, o.load)
	return o
}

// Drop removes the offer of a changed product from the cache.
func (o *CachedOffers) Drop(ctx context.Context, productID string) error {
	return o.cache.Invalidate(ctx, offerKey+productID)
}

func (o *CachedOffers) load(ctx context.Context, key string) ([]byte, error) {
	id := key[len(offerKey):]
	found, err := o.catalog.OffersByID(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	offer, ok := found[id]
	if !ok {
		return nil, fault.ErrNotFound("product", id)
	}
	return json.Marshal(offer)
}

// OffersByID implements Offers.
func (o *CachedOffers) OffersByID(ctx context.Context, productIDs []string) (map[string]Offer, error) {
	found := make(map[string]Offer, len(productIDs))
	for _, id := range productIDs {
		encoded, err := o.cache.Get(ctx, offerKey+id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var offer Offer
		if err := json.Unmarshal(encoded, &offer); err != nil {
			return nil, fmt.Errorf("decode the offer of %s: %w", id, err)
		}
		found[id] = offer
	}
	return found, nil
}

// OffersBySKU implements Offers. It has no cache, because only changes of stock use it.
func (o *CachedOffers) OffersBySKU(ctx context.Context, skus []string) (map[string]Offer, error) {
	return o.catalog.OffersBySKU(ctx, skus)
}
