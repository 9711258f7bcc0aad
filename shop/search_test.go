package shop_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/fault"
	"agora/shop"
)

var products = rand.NewChaCha8([32]byte{1})

// product returns a product for CreateMany, with a price in US dollars.
func product(sku, name string) shop.Product {
	d := draft(sku)
	d.Name = name
	return shop.NewProduct(potter.ID, d, time.UnixMilli(1_700_000_000_000), products)
}

func fill(t *testing.T, catalog *shop.Catalog, products ...shop.Product) {
	t.Helper()
	if n, err := catalog.CreateMany(t.Context(), products); err != nil || n != len(products) {
		t.Fatalf("CreateMany = %d, %v, want %d", n, err, len(products))
	}
}

func search(t *testing.T, catalog *shop.Catalog, query shop.SearchQuery) shop.SearchPage {
	t.Helper()
	page, err := catalog.Search(t.Context(), query)
	if err != nil {
		t.Fatalf("%+v: %v", query, err)
	}
	return page
}

func skus(cards []shop.Card) []string {
	found := []string{}
	for _, card := range cards {
		found = append(found, card.SKU)
	}
	return found
}

// searchAll returns the SKUs of all pages of a search.
func searchAll(t *testing.T, catalog *shop.Catalog, query shop.SearchQuery) []string {
	t.Helper()
	found := []string{}
	for range 10_000 {
		page := search(t, catalog, query)
		found = append(found, skus(page.Items)...)
		if query.Cursor = page.Next; query.Cursor == "" {
			return found
		}
	}
	t.Fatalf("%+v does not end", query)
	return nil
}

// newSearchCatalog returns a catalogue with a few products to search.
func newSearchCatalog(t *testing.T) *shop.Catalog {
	t.Helper()
	catalog, _ := newCatalog()
	mug := product("MUG", "Blue enamel mug")
	mug.Categories, mug.Attributes = []string{"kitchen"}, map[string]string{"color": "blue"}
	cup := product("CUP", "Crème brûlée cup")
	cup.Description = "As blue as a mug can be."
	cup.Categories, cup.Price.Amount = []string{"kitchen", "home-decor"}, 500
	tree := product("TREE", "Mug tree")
	tree.Price.Amount, tree.Attributes = 3000, map[string]string{"color": "brown"}
	tea := product("TEA-7", "お茶 Men’s tea")
	tea.Price = shop.Money{Amount: 100, Currency: "EUR"}
	fill(t, catalog, mug, cup, tree, tea)
	stock := []shop.Inventory{{SKU: "CUP", Available: 3, StockVersion: 1}, {SKU: "TREE", Available: 1, StockVersion: 1}}
	if _, err := catalog.SetInventory(t.Context(), stock); err != nil {
		t.Fatal(err)
	}
	return catalog
}

