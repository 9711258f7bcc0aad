package shop_test

import (
	"context"
	"testing"
	"time"

	"agora/pattern/cache"
	"agora/shop"
)

// countedCards is a store that counts its look-ups by id.
type countedCards struct {
	shop.CatalogStore
	lookups int
}

func (c *countedCards) CardsByID(ctx context.Context, ids []string) ([]shop.Card, error) {
	c.lookups++
	return c.CatalogStore.CardsByID(ctx, ids)
}

func TestCachedOffersAreDroppedForPricesButNotForStock(t *testing.T) {
	store := &countedCards{CatalogStore: shop.NewMemoryCatalog()}
	var offers *shop.CachedOffers
	catalog := shop.NewCatalog(store, shop.CatalogOptions{Offered: func(ctx context.Context, id string) {
		if err := offers.Drop(ctx, id); err != nil {
			t.Error(err)
		}
	}})
	memory := cache.NewMemory(1 << 20)
	t.Cleanup(memory.Close)
	offers = shop.NewCachedOffers(memory, catalog, shop.CachedOffersOptions{TTL: time.Hour})
	draft := shop.ProductDraft{SKU: "LAMP", Name: "Lamp", Price: shop.Money{Amount: 1999, Currency: "GBP"}}
	seller := shop.Actor{ID: "usr_1"}
	lamp, err := catalog.Create(t.Context(), seller, draft)
	if err != nil {
		t.Fatal(err)
	}
	want := func(amount int64, lookups int) {
		t.Helper()
		found, err := offers.OffersByID(t.Context(), []string{lamp.ID, "prd_unknown"})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[lamp.ID].Price.Amount != amount || found[lamp.ID].Seller != "usr_1" {
			t.Errorf("offers = %+v, want the lamp alone for %d", found, amount)
		}
		if store.lookups != lookups {
			t.Errorf("%d look-ups reached the store, want %d", store.lookups, lookups)
		}
	}
	want(1999, 2) // one for the lamp, and one for the unknown product
	want(1999, 3)
	if _, err := catalog.SetInventory(t.Context(), []shop.Inventory{{SKU: "LAMP", Available: 5, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	want(1999, 4)
	draft.Price.Amount = 2999
	if _, err := catalog.Replace(t.Context(), seller, lamp.ID, 1, draft); err != nil {
		t.Fatal(err)
	}
	want(2999, 6)
}
