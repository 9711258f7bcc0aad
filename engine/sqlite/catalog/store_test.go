package catalog

import (
	"path/filepath"
	"testing"

	"agora/shop"
	"agora/shop/shoptest"
)

func openCatalog(tb testing.TB) *Store {
	tb.Helper()
	store, err := Open(tb.Context(), filepath.Join(tb.TempDir(), "catalog.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store
}

func TestCatalog(t *testing.T) {
	shoptest.Catalog(t, func(t *testing.T) shop.CatalogStore { return openCatalog(t) })
}

func BenchmarkCatalog(b *testing.B) {
	shoptest.BenchmarkCatalog(b, func(b *testing.B) shop.CatalogStore { return openCatalog(b) })
}
