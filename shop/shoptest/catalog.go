package shoptest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/shop"
)

// Catalog is the suite of shop.CatalogStore. open returns an empty store that the test's cleanup closes.
func Catalog(t *testing.T, open func(t *testing.T) shop.CatalogStore) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, shop.CatalogStore)
	}{
		{"a stored document is read unchanged", documentRoundTrip},
		{"a SKU belongs to one product", skuIsUnique},
		{"replace expects a version", replaceExpectsVersion},
		{"replace changes the terms of a product", replaceReindexes},
		{"cards are found by id and by SKU", cardsByKey},
		{"older stock never overwrites newer", inventoryVersions},
		{"reviews are counted and the latest embedded", reviewsAreEmbedded},
		{"reviews are listed newest first", reviewsAreListed},
		{"a scan finds the same as the reference", scanLikeTheReference},
		{"scans with a small budget find everything", scanWithinBudget},
		{"writes and reads may be concurrent", concurrentCatalog},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

const seller = "usr_00000000000000000000000001"

// product returns the product number n. All of its fields are set.
func product(n int) shop.Product {
	p := shop.NewProduct(seller, shop.ProductDraft{
		SKU:         fmt.Sprintf("SKU-%05d", n),
		Name:        fmt.Sprintf("Enamel mug %d", n),
		Description: "Holds 0.3 l of tea – or café au lait.\nDishwasher safe.",
		Price:       shop.Money{Amount: int64(100 + n), Currency: "EUR"},
		Categories:  []string{"kitchen", "home-decor"},
		Attributes:  map[string]string{"color": "blue", "size": "0.3 l"},
		Images:      []string{"https://example.com/mug.jpg", "https://example.com/mug-2.jpg"},
	}, time.UnixMilli(1_700_000_000_000+int64(n)), rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}))
	return p
}

func indexed(n int, words ...string) shop.IndexedProduct {
	return shop.IndexedProduct{Product: product(n), Words: words}
}

func mustInsert(t *testing.T, store shop.CatalogStore, products ...shop.IndexedProduct) {
	t.Helper()
	taken, err := store.Insert(t.Context(), products)
	if err != nil || len(taken) > 0 {
		t.Fatalf("Insert: taken %v, error %v", taken, err)
	}
}

func mustGet(t *testing.T, store shop.CatalogStore, id string) shop.Product {
	t.Helper()
	p, err := store.Product(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error = %v, want the kind %v", err, kind)
	}
}

func documentRoundTrip(t *testing.T, store shop.CatalogStore) {
	bare := shop.NewProduct(seller, shop.ProductDraft{SKU: "bare", Name: "Bare", Price: shop.Money{Currency: "EUR"}},
		time.UnixMilli(5), rand.NewChaCha8([32]byte{}))
	for _, want := range []shop.Product{product(1), bare} {
		mustInsert(t, store, shop.IndexedProduct{Product: want})
		if got := mustGet(t, store, want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		cards, err := store.CardsByID(t.Context(), []string{want.ID})
		if err != nil || len(cards) != 1 {
			t.Fatalf("CardsByID = %v, %v, want one card", cards, err)
		}
		card := want.Card()
		if cards[0].Position <= 0 {
			t.Errorf("position = %d, want it positive", cards[0].Position)
		}
		cards[0].Position = 0
		if !reflect.DeepEqual(cards[0], card) {
			t.Errorf("got  %+v\nwant %+v", cards[0], card)
		}
	}
	_, err := store.Product(t.Context(), ident.New(ident.Product))
	wantKind(t, err, fault.NotFound)
}

func skuIsUnique(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1))
	again, twice := indexed(2), indexed(3)
	again.Product.SKU = product(1).SKU
	twice.Product.SKU = product(4).SKU
	taken, err := store.Insert(t.Context(), []shop.IndexedProduct{again, indexed(4), twice, indexed(5)})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{product(1).SKU, product(4).SKU}; !slices.Equal(taken, want) {
		t.Errorf("taken = %v, want %v", taken, want)
	}
	if taken, err = store.Insert(t.Context(), []shop.IndexedProduct{indexed(1), indexed(5)}); err != nil || len(taken) != 2 {
		t.Errorf("the same products again: taken %v, error %v, want both taken", taken, err)
	}
	for n, want := range map[int]bool{1: true, 2: false, 3: false, 4: true, 5: true} {
		if _, err := store.Product(t.Context(), product(n).ID); (err == nil) != want {
			t.Errorf("product %d: error %v, want it stored: %v", n, err, want)
		}
	}
}

