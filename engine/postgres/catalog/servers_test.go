package catalog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/shop"
)

// catalogs opens n servers on one new database.
func catalogs(t *testing.T, n int) []*Store {
	t.Helper()
	url := server.Database(t)
	servers := make([]*Store, n)
	for i := range servers {
		servers[i] = openCatalog(t, url)
	}
	return servers
}

// item returns the product number n with words.
func item(n int, version int64, words ...string) shop.IndexedProduct {
	return shop.IndexedProduct{
		Product: shop.Product{ID: fmt.Sprint("prd_", n), SKU: fmt.Sprint("SKU", n), Version: version},
		Words:   words, Tags: []string{"t1"},
	}
}

// TestServersChangeTheIndexTogether has several servers change the terms of products that share rows of postings, while
// other servers insert new products, and then searches each word.
func TestServersChangeTheIndexTogether(t *testing.T) {
	const workers, each, changes = 6, 20, 8
	words := []string{"wred", "wgreen", "wblue", "wéclair", "wé", "w1"}
	servers := catalogs(t, 3)
	entries := make([]shop.IndexedProduct, workers*each)
	for i := range entries {
		entries[i] = item(i, 1, "wred")
	}
	postgrestest.Must[[]string](t)(servers[0].Insert(t.Context(), entries))
	postgrestest.InParallel(workers, func(w int) {
		random := rand.New(rand.NewPCG(uint64(w), 1))
		for version := range int64(changes) {
			for n := w; n < len(entries); n += workers {
				chosen := slices.Clone(words)
				random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
				changed := item(n, version+2, chosen[:random.IntN(len(chosen))]...)
				if err := servers[random.IntN(len(servers))].Replace(t.Context(), changed, version+1); err != nil {
					t.Errorf("replace %d: %v", n, err)
				}
				entries[n] = changed
			}
			more := []shop.IndexedProduct{item(1_000+100*w+int(version), 1, words...)}
			if taken, err := servers[w%len(servers)].Insert(t.Context(), more); err != nil || len(taken) > 0 {
				t.Errorf("insert: taken %v, %v", taken, err)
			}
		}
	})
	for _, word := range words {
		want := map[string]bool{}
		for _, e := range entries {
			if slices.Contains(e.Words, word) {
				want[e.Product.ID] = true
			}
		}
		batch, err := servers[0].Scan(t.Context(), shop.Scan{All: []shop.Clause{{Term: word}, {Term: "t1"}}, Limit: 1_000})
		if err != nil || !batch.Done {
			t.Fatalf("scan for %s: done %v, %v", word, batch.Done, err)
		}
		found := 0
		for _, card := range batch.Cards {
			if want[card.ID] {
				found++
			}
		}
		if added := workers * changes; found != len(want) || len(batch.Cards) != len(want)+added {
			t.Errorf("%s finds %d products, %d of the %d that were changed, want %d more",
				word, len(batch.Cards), found, len(want), added)
		}
	}
	checkPostings(t, servers[0])
}

