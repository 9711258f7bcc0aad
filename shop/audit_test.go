package shop_test

import (
	"testing"
	"time"

	"agora/ident"
	"agora/shop"
)

// TestAuditIncludesImports audits the balances of imported orders and credits.
func TestAuditIncludesImports(t *testing.T) {
	line := shop.Line{SKU: "A", Quantity: 3, Price: shop.Money{Amount: 150, Currency: "GBP"}}
	at := time.Date(2011, 1, 2, 3, 4, 0, 0, time.UTC)
	order, placed, err := shop.NewImportedOrder(shop.Order{ID: ident.New(ident.Order), UserID: customer.ID, Lines: []shop.Line{line}, PlacedAt: at})
	if err != nil {
		t.Fatal(err)
	}
	_, credit, err := shop.NewImportedCredit(shop.Credit{ID: "C1", UserID: customer.ID, Lines: []shop.Line{line, line}, At: at})
	if err != nil {
		t.Fatal(err)
	}
	s := newTestShop(t, shop.SimulatedOptions{})
	batch := shop.ImportBatch{Source: "other", Orders: []shop.Order{order}}
	batch.Entries = append(batch.Entries, placed, credit)
	if err := s.store.Import(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.audit()
	s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
	s.audit()
}
