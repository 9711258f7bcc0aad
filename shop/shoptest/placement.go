package shoptest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"agora/ident"
	"agora/pattern/journal"
	"agora/pattern/saga"
	"agora/shop"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

// Placement returns the placement of a pending order with a line of one unit for each SKU. The key may be empty.
func Placement(key string, skus ...string) shop.Placement {
	o := shop.Order{
		ID: ident.New(ident.Order), UserID: "usr_1", State: shop.Pending, Payment: shop.PaymentOpen, Version: 1,
		PlacedAt: start, UpdatedAt: start, HoldUntil: start.Add(time.Hour), Total: shop.Money{Amount: 100, Currency: "GBP"},
	}
	for _, sku := range skus {
		o.Lines = append(o.Lines, shop.Line{ProductID: "prd_1", SKU: sku, Quantity: 1, Price: shop.Money{Amount: 100, Currency: "GBP"}})
	}
	p := shop.Placement{Key: key, RequestHash: []byte("asked for " + strings.Join(skus, ","))}
	p.Order = o
	p.Entry = journal.Entry{Stream: o.ID, Version: 1, Kind: shop.OrderPlaced, At: start, Body: body(shop.Fact{Order: &o})}
	p.Saga = &saga.Record{ID: o.ID, Step: "pay", Due: start.Add(time.Minute)}
	for _, u := range o.Units() {
		p.Moves = append(p.Moves, shop.Move{SKU: u.SKU, Held: u.Quantity})
	}
	return p
}

// Confirmation returns the transition that confirms the order of a placement.
func Confirmation(p shop.Placement) shop.Transition {
	t := shop.Transition{Order: p.Order}
	t.Order.State, t.Order.Version = shop.Confirmed, 2
	t.Entry = journal.Entry{Stream: p.Order.ID, Version: 2, Kind: shop.OrderConfirmed, At: start, Body: body(shop.Fact{})}
	for _, m := range p.Moves {
		t.Moves = append(t.Moves, shop.Move{SKU: m.SKU, OnHand: -m.Held, Held: -m.Held})
	}
	return t
}

func body(fact shop.Fact) []byte {
	encoded, err := json.Marshal(fact)
	if err != nil {
		panic(err)
	}
	return encoded
}

// setStock sets the units on hand of each SKU.
func setStock(t *testing.T, s shop.OrderStore, onHand int64, skus ...string) {
	t.Helper()
	for _, sku := range skus {
		if _, err := s.ChangeStock(t.Context(), sku, setTo(onHand)); err != nil {
			t.Fatal(err)
		}
	}
}

func setTo(onHand int64) func(shop.Stock) (shop.StockChange, error) {
	return func(current shop.Stock) (shop.StockChange, error) {
		return shop.StockChange{OnHand: onHand, Entry: journal.Entry{
			Stream: shop.StockStream(current.SKU), Kind: shop.StockChanged, At: start, Body: []byte(`{}`),
		}}, nil
	}
}

// wantStock fails the test unless a SKU has the numbers of units on hand and held.
func wantStock(t *testing.T, s shop.OrderStore, sku string, onHand, held int64) {
	t.Helper()
	found, err := s.Stock(t.Context(), []string{sku})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].OnHand != onHand || found[0].Held != held {
		t.Errorf("stock of %s = %+v, want %d on hand and %d held", sku, found, onHand, held)
	}
}

func mustPlace(t *testing.T, s shop.OrderStore, p shop.Placement) {
	t.Helper()
	if claim, err := s.Place(t.Context(), p); err != nil || claim != nil {
		t.Fatalf("place = %+v, %v; want it stored", claim, err)
	}
}
