package shop_test

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/audit/audittest"
	"agora/pattern/journal"
	"agora/pattern/saga"
	"agora/shop"
	"agora/telemetry"
)

// testShop is a shop in memory, with a simulated payment gateway.
type testShop struct {
	*testing.T
	store    *shop.MemoryOrders
	gateway  *shop.SimulatedGateway
	orders   *shop.Orders
	stocks   *shop.Stocks
	runner   *saga.Runner
	metrics  *telemetry.Metrics
	products offers
	notified atomic.Int64 // calls of Notify
}

const hold = 10 * time.Minute

var (
	customer = shop.Actor{ID: "usr_customer"}
	merchant = shop.Actor{ID: "usr_merchant"}
)

func newTestShop(t *testing.T, options shop.SimulatedOptions) *testShop {
	s := &testShop{
		T: t, store: shop.NewMemoryOrders(), gateway: shop.NewSimulatedGateway(options),
		metrics: telemetry.NewMetrics(), products: offers{},
	}
	s.stocks = shop.NewStocks(s.store, s.products)
	s.orders = shop.NewOrders(s.store, s.products, s.gateway, shop.OrdersOptions{
		Hold: hold, Log: quiet(), Metrics: s.metrics, Notify: func() { s.notified.Add(1) },
	})
	s.runner = saga.NewRunner("checkout", s.store, s.orders.Steps(), saga.Options{})
	return s
}

// offers is a catalogue of offers by SKU.
type offers map[string]shop.Offer

func (o offers) OffersBySKU(_ context.Context, skus []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	for _, sku := range skus {
		if offer, ok := o[sku]; ok {
			found[sku] = offer
		}
	}
	return found, nil
}

func (o offers) OffersByID(_ context.Context, ids []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	for _, offer := range o {
		if slices.Contains(ids, offer.ProductID) {
			found[offer.ProductID] = offer
		}
	}
	return found, nil
}

// sell adds a product with units on hand.
func (s *testShop) sell(sku string, price, onHand int64, currency string) {
	s.Helper()
	s.products[sku] = shop.Offer{
		ProductID: ident.New(ident.Product), SKU: sku, Seller: merchant.ID, Name: "Product " + sku, Price: shop.Money{Amount: price, Currency: currency},
	}
	s.setOnHand(sku, onHand)
}

// setOnHand sets the units on hand of a SKU.
func (s *testShop) setOnHand(sku string, onHand int64) {
	s.Helper()
	if _, err := s.stocks.Edit(s.Context(), merchant, sku, shop.StockEdit{OnHand: &onHand}); err != nil {
		s.Fatal(err)
	}
}

// line returns a line of a request.
func (s *testShop) line(sku string, quantity int64) shop.LineRequest {
	return shop.LineRequest{ProductID: s.products[sku].ProductID, Quantity: quantity}
}

func (s *testShop) place(key string, lines ...shop.LineRequest) (shop.Order, error) {
	return s.orders.Place(s.Context(), customer.ID, key, shop.OrderRequest{Lines: lines})
}

// mustPlace places an order, whose state has to be the given one afterwards.
func (s *testShop) mustPlace(state shop.State, lines ...shop.LineRequest) shop.Order {
	s.Helper()
	order, err := s.place("", lines...)
	if err != nil || order.State != state {
		s.Fatalf("place = %s, %v; want it %s", order.State, err, state)
	}
	return order
}

// stored returns the stored order.
func (s *testShop) stored(id string) shop.Order {
	s.Helper()
	order, err := s.orders.Get(s.Context(), customer, id)
	if err != nil {
		s.Fatal(err)
	}
	return order
}

// wantStock compares the units on hand and held.
func (s *testShop) wantStock(sku string, onHand, held int64) {
	s.Helper()
	stock, err := s.stocks.Get(s.Context(), merchant, sku)
	if err != nil || stock.OnHand != onHand || stock.Held != held {
		s.Errorf("stock of %s = %d on hand and %d held, %v; want %d and %d", sku, stock.OnHand, stock.Held, err, onHand, held)
	}
}

// wantBalance compares the amount that the gateway holds for an order.
func (s *testShop) wantBalance(id string, amount int64) {
	s.Helper()
	if got := s.gateway.Balance(id); got != amount {
		s.Errorf("the gateway holds %d of the order, want %d", got, amount)
	}
}

// wantFault compares an error's kind and code.
func wantFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if !fault.Is(err, kind) || fault.CodeOf(err) != code {
		t.Errorf("error = %v (%s, %s), want %s, %s", err, fault.KindOf(err), fault.CodeOf(err), kind, code)
	}
}

// audit fails the test if an audit finds a difference.
func (s *testShop) audit() {
	s.Helper()
	report, err := shop.Audit{Orders: s.store}.Run(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	audittest.Holds(s.T, report)
}

// runSteps runs the due steps until no order has one. It sleeps for minutes, so the test needs a bubble of synctest.
func (s *testShop) runSteps() {
	s.Helper()
	for range 100 {
		open := 0
		if err := s.store.EachSaga(s.Context(), func(saga.Record) error { open++; return nil }); err != nil {
			s.Fatal(err)
		}
		if open == 0 {
			return
		}
		time.Sleep(2 * time.Minute)
		if _, err := s.runner.Once(s.Context()); err != nil {
			s.Fatal(err)
		}
	}
	s.Error("orders have open steps after 100 rounds")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// journalOf returns all facts of a store.
func journalOf(t *testing.T, store shop.OrderStore) []journal.Entry {
	t.Helper()
	entries, err := store.All(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
