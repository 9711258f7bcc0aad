package catalog

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"agora/engine/sqlite"
	"agora/shop"
	"agora/shop/shoptest"
)

func openForSearch(t *testing.T) *Store {
	t.Helper()
	store, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// TestCatalogWithLowLimits runs the suite with scans that may step over a single product, so that each reads a part of the
// positions only, as with millions of products.
func TestCatalogWithLowLimits(t *testing.T) {
	shoptest.Catalog(t, func(t *testing.T) shop.CatalogStore {
		store := openForSearch(t)
		store.maxSteps, store.blockSize = 1, 4
		return store
	})
}

func TestAScanOfTermsThatNeverMeetStopsAtItsLimit(t *testing.T) {
	const n = 1_000
	store := openForSearch(t)
	store.maxSteps, store.blockSize = 100, 50
	entries := make([]shop.IndexedProduct, n)
	for i := range entries {
		entries[i] = shop.IndexedProduct{
			Product: shop.Product{ID: fmt.Sprint("prd_", i), SKU: fmt.Sprint("SKU", i)},
			Words:   []string{[]string{"weven", "wodd"}[i%2]},
		}
	}
	if _, err := store.Insert(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	scan := shop.Scan{All: []shop.Clause{{Term: "weven"}, {Term: "wodd"}}, Limit: 10}
	for scans := 1; ; scans++ {
		batch, err := store.Scan(t.Context(), scan)
		if err != nil || len(batch.Cards) != 0 {
			t.Fatalf("scan %d: %d cards, %v", scans, len(batch.Cards), err)
		}
		if batch.Done {
			// Half of the products have each term, so a reach of 100 steps is 200 positions.
			if want := n / 200; scans != want {
				t.Errorf("came to the end in %d scans, want %d", scans, want)
			}
			return
		}
		scan.After = batch.Next
	}
}

// TestScansAreStreamed checks the query plans: a scan that sorts would read every match before the first result.
func TestScansAreStreamed(t *testing.T) {
	store := openForSearch(t)
	words := []shop.Clause{{Term: "wcommon"}, {Term: "wpre", Prefix: true}}
	for _, scan := range []shop.Scan{
		{All: words},
		{All: words, Except: words, After: shop.ScanPosition{Position: 9}, InStock: true, Currency: "USD", MinPrice: 5},
		{Except: words},
		{},
		{All: words, Order: shop.CheapestFirst, Currency: "USD"},
		{All: words, Order: shop.CheapestFirst, Currency: "USD", MinPrice: 3, MaxPrice: 9, After: shop.ScanPosition{Price: 5, Position: 5}},
		{Order: shop.ExpensiveFirst, Currency: "USD", InStock: true, After: shop.ScanPosition{Price: 5, Position: 5}},
	} {
		query, err := store.match(t.Context(), scan)
		if err != nil {
			t.Fatal(err)
		}
		s, want := byPrice(scan), "USING COVERING INDEX cards_by_price"
		if scan.Order == shop.NewestFirst {
			if s, err = store.newest(t.Context(), scan, query); err != nil {
				t.Fatal(err)
			}
			want = map[bool]string{true: "VIRTUAL TABLE INDEX", false: "INTEGER PRIMARY KEY"}[query.all != ""]
		}
		plan := explain(t, store, s.query+" LIMIT 10", s.args)
		if strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, want) {
			t.Errorf("%+v: the plan is %q, want %q and nothing sorted", scan, plan, want)
		}
	}
}

func explain(t *testing.T, store *Store, query string, args []any) string {
	t.Helper()
	rows, err := store.db.Query(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	plan, err := sqlite.Collect(rows, err, func(rows *sql.Rows) (detail string, err error) {
		var skip int
		err = rows.Scan(&skip, &skip, &skip, &detail)
		return detail, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}
