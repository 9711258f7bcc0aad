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

// slowStock answers when it is told to, and notes what it was asked for.
type slowStock struct {
	answer chan error
	mu     sync.Mutex
	asked  [][]string
}

func (s *slowStock) Stock(_ context.Context, skus []string) ([]shop.Stock, error) {
	s.mu.Lock()
	s.asked = append(s.asked, slices.Clone(skus))
	s.mu.Unlock()
	return nil, <-s.answer
}

func (s *slowStock) EachStock(context.Context, func(shop.Stock) error) error { return nil }

func changeOf(sku string) []shop.Event {
	return []shop.Event{{Fact: shop.Fact{SKU: sku}}}
}

// TestPartitionsShareOneInventoryRound has three partitions come while a fourth one's events are carried: they are
// carried together, each SKU once, and none of them is told so before.
func TestPartitionsShareOneInventoryRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stock := &slowStock{answer: make(chan error)}
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
		stock.answer <- nil
		synctest.Wait()
		if err := <-ended; err != nil || len(ended) > 0 {
			t.Errorf("after the first round: %v, and %d others have ended", err, len(ended))
		}
		lost := errors.New("no database")
		stock.answer <- lost
		for range 3 {
			if err := <-ended; !errors.Is(err, lost) {
				t.Errorf("error of a batch in the second round = %v, want the round's", err)
			}
		}
		want := [][]string{{"A"}, {"B", "C"}}
		if !slices.EqualFunc(stock.asked, want, slices.Equal) {
			t.Errorf("read the stock of %v, want %v", stock.asked, want)
		}
	})
}