func replaceExpectsVersion(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1))
	if _, err := store.SetInventory(t.Context(), []shop.Inventory{{SKU: product(1).SKU, Available: 7, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	p := product(1)
	p.Name, p.Price.Amount, p.Version = "Another name", 5, 2
	if err := store.Replace(t.Context(), shop.IndexedProduct{Product: p}, 1); err != nil {
		t.Fatal(err)
	}
	late := p
	late.Name = "Too late"
	wantKind(t, store.Replace(t.Context(), shop.IndexedProduct{Product: late}, 1), fault.Stale)
	wantKind(t, store.Replace(t.Context(), indexed(9), 1), fault.NotFound)
	got := mustGet(t, store, p.ID)
	p.InventoryCount, p.Revision = 7, 1
	if !reflect.DeepEqual(got, p) {
		t.Errorf("got  %+v\nwant %+v", got, p)
	}
	cards, err := store.CardsBySKU(t.Context(), []string{p.SKU})
	if err != nil || len(cards) != 1 || cards[0].Name != p.Name || cards[0].Price != p.Price || cards[0].InventoryCount != 7 {
		t.Errorf("CardsBySKU = %+v, %v, want the new name and price and the old stock", cards, err)
	}
}

func replaceReindexes(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1, "wcommon", "wformer"), indexed(2, "wcommon", "wformer"), indexed(3, "wcommon"))
	changed := indexed(2, "wcommon", "wlatter")
	changed.Product.Version = 2
	if err := store.Replace(t.Context(), changed, 1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		clause shop.Clause
		want   []int
	}{
		{shop.Clause{Term: "wcommon"}, []int{3, 2, 1}},
		{shop.Clause{Term: "wformer"}, []int{1}},
		{shop.Clause{Term: "wlatter"}, []int{2}},
		{shop.Clause{Term: "wform", Prefix: true}, []int{1}},
		{shop.Clause{Term: "wlatt", Prefix: true}, []int{2}},
		{shop.Clause{Term: "wl", Prefix: true}, []int{2}},
	} {
		var want []string
		for _, n := range tt.want {
			want = append(want, product(n).ID)
		}
		batch, err := store.Scan(t.Context(), shop.Scan{All: []shop.Clause{tt.clause}, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if got := identifiers(batch.Cards); !slices.Equal(got, want) || !batch.Done {
			t.Errorf("%+v finds %v, done %v, want %v, done", tt.clause, got, batch.Done, want)
		}
	}
}

func identifiers(cards []shop.Card) []string {
	var ids []string
	for _, card := range cards {
		ids = append(ids, card.ID)
	}
	return ids
}

func cardsByKey(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1), indexed(2), indexed(3))
	for _, tt := range []struct {
		name string
		find func(context.Context, []string) ([]shop.Card, error)
		keys []string
	}{
		{"CardsByID", store.CardsByID, []string{product(3).ID, "prd_none", product(1).ID}},
		{"CardsBySKU", store.CardsBySKU, []string{product(3).SKU, "none", product(1).SKU}},
	} {
		cards, err := tt.find(t.Context(), tt.keys)
		if err != nil {
			t.Fatal(err)
		}
		got := identifiers(cards)
		slices.Sort(got)
		if want := []string{product(1).ID, product(3).ID}; !slices.Equal(got, want) {
			t.Errorf("%s(%v) = %v, want %v", tt.name, tt.keys, got, want)
		}
		if none, err := tt.find(t.Context(), nil); err != nil || len(none) != 0 {
			t.Errorf("%s() = %v, %v, want nothing", tt.name, none, err)
		}
	}
}

func inventoryVersions(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1), indexed(2))
	one, two := product(1), product(2)
	set := func(n int, available, version int64) shop.Inventory {
		return shop.Inventory{SKU: product(n).SKU, Available: available, StockVersion: version}
	}
	for _, tt := range []struct {
		name    string
		stock   []shop.Inventory
		changed []string
		want    [2]int64 // units of each product for sale
	}{
		{"first", []shop.Inventory{set(1, 10, 3)}, []string{one.ID}, [2]int64{10, 0}},
		{"the same again", []shop.Inventory{set(1, 10, 3)}, nil, [2]int64{10, 0}},
		{"older", []shop.Inventory{set(1, 99, 2)}, nil, [2]int64{10, 0}},
		{"newer, same amount", []shop.Inventory{set(1, 10, 5)}, nil, [2]int64{10, 0}},
		{"between", []shop.Inventory{set(1, 99, 4)}, nil, [2]int64{10, 0}},
		{"several of one SKU", []shop.Inventory{set(1, 8, 6), set(2, 4, 1), set(1, 7, 7)}, []string{one.ID, two.ID}, [2]int64{7, 4}},
		{"unknown SKU", []shop.Inventory{set(3, 8, 6), set(2, 0, 2)}, []string{two.ID}, [2]int64{7, 0}},
	} {
		changed, err := store.SetInventory(t.Context(), tt.stock)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(changed)
		if !slices.Equal(changed, tt.changed) {
			t.Errorf("%s: changed %v, want %v", tt.name, changed, tt.changed)
		}
		before := one.Revision
		one, two = mustGet(t, store, one.ID), mustGet(t, store, two.ID)
		if got := [2]int64{one.InventoryCount, two.InventoryCount}; got != tt.want {
			t.Errorf("%s: available %v, want %v", tt.name, got, tt.want)
		}
		if increased := one.Revision > before; increased != slices.Contains(tt.changed, one.ID) {
			t.Errorf("%s: revision went from %d to %d, changed: %v", tt.name, before, one.Revision, tt.changed)
		}
	}
}