func TestSearchFinds(t *testing.T) {
	catalog := newSearchCatalog(t)
	tests := []struct {
		name  string
		query shop.SearchQuery
		want  []string
	}{
		{"a word, first those with it in the name", shop.SearchQuery{Text: "mug "}, []string{"TREE", "MUG", "CUP"}},
		{"products with all words", shop.SearchQuery{Text: "blue mug "}, []string{"MUG", "CUP"}},
		{"the last word as a prefix", shop.SearchQuery{Text: "blue ename"}, []string{"MUG"}},
		{"a finished word is no prefix", shop.SearchQuery{Text: "ename "}, nil},
		{"a word with a star", shop.SearchQuery{Text: "ename* mug "}, []string{"MUG"}},
		{"without diacritics", shop.SearchQuery{Text: "CREME brulee"}, []string{"CUP"}},
		{"with diacritics", shop.SearchQuery{Text: "brûlée"}, []string{"CUP"}},
		{"without an apostrophe", shop.SearchQuery{Text: "mens "}, []string{"TEA-7"}},
		{"an ideograph", shop.SearchQuery{Text: "茶"}, []string{"TEA-7"}},
		{"a SKU", shop.SearchQuery{Text: "tea-7"}, []string{"TEA-7"}},
		{"a category by its name", shop.SearchQuery{Text: "decor"}, []string{"CUP"}},
		{"no such word", shop.SearchQuery{Text: "sofa"}, nil},
		{"in a category", shop.SearchQuery{Category: "kitchen"}, []string{"CUP", "MUG"}},
		{"of a seller", shop.SearchQuery{Seller: potter.ID, Category: "home-decor"}, []string{"CUP"}},
		{"of another seller", shop.SearchQuery{Seller: weaver.ID}, nil},
		{"with an attribute", shop.SearchQuery{Text: "mug", Attributes: map[string]string{"color": "brown"}}, []string{"TREE"}},
		{"a range of prices", shop.SearchQuery{Currency: "USD", MinPrice: 500, MaxPrice: 1999}, []string{"CUP", "MUG"}},
		{"in stock", shop.SearchQuery{Text: "mug ", InStock: true}, []string{"TREE", "CUP"}},
		{"cheapest first", shop.SearchQuery{Text: "mug", Sort: shop.ByPriceAsc, Currency: "USD"}, []string{"CUP", "MUG", "TREE"}},
		{"most expensive first", shop.SearchQuery{Sort: shop.ByPriceDesc, Currency: "USD"}, []string{"TREE", "MUG", "CUP"}},
		{"newest first", shop.SearchQuery{Text: "mug ", Sort: shop.ByNewest}, []string{"TREE", "CUP", "MUG"}},
		{"everything", shop.SearchQuery{}, []string{"TEA-7", "TREE", "CUP", "MUG"}},
		{"everything, the best first", shop.SearchQuery{Sort: shop.ByRelevance}, []string{"TREE", "CUP", "TEA-7", "MUG"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := search(t, catalog, tt.query)
			if got := skus(page.Items); !slices.Equal(got, tt.want) {
				t.Errorf("found %v, want %v", got, tt.want)
			}
			if page.Next != "" {
				t.Error("there is a next page, and all results fit into one")
			}
			tt.query.Limit = 1
			if got := searchAll(t, catalog, tt.query); !slices.Equal(got, tt.want) {
				t.Errorf("page by page found %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSearchRefuses(t *testing.T) {
	catalog := newSearchCatalog(t)
	next := search(t, catalog, shop.SearchQuery{Text: "mug", Limit: 1}).Next
	many := map[string]string{}
	for i := range 9 {
		many[fmt.Sprint(i)] = "x"
	}
	tests := []struct {
		name  string
		query shop.SearchQuery
		want  []string
	}{
		{"too much text", shop.SearchQuery{Text: strings.Repeat("x", 201)}, []string{"q"}},
		{"too many words", shop.SearchQuery{Text: "a b c d e f g h i j k l m"}, []string{"q"}},
		{"no words", shop.SearchQuery{Text: "!?"}, []string{"q"}},
		{"no slug", shop.SearchQuery{Category: "No Slug"}, []string{"category"}},
		{"long seller", shop.SearchQuery{Seller: strings.Repeat("x", 65)}, []string{"seller"}},
		{"many attributes", shop.SearchQuery{Attributes: many}, []string{"attributes"}},
		{"prices", shop.SearchQuery{MinPrice: -2, MaxPrice: -1}, []string{"price_min", "price_max", "currency"}},
		{"an empty range", shop.SearchQuery{Currency: "USD", MinPrice: 2, MaxPrice: 1}, []string{"price_max"}},
		{"an order of prices in no currency", shop.SearchQuery{Sort: shop.ByPriceAsc}, []string{"currency"}},
		{"no currency", shop.SearchQuery{Currency: "XX"}, []string{"currency"}},
		{"an unknown order", shop.SearchQuery{Sort: "best"}, []string{"sort"}},
		{"a limit", shop.SearchQuery{Limit: 101}, []string{"limit"}},
		{"a cursor", shop.SearchQuery{Cursor: "????"}, []string{"cursor"}},
		{"a cursor of another search", shop.SearchQuery{Text: "cup", Cursor: next}, []string{"cursor"}},
		{"a cursor of another order", shop.SearchQuery{Text: "mug", Sort: shop.ByNewest, Cursor: next}, []string{"cursor"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := catalog.Search(t.Context(), tt.query)
			if got := offending(err); !slices.Equal(got, tt.want) {
				t.Errorf("offending fields %q, want %q (%v, %d items)", got, tt.want, err, len(page.Items))
			}
		})
	}
}

func TestRankingPrefers(t *testing.T) {
	tests := []struct {
		name, text    string
		better, worse string
	}{
		{"the exact word", "mug", "Mug with lid", "Mugs with lid"},
		{"the first word", "mug ", "Mug of blue steel", "Steel of blue mug"},
		{"words side by side", "blue mug ", "My blue mug stand", "My blue stand mug"},
		{"a short name", "mug ", "Mug", "Mug with lid and spoon"},
		{"more words in the name", "blue mug steel ", "Blue mug lid", "Blue lid box"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			catalog, _ := newCatalog()
			better, worse := product("BETTER", tt.better), product("WORSE", tt.worse)
			better.Description, worse.Description = "steel mug", "steel mug"
			fill(t, catalog, better, worse)
			if got, want := skus(search(t, catalog, shop.SearchQuery{Text: tt.text}).Items), []string{"BETTER", "WORSE"}; !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", tt.text, got, want)
			}
		})
	}
}

func TestRankingCountsQuality(t *testing.T) {
	catalog, _ := newCatalog()
	fill(t, catalog, product("LOVED", "Mug"), product("STOCKED", "Mug"), product("PLAIN", "Mug"), product("HATED", "Mug"))
	for sku, rating := range map[string]int64{"LOVED": 5, "HATED": 1} {
		offers, err := catalog.OffersBySKU(t.Context(), []string{sku})
		if err != nil {
			t.Fatal(err)
		}
		for user := range 100 {
			if _, err := catalog.AddReview(t.Context(), shop.Actor{ID: fmt.Sprint(user)}, offers[sku].ProductID, shop.ReviewDraft{Rating: rating}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := catalog.SetInventory(t.Context(), []shop.Inventory{{SKU: "STOCKED", Available: 1, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	want := []string{"LOVED", "STOCKED", "PLAIN", "HATED"}
	if got := skus(search(t, catalog, shop.SearchQuery{Text: "mug "}).Items); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestFacets(t *testing.T) {
	catalog := newSearchCatalog(t)
	got := search(t, catalog, shop.SearchQuery{Text: "mug", Sort: shop.ByPriceAsc, Currency: "USD", Limit: 1, Facets: true}).Facets
	want := &shop.Facets{
		Complete: true, Sample: 3, InStock: 2,
		Categories: []shop.FacetCount{{Value: "kitchen", Count: 2}, {Value: "home-decor", Count: 1}},
		Attributes: []shop.AttributeFacet{{Name: "color", Values: []shop.FacetCount{{Value: "blue", Count: 1}, {Value: "brown", Count: 1}}}},
		Prices: []shop.PriceBand{
			{Currency: "USD", Min: 500, Max: 999, Count: 1}, {Currency: "USD", Min: 1000, Max: 1999, Count: 1},
			{Currency: "USD", Min: 2000, Max: 4999, Count: 1},
		},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if page := search(t, catalog, shop.SearchQuery{Text: "mug"}); page.Facets != nil {
		t.Error("there are facets that were not requested")
	}
}

// countingStore counts the scans of a store, their cards and their budgets.
type countingStore struct {
	shop.CatalogStore
	scans, cards, budget int
}

func (c *countingStore) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	batch, err := c.CatalogStore.Scan(ctx, scan)
	c.scans++
	c.cards += len(batch.Cards)
	c.budget += scan.Budget
	return batch, err
}

// TestCommonWordsCostNoMoreThanRareOnes searches 3,000 products for a word that all have in their name, a word that all have
// in their description, and a word that ten have. The work for each page must stay below the same bound.
func TestCommonWordsCostNoMoreThanRareOnes(t *testing.T) {
	const n, rare = 3_000, 10
	store := &countingStore{CatalogStore: shop.NewMemoryCatalog()}
	catalog := shop.NewCatalog(store, shop.CatalogOptions{})
	all := make([]shop.Product, n)
	for i := range all {
		all[i] = product(fmt.Sprint("SKU", i), fmt.Sprint("Common thing ", i))
		all[i].Description, all[i].Price.Amount = "mentioned", int64(i%50)
		if i%(n/rare) == 0 {
			all[i].Name = "Rare " + all[i].Name
		}
	}
	fill(t, catalog, all...)
	for text, matches := range map[string]int{"common ": n, "mentioned ": n, "comm": n, "rare ": rare, "common rare ": rare} {
		for _, sort := range []shop.Sort{shop.ByRelevance, shop.ByNewest, shop.ByPriceAsc, shop.ByPriceDesc} {
			query := shop.SearchQuery{Text: text, Sort: sort, Currency: "USD", Facets: true, Limit: 100}
			seen := map[string]bool{}
			for {
				store.scans, store.cards, store.budget = 0, 0, 0
				page := search(t, catalog, query)
				if store.scans > 5 || store.cards > 2_000 || store.budget > 20_000 {
					t.Fatalf("%q by %s: a page took %d scans, %d cards and a budget of %d", text, sort, store.scans, store.cards, store.budget)
				}
				if got, want := page.Facets.Complete, matches == rare; got != want {
					t.Errorf("%q by %s: facets of %d matches are complete: %v", text, sort, matches, got)
				}
				for _, card := range page.Items {
					if seen[card.SKU] {
						t.Fatalf("%q by %s: %s is found twice", text, sort, card.SKU)
					}
					seen[card.SKU] = true
				}
				if query.Cursor = page.Next; query.Cursor == "" {
					break
				}
			}
			if len(seen) != matches {
				t.Errorf("%q by %s: found %d products, want %d", text, sort, len(seen), matches)
			}
		}
	}
}

// oneByOneStore reads one product per scan, like a store whose budget a selective filter uses up.
type oneByOneStore struct{ shop.CatalogStore }

func (s oneByOneStore) Scan(ctx context.Context, scan shop.Scan) (shop.Batch, error) {
	unfiltered := scan
	unfiltered.InStock, unfiltered.Limit = false, 1
	batch, err := s.CatalogStore.Scan(ctx, unfiltered)
	if scan.InStock {
		batch.Cards = slices.DeleteFunc(batch.Cards, func(c shop.Card) bool { return c.InventoryCount == 0 })
	}
	return batch, err
}

func TestAPageWhoseBudgetIsUsedUpHasACursor(t *testing.T) {
	store := shop.NewMemoryCatalog()
	fill(t, shop.NewCatalog(store, shop.CatalogOptions{}), product("OLDEST", "Mug"), product("B", "Mug"), product("C", "Mug"), product("D", "Mug"),
		product("E", "Mug"), product("F", "Mug"), product("G", "Mug"), product("H", "Mug"), product("I", "Mug"))
	catalog := shop.NewCatalog(oneByOneStore{store}, shop.CatalogOptions{})
	if _, err := catalog.SetInventory(t.Context(), []shop.Inventory{{SKU: "OLDEST", Available: 1, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	for _, sort := range []shop.Sort{shop.ByRelevance, shop.ByNewest} {
		query := shop.SearchQuery{Text: "mug", Sort: sort, InStock: true}
		page := search(t, catalog, query)
		if len(page.Items) != 0 || page.Next == "" {
			t.Fatalf("by %s: first page has %d items and the cursor %q, want none and one", sort, len(page.Items), page.Next)
		}
		if got, want := searchAll(t, catalog, query), []string{"OLDEST"}; !slices.Equal(got, want) {
			t.Errorf("by %s: found %v, want %v", sort, got, want)
		}
	}
}

func TestPagesDoNotShiftWhileProductsAreAdded(t *testing.T) {
	for _, sort := range []shop.Sort{shop.ByRelevance, shop.ByNewest, shop.ByPriceAsc} {
		catalog, _ := newCatalog()
		want := map[string]bool{}
		for i := range 1_000 {
			p := product(fmt.Sprint("SKU", i), "Mug")
			p.Price.Amount = int64(i)
			fill(t, catalog, p)
			want[p.SKU] = true
		}
		query := shop.SearchQuery{Text: "mug", Sort: sort, Currency: "USD", Limit: 90}
		got := map[string]bool{}
		for added := 0; ; added++ {
			page := search(t, catalog, query)
			for _, card := range page.Items {
				if got[card.SKU] {
					t.Errorf("by %s: %s is found twice", sort, card.SKU)
				}
				got[card.SKU] = true
			}
			if query.Cursor = page.Next; query.Cursor == "" {
				break
			}
			fill(t, catalog, product(fmt.Sprint("NEW", added), "Mug")) // its price is above all others
		}
		maps.DeleteFunc(got, func(sku string, _ bool) bool { return strings.HasPrefix(sku, "NEW") })
		if !maps.Equal(got, want) {
			t.Errorf("by %s: found %d of %d products that existed at the beginning", sort, len(got), len(want))
		}
	}
}

func TestList(t *testing.T) {
	catalog := newSearchCatalog(t)
	page, err := catalog.List(t.Context(), shop.ProductList{Category: "kitchen", Limit: 1})
	if err != nil || !slices.Equal(skus(page.Items), []string{"CUP"}) || page.Next == "" {
		t.Fatalf("first page = %v, %v, next %q, want CUP and a cursor", skus(page.Items), err, page.Next)
	}
	page, err = catalog.List(t.Context(), shop.ProductList{Category: "kitchen", Limit: 1, Cursor: page.Next})
	if err != nil || !slices.Equal(skus(page.Items), []string{"MUG"}) || page.Next != "" {
		t.Errorf("second page = %v, %v, next %q, want MUG and no cursor", skus(page.Items), err, page.Next)
	}
	if _, err := catalog.List(t.Context(), shop.ProductList{Category: "Kitchen"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a category that is no slug: %v", err)
	}
}
