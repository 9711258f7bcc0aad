package shop_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"agora/fault"
	"agora/shop"
)

func TestStockIsCountedAndChanged(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	change := func(n int64) error {
		_, err := s.stocks.Edit(t.Context(), merchant, "A", shop.StockEdit{Change: &n, Reason: "delivery"})
		return err
	}
	if err := change(5); err != nil {
		t.Fatal(err)
	}
	s.wantStock("A", 12, 0)
	if err := change(-12); err != nil {
		t.Fatal(err)
	}
	s.wantStock("A", 0, 0)
	wantFault(t, change(-1), fault.Conflict, "insufficient_stock")
	if err := change(1_000_000_000); err != nil {
		t.Fatal(err)
	}
	wantFault(t, change(1), fault.Invalid, "invalid")
	s.wantStock("A", 1_000_000_000, 0)
	fact, err := shop.DecodeFact(journalOf(t, s.store)[1].Body)
	if err != nil || fact.Note != "delivery" || fact.Change != 5 || fact.SKU != "A" {
		t.Errorf("the delivery's fact = %+v, %v", fact, err)
	}
	s.audit()
}

func TestACountMayBeBelowTheHeldUnits(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	s.gateway.SetDown(true)
	s.mustPlace(shop.Pending, s.line("A", 5))
	s.setOnHand("A", 2)
	s.wantStock("A", 2, 5)
	_, err := s.place("", s.line("A", 1))
	wantFault(t, err, fault.Conflict, "insufficient_stock")
	s.audit()
}

func TestStockBelongsToItsSeller(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	one := int64(1)
	for _, actor := range []shop.Actor{{}, {ID: "usr_other"}} {
		_, get := s.stocks.Get(t.Context(), actor, "A")
		wantFault(t, get, fault.Denied, "not_owner")
		_, edit := s.stocks.Edit(t.Context(), actor, "A", shop.StockEdit{OnHand: &one})
		wantFault(t, edit, fault.Denied, "not_owner")
	}
	if _, err := s.stocks.Edit(t.Context(), admin, "A", shop.StockEdit{OnHand: &one}); err != nil {
		t.Errorf("an admin's edit = %v", err)
	}
	_, err := s.stocks.Get(t.Context(), admin, "none")
	wantFault(t, err, fault.NotFound, "not_found")
	s.wantStock("A", 1, 0)
}

func TestInvalidStockEdits(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	tests := []struct {
		name string
		edit shop.StockEdit
		want []string
	}{
		{"nothing", shop.StockEdit{}, []string{"on_hand"}},
		{"both", shop.StockEdit{OnHand: n(1), Change: n(1)}, []string{"on_hand"}},
		{"a negative count", shop.StockEdit{OnHand: n(-1)}, []string{"on_hand"}},
		{"a count over the limit", shop.StockEdit{OnHand: n(1_000_000_001)}, []string{"on_hand"}},
		{"no change", shop.StockEdit{Change: n(0)}, []string{"change"}},
		{"a change over the limit", shop.StockEdit{Change: n(1_000_000_001)}, []string{"change"}},
		{"the least change", shop.StockEdit{Change: n(math.MinInt64)}, []string{"change"}},
		{"a reason of two lines", shop.StockEdit{OnHand: n(1), Reason: "a\nb"}, []string{"reason"}},
		{"a long reason", shop.StockEdit{OnHand: n(1), Reason: strings.Repeat("r", 201)}, []string{"reason"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.edit.Validate(); !fault.Is(err, fault.Invalid) || !slices.Equal(fields(err), tt.want) {
				t.Errorf("validate = %v, want fault.Invalid with %v", err, tt.want)
			}
		})
	}
}
