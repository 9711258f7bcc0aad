package catalog

import (
	"context"
	"sync/atomic"
	"testing"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/shop"
	"agora/shop/shoptest"
)

func openCatalog(tb testing.TB, url string) *Store {
	tb.Helper()
	return postgrestest.Must[*Store](tb)(Open(tb.Context(), postgrestest.Open(tb, url, postgres.Open)))
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	shoptest.Catalog(t, func(t *testing.T) shop.CatalogStore { return openCatalog(t, server.Database(t)) })
}

func BenchmarkCatalog(b *testing.B) {
	shoptest.BenchmarkCatalog(b, func(b *testing.B) shop.CatalogStore { return openCatalog(b, server.Database(b)) })
}

// TestCatalogWithLowLimits runs the suite with searches that read a few positions at a time and stop early, so that each
// needs many rounds and many scans, as with millions of products.
func TestCatalogWithLowLimits(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]searchLimits{
		"short rounds": {budget: 4_000, firstRead: 2, maxSteps: 32_000, maxSorted: 20},
		"few steps":    {budget: 4_000, firstRead: 1, maxSteps: 1, maxSorted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			shoptest.Catalog(t, func(t *testing.T) shop.CatalogStore {
				store := openCatalog(t, server.Database(t))
				store.limits = limits
				return store
			})
		})
	}
}

// spread is a store that sends its calls to several servers in turn.
type spread struct {
	shop.CatalogStore
	servers []*Store
	calls   atomic.Int64
}

func (s *spread) next() *Store { return s.servers[s.calls.Add(1)%int64(len(s.servers))] }

func (s *spread) Insert(ctx context.Context, entries []shop.IndexedProduct) ([]string, error) {
	return s.next().Insert(ctx, entries)
}

func (s *spread) Replace(ctx context.Context, entry shop.IndexedProduct, expected int64) error {
	return s.next().Replace(ctx, entry, expected)
}

func (s *spread) AddReview(ctx context.Context, review shop.Review) error {
	return s.next().AddReview(ctx, review)
}

func (s *spread) SetInventory(ctx context.Context, stock []shop.Inventory) ([]string, error) {
	return s.next().SetInventory(ctx, stock)
}

func (s *spread) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	return s.next().Scan(ctx, scan)
}

func TestCatalogOfSeveralServers(t *testing.T) {
	t.Parallel()
	shoptest.Catalog(t, func(t *testing.T) shop.CatalogStore {
		url := server.Database(t)
		servers := []*Store{openCatalog(t, url), openCatalog(t, url), openCatalog(t, url)}
		return &spread{CatalogStore: servers[0], servers: servers}
	})
}
