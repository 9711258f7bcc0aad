package shoptest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/shop"
)

// BenchmarkCatalog measures a store through the service: inserting products, and searching for words that all, some and few
// products have. open returns an empty store. AGORA_BENCH_PRODUCTS sets the number of products, by default 10,000. A search
// should cost about the same with 100 times as many.
func BenchmarkCatalog(b *testing.B, open func(b *testing.B) shop.CatalogStore) {
	n := 10_000
	if set := os.Getenv("AGORA_BENCH_PRODUCTS"); set != "" {
		var err error
		if n, err = strconv.Atoi(set); err != nil {
			b.Fatalf("AGORA_BENCH_PRODUCTS: %v", err)
		}
	}
	catalog := shop.NewCatalog(open(b), shop.CatalogOptions{})
	perSecond := insertAll(b, catalog, n)
	usd := shop.SearchQuery{Currency: "USD", Sort: shop.ByPriceAsc}
	for _, bench := range []struct {
		name  string
		query shop.SearchQuery
	}{
		{"rare word", shop.SearchQuery{Text: "rare "}},
		{"word of all", shop.SearchQuery{Text: "common "}},
		{"word of half, facets", shop.SearchQuery{Text: "even ", Facets: true}},
		{"frequent word", shop.SearchQuery{Text: word(0) + " "}},
		{"rare and common word", shop.SearchQuery{Text: "common rare "}},
		{"one letter", shop.SearchQuery{Text: "b"}},
		{"prefix of many words", shop.SearchQuery{Text: word(0)[:3]}},
		{"prefix of very many words", shop.SearchQuery{Text: "000"}},
		{"common word in a category", shop.SearchQuery{Text: "common ", Category: "category-7"}},
		{"common word, in stock only", shop.SearchQuery{Text: "common ", InStock: true}},
		{"rare word by price", shop.SearchQuery{Text: "rare ", Currency: usd.Currency, Sort: usd.Sort}},
		{"word of some by price", shop.SearchQuery{Text: word(100) + " ", Currency: usd.Currency, Sort: usd.Sort}},
		{"common word by price", shop.SearchQuery{Text: "common ", Currency: usd.Currency, Sort: usd.Sort}},
		{"words that never meet", shop.SearchQuery{Text: "even odd "}},
		{"list", shop.SearchQuery{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			durations := searchInParallel(b, catalog, bench.query)
			slices.Sort(durations)
			b.ReportMetric(float64(durations[len(durations)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(durations[len(durations)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(perSecond, "inserts/s")
		})
	}
}

// searchInParallel runs the query b.N times, on as many goroutines as there are processors.
func searchInParallel(b *testing.B, catalog *shop.Catalog, query shop.SearchQuery) []time.Duration {
	var mu sync.Mutex
	var durations []time.Duration
	b.RunParallel(func(pb *testing.PB) {
		var own []time.Duration
		for pb.Next() {
			begin := time.Now()
			if _, err := catalog.Search(b.Context(), query); err != nil {
				b.Error(err)
			}
			own = append(own, time.Since(begin))
		}
		mu.Lock()
		defer mu.Unlock()
		durations = append(durations, own...)
	})
	return durations
}

// insertAll inserts n products in batches, two at a time, and returns how many it inserted per second.
func insertAll(b *testing.B, catalog *shop.Catalog, n int) float64 {
	const batch = 5_000
	begin := time.Now()
	var workers sync.WaitGroup
	for w := range 2 {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			words := rand.NewZipf(random, 1.07, 8, 50_000)
			for first := w * batch; first < n; first += 2 * batch {
				products := make([]shop.Product, min(batch, n-first))
				for i := range products {
					products[i] = wordyProduct(random, words, first+i)
				}
				if created, err := catalog.CreateMany(b.Context(), products); err != nil || created != len(products) {
					b.Errorf("CreateMany = %d, %v, want %d", created, err, len(products))
				}
			}
		})
	}
	workers.Wait()
	return float64(n) / time.Since(begin).Seconds()
}

// wordyProduct returns the product number n. Its words are distributed like those of a language: few are frequent, many
// are rare. All products have the word common, half of them even and the others odd, and one in 10,000 rare.
func wordyProduct(random *rand.Rand, words *rand.Zipf, n int) shop.Product {
	text := func(length int) string {
		parts := make([]string, length)
		for i := range parts {
			parts[i] = word(int(words.Uint64()))
		}
		return strings.Join(parts, " ")
	}
	name := text(4)
	if n%10_000 == 0 {
		name += " rare"
	}
	return shop.NewProduct(fmt.Sprintf("usr_%026d", n%1_000), shop.ProductDraft{
		SKU:         fmt.Sprintf("SKU-%08d", n),
		Name:        name,
		Description: "common " + []string{"even ", "odd "}[n%2] + text(20),
		Price:       shop.Money{Amount: 100 + random.Int64N(20_000), Currency: "USD"},
		Categories:  []string{fmt.Sprintf("category-%d", random.IntN(200))},
		Attributes:  map[string]string{"color": word(random.IntN(20)), "size": strconv.Itoa(random.IntN(8))},
		Images:      []string{fmt.Sprintf("https://example.com/%d.jpg", n)},
	}, time.UnixMilli(1_700_000_000_000+int64(n)), rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}))
}

// word returns the word number n of an artificial language.
func word(n int) string {
	syllables := [...]string{"ba", "ke", "mi", "ro", "su", "ta", "lo", "ne", "vi", "gra", "sto", "pli", "ran", "del", "mor", "fen"}
	text := ""
	for n += len(syllables) * len(syllables); n > 0; n /= len(syllables) {
		text += syllables[n%len(syllables)]
	}
	return text
}