// checkPostings reads the whole index: rows of a term must not overlap, and their counts have to be true.
func checkPostings(t *testing.T, c *Store) {
	t.Helper()
	rows, err := c.db.Pool().Query(t.Context(), "SELECT term, first, n, gaps FROM postings ORDER BY term, first")
	if err != nil {
		t.Fatal(err)
	}
	var term, before string
	var first, n, last int64
	var gaps []byte
	_, err = pgx.ForEachRow(rows, []any{&term, &first, &n, &gaps}, func() error {
		positions, err := decodeGaps(nil, first, gaps)
		if err != nil {
			return err
		}
		each := slices.Compact(slices.Clone(positions))
		if len(positions) == 0 || int64(len(positions)) != n || !slices.IsSorted(positions) || len(each) != len(positions) {
			t.Errorf("%s from %d on: %d positions %v", term, first, n, positions)
		}
		if term == before && first <= last {
			t.Errorf("%s: a row begins at %d, and the one before it ends at %d", term, first, last)
		}
		before, last = term, positions[len(positions)-1]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestServersInsertTheSame has servers insert the same products in opposite orders: each is stored once, and found once.
func TestServersInsertTheSame(t *testing.T) {
	const n = 300
	servers := catalogs(t, 2)
	entries := make([]shop.IndexedProduct, n)
	for i := range entries {
		entries[i] = item(i, 1, "wall", fmt.Sprint("wone", i))
	}
	var refused atomic.Int64
	postgrestest.InParallel(4, func(w int) {
		mine := slices.Clone(entries)
		if w%2 == 1 {
			slices.Reverse(mine)
		}
		taken, err := servers[w%2].Insert(t.Context(), mine)
		if err != nil {
			t.Error(err)
		}
		refused.Add(int64(len(taken)))
	})
	batch, err := servers[0].Scan(t.Context(), shop.Scan{All: []shop.Clause{{Term: "wall"}}, Limit: 2 * n})
	if err != nil || len(batch.Cards) != n || refused.Load() != 3*n {
		t.Errorf("found %d products, %v, refused %d; want %d and %d", len(batch.Cards), err, refused.Load(), n, 3*n)
	}
	checkPostings(t, servers[0])
}

// TestPositionsGrowOverAllServers inserts products on two servers in turn.
func TestPositionsGrowOverAllServers(t *testing.T) {
	servers := catalogs(t, 2)
	last := int64(0)
	for i := range 10 {
		pair := []shop.IndexedProduct{item(2*i, 1), item(2*i+1, 1)}
		postgrestest.Must[[]string](t)(servers[i%2].Insert(t.Context(), pair))
		for _, e := range pair {
			cards := postgrestest.Must[[]shop.Card](t)(servers[0].CardsByID(t.Context(), []string{e.Product.ID}))
			if len(cards) != 1 || cards[0].Position <= last {
				t.Fatalf("%s is at %+v, want it after %d", e.Product.ID, cards, last)
			}
			last = cards[0].Position
		}
	}
}

// TestServersSetInventoryTogether sends two servers the same stock, in opposite orders of SKUs and of versions.
func TestServersSetInventoryTogether(t *testing.T) {
	const skus, versions = 60, 30
	servers := catalogs(t, 2)
	entries := make([]shop.IndexedProduct, skus)
	for i := range entries {
		entries[i] = item(i, 1)
	}
	postgrestest.Must[[]string](t)(servers[0].Insert(t.Context(), entries))
	var changes atomic.Int64
	postgrestest.InParallel(4, func(w int) {
		for v := range int64(versions) {
			if w%2 == 1 {
				v = versions - 1 - v
			}
			stock := make([]shop.Inventory, skus)
			for i := range stock {
				stock[i] = shop.Inventory{SKU: entries[i].Product.SKU, Available: v + 1, StockVersion: v + 1}
			}
			if w%2 == 1 {
				slices.Reverse(stock)
			}
			changed, err := servers[w%2].SetInventory(t.Context(), stock)
			if err != nil {
				t.Error(err)
			}
			changes.Add(int64(len(changed)))
		}
	})
	var revisions int64
	for _, e := range entries {
		p := postgrestest.Must[shop.Product](t)(servers[0].Product(t.Context(), e.Product.ID))
		if p.InventoryCount != versions {
			t.Errorf("%s has %d units, want those of the newest version, %d", p.SKU, p.InventoryCount, versions)
		}
		revisions += p.Revision
	}
	if revisions != changes.Load() {
		t.Errorf("the products changed %d times, and the calls returned %d changes", revisions, changes.Load())
	}
}

// TestPlansDoNotDependOnWhatWasThereBefore plans every statement while the tables are empty. The connection keeps the plans,
// and then compares how much is read of large ones.
func TestPlansDoNotDependOnWhatWasThereBefore(t *testing.T) {
	const n = 6_000
	d := postgrestest.Open(t, server.Database(t)+"&pool_max_conns=1", postgres.Open)
	c := postgrestest.Must[*Store](t)(Open(t.Context(), d))
	c.limits.maxSorted = 100
	scans := []shop.Scan{
		{All: []shop.Clause{{Term: "wall"}}, Limit: 20},
		{All: []shop.Clause{{Term: "wall"}, {Term: "wodd"}}, Except: []shop.Clause{{Term: "wrare"}}, Limit: 20, Currency: "EUR"},
		{All: []shop.Clause{{Term: "weven", Prefix: true}}, Limit: 20},
		{All: []shop.Clause{{Term: "wall"}}, Limit: 20, Currency: "EUR", Order: shop.CheapestFirst},
		{Limit: 20, Currency: "EUR", Order: shop.ExpensiveFirst},
		{Limit: 20},
	}
	all := func(version int64) {
		for _, scan := range scans {
			postgrestest.Must[shop.Batch](t)(c.Scan(t.Context(), scan))
		}
		postgrestest.Must[[]shop.Card](t)(c.CardsBySKU(t.Context(), []string{"SKU1"}))
		postgrestest.Must[[]string](t)(c.SetInventory(t.Context(), []shop.Inventory{{SKU: "SKU1", Available: version, StockVersion: version}}))
		if _, err := c.Product(t.Context(), "prd_1"); err != nil {
			t.Fatal(err)
		}
	}
	postgrestest.Must[[]string](t)(c.Insert(t.Context(), []shop.IndexedProduct{item(1, 1)}))
	for i := range int64(10) { // after five times a plan is kept
		all(i)
	}
	entries := make([]shop.IndexedProduct, n)
	for i := range entries {
		entries[i] = item(i, 1, "wall", []string{"weven", "wodd"}[i%2])
		entries[i].Product.Price = shop.Money{Amount: int64(i % 500), Currency: "EUR"}
	}
	postgrestest.Must[[]string](t)(c.Insert(t.Context(), entries))
	before := blocksRead(t, d)
	all(math.MaxInt64)
	if read := blocksRead(t, d) - before; read > n/2 {
		t.Errorf("%d pages were read for %d products: a plan reads all of them", read, n)
	}
}

func blocksRead(t *testing.T, d *postgres.Database) int64 {
	t.Helper()
	var blocks int64
	if _, err := d.Pool().Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
		t.Fatal(err)
	}
	err := d.Pool().QueryRow(t.Context(), `SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint
		FROM pg_statio_user_tables WHERE relname IN ('cards', 'documents', 'postings')`).Scan(&blocks)
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func FuzzGaps(f *testing.F) {
	f.Add(int64(1), []byte{0, 1, 200, 3})
	f.Add(int64(9), []byte{255})
	f.Fuzz(func(t *testing.T, first int64, stored []byte) {
		positions, err := decodeGaps(nil, first, stored)
		if err != nil {
			return
		}
		again, err := decodeGaps(nil, first, encodeGaps(first, positions))
		if err != nil || !slices.Equal(again, positions) {
			t.Errorf("%v from %d on comes back as %v, %v", positions, first, again, err)
		}
	})
}

// TestAProductWhosePriceChangedMeanwhileIsLeftOut reads a scan position in an order of prices that a product has left.
func TestAProductWhosePriceChangedMeanwhileIsLeftOut(t *testing.T) {
	c := catalogs(t, 1)[0]
	moved := item(1, 1)
	moved.Product.Price = shop.Money{Amount: 900, Currency: "EUR"}
	postgrestest.Must[[]string](t)(c.Insert(t.Context(), []shop.IndexedProduct{moved}))
	for order, want := range map[shop.ScanOrder]int{shop.CheapestFirst: 0, shop.NewestFirst: 1} {
		filter := newCardFilter(shop.Scan{Order: order, MaxPrice: math.MaxInt64})
		if cards := postgrestest.Must[[]shop.Card](t)(c.readCards(t.Context(), filter, []shop.ScanPosition{{Price: 100, Position: 1}})); len(cards) != want {
			t.Errorf("in order %d: %d cards, want %d", order, len(cards), want)
		}
	}
}