func review(n, user int, rating int64) shop.Review {
	return shop.Review{
		ID: fmt.Sprintf("rev_%d_%d", n, user), ProductID: product(n).ID, User: fmt.Sprintf("usr_%d", user),
		Rating: rating, Text: fmt.Sprintf("Review %d, “fine”", user), CreatedAt: time.UnixMilli(int64(user)).UTC(),
	}
}

func reviewsAreEmbedded(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1), indexed(2))
	var sum int64
	for user := range shop.LatestReviews + 2 {
		rating := int64(1 + user%5)
		sum += rating
		if err := store.AddReview(t.Context(), review(1, user, rating)); err != nil {
			t.Fatal(err)
		}
	}
	err := store.AddReview(t.Context(), review(1, 0, 5))
	wantKind(t, err, fault.Conflict)
	if got := fault.CodeOf(err); got != "already_reviewed" {
		t.Errorf("code = %s, want already_reviewed", got)
	}
	wantKind(t, store.AddReview(t.Context(), review(3, 0, 5)), fault.NotFound)

	p := mustGet(t, store, product(1).ID)
	if want := shop.NewRating(shop.LatestReviews+2, sum); p.Rating != want {
		t.Errorf("rating = %+v, want %+v", p.Rating, want)
	}
	if p.Revision != shop.LatestReviews+2 {
		t.Errorf("revision = %d, want one more for each of %d reviews", p.Revision, shop.LatestReviews+2)
	}
	var users []string
	for _, r := range p.LatestReviews {
		users = append(users, r.User)
	}
	if want := []string{"usr_6", "usr_5", "usr_4", "usr_3", "usr_2"}; !slices.Equal(users, want) {
		t.Errorf("latest reviews are by %v, want %v", users, want)
	}
	if other := mustGet(t, store, product(2).ID); other.Rating.Count != 0 || len(other.LatestReviews) != 0 {
		t.Errorf("the other product has %+v, want no reviews", other.Rating)
	}
}

