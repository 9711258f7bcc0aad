package shop_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
	"agora/pattern/journal"
	"agora/shop"
)

var invoiced = time.Date(2011, 3, 4, 5, 6, 0, 0, time.UTC)

func importedLine(units, price int64) shop.Line {
	return shop.Line{ProductID: "prd_1", SKU: "CUP", Name: "Cup", Quantity: units, Price: shop.Money{Amount: price, Currency: "GBP"}}
}

func pastOrder(lines ...shop.Line) shop.Order {
	return shop.Order{ID: ident.New(ident.Order), UserID: "usr_1", Lines: lines, PlacedAt: invoiced, Reference: "536365"}
}

func TestAnImportedOrderIsTheFoldOfItsFact(t *testing.T) {
	order, entry, err := shop.NewImportedOrder(pastOrder(importedLine(6, 255), importedLine(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (shop.Money{Amount: 1530, Currency: "GBP"}); order.Total != want || order.State != shop.Confirmed || order.Payment != shop.PaymentPaid {
		t.Errorf("order = %+v, want it confirmed and paid with %v", order, want)
	}
	fact, err := shop.DecodeFact(entry.Body)
	if err != nil {
		t.Fatal(err)
	}
	folded, err := shop.Order{}.Apply(entry.Kind, entry.At, fact)
	if err != nil || !reflect.DeepEqual(folded, order) {
		t.Errorf("the fold is %+v (%v), want %+v", folded, err, order)
	}
	wantBooks(t, entry, shop.Books{
		{Account: shop.Supply, SKU: "CUP"}: -7, {Account: shop.Sold, SKU: "CUP"}: 7,
		{Account: shop.Sales, Currency: "GBP"}: -1530, {Account: shop.GatewayAccount, Currency: "GBP"}: 1530,
	})
}

func TestAnImportedCreditGivesUnitsAndMoneyBack(t *testing.T) {
	credit, entry, err := shop.NewImportedCredit(shop.Credit{ID: ident.New(ident.Refund), Lines: []shop.Line{importedLine(2, 255)}, At: invoiced})
	if err != nil || credit.Amount != (shop.Money{Amount: 510, Currency: "GBP"}) {
		t.Errorf("credit = %+v (%v), want 510 GBP", credit, err)
	}
	wantBooks(t, entry, shop.Books{
		{Account: shop.Returned, SKU: "CUP"}: -2, {Account: shop.Supply, SKU: "CUP"}: 2,
		{Account: shop.GatewayAccount, Currency: "GBP"}: -510, {Account: shop.CreditsAccount, Currency: "GBP"}: 510,
	})
}

func TestImportedStockIsNeverNegative(t *testing.T) {
	stock, entry, err := shop.NewImportedStock(shop.Stock{SKU: "CUP", OnHand: 5}, -2, "damages", invoiced)
	if err != nil || stock.OnHand != 3 {
		t.Errorf("stock = %+v (%v), want 3 on hand", stock, err)
	}
	wantBooks(t, entry, shop.Books{{Account: shop.Supply, SKU: "CUP"}: 2, {Account: shop.Available, SKU: "CUP"}: -2})
	if _, _, err := shop.NewImportedStock(stock, -4, "", invoiced); !fault.Is(err, fault.Conflict) {
		t.Errorf("taking 4 of 3 = %v, want fault.Conflict", err)
	}
}

func wantBooks(t *testing.T, entry journal.Entry, want shop.Books) {
	t.Helper()
	if got, err := (shop.Books{}).ApplyEntry(entry); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("books = %v (%v), want %v", got, err, want)
	}
}

func TestImportedLinesHaveUnitsAndAPrice(t *testing.T) {
	euros := importedLine(1, 1)
	euros.Price.Currency = "EUR"
	for name, lines := range map[string][]shop.Line{
		"no lines":          nil,
		"no units":          {importedLine(0, 1)},
		"negative units":    {importedLine(-1, 1)},
		"negative price":    {importedLine(1, -1)},
		"two currencies":    {importedLine(1, 1), euros},
		"too many units":    {importedLine(1_000_000_001, 0)},
		"a total over 2^53": {importedLine(1<<20, 1<<33)},
		"a line overflows":  {importedLine(3, math.MaxInt64/2)},
		"the sum overflows": {importedLine(1, math.MaxInt64), importedLine(1, 1)},
	} {
		if _, _, err := shop.NewImportedOrder(pastOrder(lines...)); !fault.Is(err, fault.Invalid) {
			t.Errorf("order with %s: %v, want fault.Invalid", name, err)
		}
		if _, _, err := shop.NewImportedCredit(shop.Credit{Lines: lines}); !fault.Is(err, fault.Invalid) {
			t.Errorf("credit with %s: %v, want fault.Invalid", name, err)
		}
	}
}

func TestAnImportedFactFitsIntoTheEventLog(t *testing.T) {
	const perLine = 110 // bytes of a line without its name
	line := importedLine(1, 255)
	line.Name = strings.Repeat("n", shop.MaxFact/100-perLine)
	for _, tt := range []struct {
		lines int
		fits  bool
	}{{99, true}, {101, false}} {
		lines := slices.Repeat([]shop.Line{line}, tt.lines)
		credit := shop.Credit{ID: ident.New(ident.Refund), Lines: lines, At: invoiced}
		_, sold, orderErr := shop.NewImportedOrder(pastOrder(lines...))
		_, returned, creditErr := shop.NewImportedCredit(credit)
		for name, err := range map[string]error{"order": orderErr, "credit": creditErr} {
			if tt.fits && err != nil || !tt.fits && !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s of %d lines: %v, want fault.TooLarge: %t", name, tt.lines, err, !tt.fits)
			}
		}
		if !tt.fits {
			continue
		}
		for _, m := range shop.Messages([]journal.Entry{sold, returned}) {
			if err := eventlog.Check([]eventlog.Record{{ID: m.ID, Kind: m.Kind, Key: m.Key, Value: m.Body, At: m.At}}); err != nil {
				t.Errorf("the event log refuses %s: %v", m.Kind, err)
			}
		}
	}
	if _, _, err := shop.NewImportedStock(shop.Stock{}, 1, strings.Repeat("n", shop.MaxFact), invoiced); !fault.Is(err, fault.TooLarge) {
		t.Errorf("stock with a note that is too long: %v, want fault.TooLarge", err)
	}
}

// brokenViews is a read model that cannot save orders.
type brokenViews struct{ *shop.MemoryViews }

func (brokenViews) SaveViews(context.Context, []shop.Order) error { return errors.New("no space left") }

func TestAnImportIsMarkedAsRelayedAfterTheReadModelsHaveIt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, store *shop.MemoryOrders)
		views   shop.OrderViews
		relayed uint64
		pending int
		fails   bool
	}{
		{name: "into an empty outbox", views: shop.NewMemoryViews(), relayed: 2},
		{name: "after a pending entry", views: shop.NewMemoryViews(), prepare: placeOther, pending: 3},
		{name: "a read model that fails", views: brokenViews{shop.NewMemoryViews()}, pending: 2, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, catalog := shop.NewMemoryOrders(), shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{})
			draft := shop.ProductDraft{SKU: "CUP", Name: "Cup", Price: shop.Money{Amount: 255, Currency: "GBP"}}
			product, err := catalog.Create(t.Context(), shop.Actor{ID: "usr_1"}, draft)
			if err != nil {
				t.Fatal(err)
			}
			if tt.prepare != nil {
				tt.prepare(t, store)
			}
			importer := shop.NewImporter(store, tt.views, catalog)
			if err := importer.Import(t.Context(), someBatch(t)); (err != nil) != tt.fails {
				t.Fatalf("import = %v, want an error: %t", err, tt.fails)
			}
			pending, err := store.Pending(t.Context(), 10)
			if err != nil || len(pending) != tt.pending {
				t.Errorf("%d entries are pending (%v), want %d", len(pending), err, tt.pending)
			}
			if _, relayed, err := store.Relay(t.Context()); err != nil || relayed != tt.relayed {
				t.Errorf("relayed up to %d (%v), want %d", relayed, err, tt.relayed)
			}
			if tt.fails {
				return
			}
			if p, err := catalog.Get(t.Context(), product.ID); err != nil || p.InventoryCount != 4 {
				t.Errorf("the catalogue shows %d units (%v), want 4", p.InventoryCount, err)
			}
			if found, err := tt.views.ViewsByUser(t.Context(), "usr_1", "", 10); err != nil || len(found) != 1 {
				t.Errorf("the history has %d orders (%v), want 1", len(found), err)
			}
			if progress, err := importer.Progress(t.Context(), "file"); err != nil || string(progress) != "12" {
				t.Errorf("progress = %q (%v), want 12", progress, err)
			}
		})
	}
}

// someBatch returns a batch with an order and a stock of four units.
func someBatch(t *testing.T) shop.ImportBatch {
	t.Helper()
	order, sold, err := shop.NewImportedOrder(pastOrder(importedLine(1, 255)))
	if err != nil {
		t.Fatal(err)
	}
	stock, counted, err := shop.NewImportedStock(shop.Stock{SKU: "CUP"}, 4, "opening stock", invoiced)
	if err != nil {
		t.Fatal(err)
	}
	return shop.ImportBatch{
		Source: "file", Progress: []byte("12"), Orders: []shop.Order{order}, Stock: []shop.Stock{stock},
		Entries: []journal.Entry{sold, counted},
	}
}

// placeOther adds an entry to the outbox.
func placeOther(t *testing.T, store *shop.MemoryOrders) {
	t.Helper()
	_, err := store.ChangeStock(t.Context(), "PLATE", func(s shop.Stock) (shop.StockChange, error) {
		after, entry, err := shop.NewImportedStock(s, 1, "", invoiced)
		return shop.StockChange{OnHand: after.OnHand, Entry: entry}, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
