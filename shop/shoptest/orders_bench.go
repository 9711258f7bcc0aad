package shoptest

import (
	"fmt"
	"runtime"
	"testing"

	"agora/ident"
	"agora/shop"
)

// BenchmarkOrders measures the two transactions of an order, its placement and its confirmation, with 64 concurrent
// callers. No checkout over the store can be faster. One benchmark spreads the orders over many SKUs; in the other, all
// orders have the same SKU.
func BenchmarkOrders(b *testing.B, open func(b *testing.B) shop.OrderStore) {
	for _, tt := range []struct {
		name string
		skus int
	}{{"1000 SKUs", 1000}, {"one hot SKU", 1}} {
		b.Run(tt.name, func(b *testing.B) { benchmarkOrders(b, open(b), tt.skus) })
	}
}

func benchmarkOrders(b *testing.B, s shop.OrderStore, products int) {
	skus := make([]string, products)
	stock := shop.ImportBatch{Source: "benchmark", Progress: []byte{}}
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU-%04d", i)
		stock.Stock = append(stock.Stock, shop.Stock{SKU: skus[i], OnHand: 1 << 40})
	}
	if err := s.Import(b.Context(), stock); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			p := Placement(ident.New("key"), skus[i*7919%products])
			_, err := s.Place(b.Context(), p)
			if err == nil {
				err = s.Advance(b.Context(), Confirmation(p))
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
