package shop_test

import (
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func TestMemoryCatalog(t *testing.T) {
	shoptest.Catalog(t, func(*testing.T) shop.CatalogStore { return shop.NewMemoryCatalog() })
}
