package shop_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"agora/shop"
)

// blockedStock is a stock whose reads block until the test sends their result. It records the SKUs of each read.
type blockedStock struct {
	results chan error
	mu      sync.Mutex
	reads   [][]string
}

func (s *blockedStock) Stock(_ context.Context, skus []string) ([]shop.Stock, error) {
	s.mu.Lock()
	s.reads = append(s.reads, slices.Clone(skus))
	s.mu.Unlock()
	return nil, <-s.results
}

func (s *blockedStock) EachStock(context.Context, func(shop.Stock) error) error { return nil }

func changeOf(sku string) []shop.Event {
	return []shop.Event{{Fact: shop.Fact{SKU: sku}}}
}

// TestPartitionsShareOneInventoryRound projects events of three partitions during the round of a fourth. The next round
// reads their SKUs together, each once, and their calls return only at its end.
func TestPartitionsShareOneInventoryRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stock := &blockedStock{results: make(chan error)}
		inventory := shop.NewInventorySync(stock, shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{}), shop.InventorySyncOptions{})
		ended := make(chan error, 4)
		project := func(sku string) {
			go func() { ended <- inventory.Project(t.Context(), changeOf(sku)) }()
			synctest.Wait()
		}
		project("A")
		for _, sku := range []string{"C", "B", "C"} {
			project(sku)
		}
		stock.results <- nil
		synctest.Wait()
		if err := <-ended; err != nil || len(ended) > 0 {
			t.Errorf("after the first round: %v, and %d others have ended", err, len(ended))
		}
		lost := errors.New("no database")
		stock.results <- lost
		for range 3 {
			if err := <-ended; !errors.Is(err, lost) {
				t.Errorf("error of a batch in the second round = %v, want the round's", err)
			}
		}
		want := [][]string{{"A"}, {"B", "C"}}
		if !slices.EqualFunc(stock.reads, want, slices.Equal) {
			t.Errorf("read the stock of %v, want %v", stock.reads, want)
		}
	})
}
