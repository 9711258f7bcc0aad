package shop

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/lab/verify"
	"agora/pattern/audit/audittest"
	"agora/shop"
)

// market is a shop in memory whose clients are recorded.
type market struct {
	store    *shop.MemoryOrders
	stocks   *shop.Stocks
	orders   *shop.Orders
	offers   offers
	recorder *verify.Recorder
}

// offers is a catalogue of SKUs whose products have the ids given.
type offers map[string]string

func (o offers) OffersBySKU(_ context.Context, skus []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	for _, sku := range skus {
		found[sku] = shop.Offer{ProductID: o[sku], SKU: sku, Seller: "usr_seller", Price: shop.Money{Amount: 100, Currency: "GBP"}}
	}
	return found, nil
}

func (o offers) OffersByID(ctx context.Context, ids []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	all, err := o.OffersBySKU(ctx, slices.Collect(maps.Keys(o)))
	for _, offer := range all {
		if slices.Contains(ids, offer.ProductID) {
			found[offer.ProductID] = offer
		}
	}
	return found, err
}

func newMarket(recorder *verify.Recorder, skus ...string) *market {
	m := &market{store: shop.NewMemoryOrders(), offers: offers{}, recorder: recorder}
	for _, sku := range skus {
		m.offers[sku] = ident.New(ident.Product)
	}
	m.stocks = shop.NewStocks(m.store, m.offers)
	m.orders = shop.NewOrders(m.store, m.offers, shop.NewSimulatedGateway(shop.SimulatedOptions{Decline: 0.2}), shop.OrdersOptions{
		Hold: time.Hour, Log: slog.New(slog.DiscardHandler), Notify: func() {},
	})
	return m
}

func (m *market) read(t *testing.T, client int, sku string) {
	call := m.recorder.Call(client, Read, Input{Units: map[string]int64{sku: 0}})
	found, err := m.stocks.Get(t.Context(), shop.Actor{Admin: true}, sku)
	if err != nil {
		t.Error(err)
	}
	call.Return(Output{Outcome: OK, Available: found.OnHand - found.Held})
}

func (m *market) restock(t *testing.T, client int, sku string, n int64) {
	call := m.recorder.Call(client, Restock, Input{Units: map[string]int64{sku: n}})
	if _, err := m.stocks.Edit(t.Context(), shop.Actor{Admin: true}, sku, shop.StockEdit{Change: &n}); err != nil {
		t.Error(err)
	}
	call.Return(Output{Outcome: OK})
}

// place orders the units and returns the order if it was confirmed. forget loses the answer.
func (m *market) place(t *testing.T, client, i int, units map[string]int64, forget bool) (shop.Order, bool) {
	input := Input{Key: fmt.Sprintf("usr_%d/%d", client, i), Units: units}
	request := shop.OrderRequest{}
	for sku, n := range units {
		request.Lines = append(request.Lines, shop.LineRequest{ProductID: m.offers[sku], Quantity: n})
	}
	call := m.recorder.Call(client, Place, input)
	order, err := m.orders.Place(t.Context(), fmt.Sprint("usr_", client), fmt.Sprint(i), request)
	switch {
	case forget:
	case err == nil:
		call.Return(Output{Outcome: OK, Order: order.ID})
		return order, true
	case fault.Is(err, fault.Declined):
		call.Return(Output{Outcome: Cancelled, Order: order.ID})
	case fault.CodeOf(err) == "insufficient_stock":
		var short []string
		for sku := range units {
			if strings.Contains(err.Error(), " of "+sku+" ") {
				short = append(short, sku)
			}
		}
		call.Return(Output{Outcome: Short, Short: short})
	default:
		t.Error(err)
	}
	return shop.Order{}, false
}

func (m *market) cancel(t *testing.T, client int, order shop.Order, units map[string]int64) {
	call := m.recorder.Call(client, Cancel, Input{Order: order.ID, Units: units})
	if _, err := m.orders.Cancel(t.Context(), shop.Actor{Admin: true}, order.ID, shop.CancelRequest{}); err != nil {
		t.Error(err)
	}
	call.Return(Output{Outcome: OK})
}