func reviewsAreListed(t *testing.T, store shop.CatalogStore) {
	mustInsert(t, store, indexed(1), indexed(2))
	for user := range 7 {
		for n := range 2 {
			if err := store.AddReview(t.Context(), review(n+1, user, 4)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []shop.Review
	var before int64
	for {
		page, err := store.Reviews(t.Context(), product(1).ID, before, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		before = page[len(page)-1].Number
		got = append(got, page...)
	}
	if len(got) != 7 {
		t.Fatalf("got %d reviews, want 7", len(got))
	}
	for i, r := range got {
		r.Number = 0
		if want := review(1, 6-i, 4); r != want {
			t.Errorf("review %d = %+v, want %+v", i, r, want)
		}
	}
	_, err := store.Reviews(t.Context(), ident.New(ident.Product), 0, 3)
	wantKind(t, err, fault.NotFound)
}

// fill inserts n products with random words, prices and stock into each store.
func fill(t *testing.T, random *rand.Rand, n int, stores ...shop.CatalogStore) {
	t.Helper()
	products := make([]shop.IndexedProduct, n)
	stock := make([]shop.Inventory, n)
	for i := range products {
		p := indexed(i, "wall", fmt.Sprintf("wgroup%d", i%7), fmt.Sprintf("wgrand%d", i%3), fmt.Sprintf("wone%d", i))
		p.Tags = []string{fmt.Sprintf("t%d", i%5)}
		p.Product.Price = shop.Money{Amount: random.Int64N(20), Currency: []string{"EUR", "EUR", "USD"}[random.IntN(3)]}
		products[i] = p
		stock[i] = shop.Inventory{SKU: p.Product.SKU, Available: random.Int64N(2), StockVersion: 1}
	}
	for _, store := range stores {
		mustInsert(t, store, products...)
		if _, err := store.SetInventory(t.Context(), stock); err != nil {
			t.Fatal(err)
		}
	}
}

// scans returns scans with all combinations of clauses, filters and orders, for the products of fill.
func scans() []shop.Scan {
	term := func(s string) shop.Clause { return shop.Clause{Term: s} }
	prefix := func(s string) shop.Clause { return shop.Clause{Term: s, Prefix: true} }
	var all []shop.Scan
	for _, clauses := range [][]shop.Clause{
		nil, {term("wall")}, {term("wgroup3")}, {term("wone5")}, {term("wnone")}, {term("t2")},
		{term("wall"), term("wgroup1")}, {term("wgroup1"), term("wgrand2"), term("t4")},
		{prefix("wg")}, {prefix("wgro")}, {prefix("wgroup1")}, {prefix("wone12"), term("t1")}, {prefix("wnone")}, {prefix("w")},
	} {
		for _, except := range [][]shop.Clause{nil, {term("wgroup2")}, {term("wgroup1"), prefix("wgrand2")}} {
			for _, order := range []shop.ScanOrder{shop.NewestFirst, shop.CheapestFirst, shop.ExpensiveFirst} {
				scan := shop.Scan{All: clauses, Except: except, Order: order, Currency: "EUR"}
				priced, stocked := scan, scan
				priced.MinPrice, priced.MaxPrice = 5, 12
				stocked.InStock, stocked.Currency = true, "USD"
				all = append(all, scan, priced, stocked)
			}
		}
		all = append(all, shop.Scan{All: clauses})
	}
	return all
}

// scanAll returns all cards of a scan, batch by batch.
func scanAll(t *testing.T, store shop.CatalogStore, scan shop.Scan) []shop.Card {
	t.Helper()
	var cards []shop.Card
	for range 10_000 {
		batch, err := store.Scan(t.Context(), scan)
		if err != nil {
			t.Fatalf("%+v: %v", scan, err)
		}
		if len(batch.Cards) > scan.Limit {
			t.Fatalf("%+v: got %d cards", scan, len(batch.Cards))
		}
		cards = append(cards, batch.Cards...)
		if batch.Done {
			return cards
		}
		scan.After = batch.Next
	}
	t.Fatalf("%+v does not end", scan)
	return nil
}

func wantSame(t *testing.T, scan shop.Scan, got, want []shop.Card) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i >= len(want):
			t.Errorf("%+v finds %d cards, want %d", scan, len(got), len(want))
			return
		case got[i].ID != want[i].ID:
			t.Errorf("%+v: card %d is %s, want %s", scan, i, got[i].SKU, want[i].SKU)
			return
		}
	}
}

func scanLikeTheReference(t *testing.T, store shop.CatalogStore) {
	reference := shop.NewMemoryCatalog()
	fill(t, rand.New(rand.NewPCG(1, 2)), 200, store, reference)
	for _, scan := range scans() {
		scan.Limit = 1000
		want := scanAll(t, reference, scan)
		for _, limit := range []int{1000, 7} {
			scan.Limit = limit
			wantSame(t, scan, scanAll(t, store, scan), want)
		}
	}
}

func scanWithinBudget(t *testing.T, store shop.CatalogStore) {
	reference := shop.NewMemoryCatalog()
	fill(t, rand.New(rand.NewPCG(3, 4)), 120, store, reference)
	for _, scan := range scans() {
		scan.Limit = 1000
		want := scanAll(t, reference, scan)
		scan.Limit, scan.Budget = 3, 3
		wantSame(t, scan, scanAll(t, store, scan), want)
	}
}

func concurrentCatalog(t *testing.T, store shop.CatalogStore) {
	const workers, each = 8, 10
	wall := shop.Scan{All: []shop.Clause{{Term: "wall"}}, InStock: true, Limit: 13}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				n := w*each + i
				taken, err := store.Insert(t.Context(), []shop.IndexedProduct{indexed(n, "wall", fmt.Sprintf("wone%d", n))})
				if err != nil || len(taken) > 0 {
					t.Errorf("insert %d: taken %v, error %v", n, taken, err)
				}
				stock := []shop.Inventory{{SKU: product(n).SKU, Available: 1, StockVersion: 1}}
				if _, err := store.SetInventory(t.Context(), stock); err != nil {
					t.Errorf("inventory %d: %v", n, err)
				}
				if err := store.AddReview(t.Context(), review(w*each, i, 3)); err != nil {
					t.Errorf("review %d: %v", n, err)
				}
				if batch, err := store.Scan(t.Context(), wall); err != nil || len(batch.Cards) == 0 {
					t.Errorf("scan after %d: %d cards, %v", n, len(batch.Cards), err)
				}
			}
		})
	}
	all.Wait()
	cards := scanAll(t, store, wall)
	if len(cards) != workers*each {
		t.Errorf("found %d products, want %d", len(cards), workers*each)
	}
	if p := mustGet(t, store, product(0).ID); p.Rating != shop.NewRating(each, 3*each) {
		t.Errorf("rating = %+v, want %d reviews", p.Rating, each)
	}
}
