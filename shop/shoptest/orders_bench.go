package shoptest

import (
	"fmt"
	"testing"

	"agora/ident"
	"agora/shop"
)

// BenchmarkOrders measures an order's two transactions, placed and confirmed, with many callers at once:
// the most that any checkout over the store can do.
func BenchmarkOrders(b *testing.B, open func(b *testing.B) shop.OrderStore) {
	s := open(b)
	const products = 1000
	skus := make([]string, products)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU-%04d", i)
		if _, err := s.ChangeStock(b.Context(), skus[i], setTo(1<<40)); err != nil {
			b.Fatal(err)
		}
	}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			p := Placement(ident.New("key"), skus[i*7919%products])
			_, err := s.Place(b.Context(), p)
			if err == nil {
				err = s.Advance(b.Context(), Confirmation(p))
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