// recorded returns the history of clients that buy, cancel, restock and read side by side.
func recorded(t *testing.T) ([]Operation, *market) {
	t.Helper()
	var written bytes.Buffer
	skus := []string{"A", "B", "C"}
	m := newMarket(verify.NewRecorder(&written), skus...)
	for _, sku := range skus {
		m.read(t, 0, sku)
		m.restock(t, 0, sku, 20)
	}
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			luck := rand.New(rand.NewPCG(1, uint64(client)))
			for i := range 20 {
				units := map[string]int64{skus[luck.IntN(3)]: 1 + luck.Int64N(3), skus[luck.IntN(3)]: 1 + luck.Int64N(3)}
				order, ok := m.place(t, client, i, units, luck.IntN(40) == 0)
				if ok && luck.IntN(2) == 0 {
					m.cancel(t, client, order, units)
				}
				m.read(t, client, skus[luck.IntN(3)])
				if luck.IntN(10) == 0 {
					m.restock(t, client, skus[luck.IntN(3)], 5)
				}
			}
		})
	}
	clients.Wait()
	if err := m.recorder.Close(); err != nil {
		t.Fatal(err)
	}
	history, err := ReadHistory(&written)
	if err != nil {
		t.Fatal(err)
	}
	return history, m
}

// failing returns the names of the checks that find a difference.
func failing(t *testing.T, history []Operation, orders Orders) []string {
	t.Helper()
	report, err := Check(t.Context(), history, orders)
	if err != nil {
		t.Fatal(err)
	}
	return audittest.Failing(t, report)
}

func TestARealHistoryHolds(t *testing.T) {
	history, m := recorded(t)
	if got := failing(t, history, m.store); len(got) > 0 {
		t.Errorf("%v fail on the history of a shop that works", got)
	}
}

// find returns the first operation of a kind and outcome that the test may change.
func find(t *testing.T, history []Operation, kind verify.Kind, outcome verify.Outcome) *Operation {
	t.Helper()
	for i, op := range history {
		if op.Kind == kind && op.Output.Outcome == outcome && i > 10 {
			return &history[i]
		}
	}
	t.Fatalf("the history has no %s that was %s", kind, outcome)
	return nil
}

// kept returns the first order that was confirmed and never cancelled.
func kept(t *testing.T, history []Operation) *Operation {
	t.Helper()
	cancelled := map[string]bool{}
	for _, op := range history {
		cancelled[op.Input.Order] = true
	}
	for i, op := range history {
		if op.Kind == Place && op.Output.Outcome == OK && !cancelled[op.Output.Order] {
			return &history[i]
		}
	}
	t.Fatal("every order of the history was cancelled")
	return nil
}

// TestADoctoredHistoryFails is why a history that holds means something.
func TestADoctoredHistoryFails(t *testing.T) {
	tests := []struct {
		name   string
		doctor func(t *testing.T, history []Operation) []Operation
		want   string
	}{
		{"an acknowledged order is not there", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Place, OK).Output.Order = ident.New(ident.Order)
			return h
		}, "history"},
		{"an order is the answer to two requests", func(t *testing.T, h []Operation) []Operation {
			twice := *find(t, h, Place, OK)
			twice.Input.Key = "usr_9/9"
			return append(h, twice)
		}, "history"},
		{"a key made two orders", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Place, OK).Input.Key = find(t, h, Place, Cancelled).Input.Key
			return h
		}, "history"},
		{"an order is for more than was asked", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Place, OK).Input.Units["A"] += 7
			return h
		}, "history"},
		{"a cancelled order takes units", func(t *testing.T, h []Operation) []Operation {
			kept(t, h).Output.Outcome = Cancelled
			return h
		}, "history"},
		{"a cancellation came to nothing", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Cancel, OK).Input.Order = kept(t, h).Output.Order
			return h
		}, "history"},
		{"fewer units were there than orders take", func(_ *testing.T, h []Operation) []Operation {
			return slices.DeleteFunc(h, func(op Operation) bool { return op.Kind == Restock })
		}, "oversold"},
		{"a read saw units that were not there", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Read, OK).Output.Available += 1000
			return h
		}, "linear"},
		{"an order was short and there was enough", func(t *testing.T, h []Operation) []Operation {
			for sku := range find(t, h, Place, Short).Input.Units {
				find(t, h, Place, Short).Input.Units[sku] = 0
			}
			return h
		}, "linear"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			history, m := recorded(t)
			if got := failing(t, tt.doctor(t, history), m.store); !slices.Contains(got, tt.want) {
				t.Errorf("failing checks = %v, want %s among them", got, tt.want)
			}
		})
	}
}
