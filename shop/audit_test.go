package shop_test

import (
	"testing"
	"time"

	"agora/ident"
	"agora/shop"
)

// TestAuditCountsWhatWasImported holds orders and credits of another system against the books that they made.
func TestAuditCountsWhatWasImported(t *testing.T) {
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
	s := newStand(t, shop.SimulatedOptions{})
	batch := shop.ImportBatch{Source: "other", Orders: []shop.Order{order}}
	batch.Entries = append(batch.Entries, placed, credit)
	if err := s.store.Import(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.clean()
	s.cancelled(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
	s.clean()
}
