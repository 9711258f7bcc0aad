package shop_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// events returns the events of all facts of the store.
func (s *testShop) events() []shop.Event {
	s.Helper()
	pending, err := s.store.Pending(s.Context(), 10_000)
	if err != nil {
		s.Fatal(err)
	}
	messages := make([]eventlog.Message, len(pending))
	for i, m := range pending {
		messages[i].Record = eventlog.Record{ID: m.ID, Kind: m.Kind, Key: m.Key, Value: m.Body, At: m.At}
	}
	events, err := shop.DecodeEvents(messages)
	if err != nil {
		s.Fatal(err)
	}
	return events
}

func TestEventsAreTheFactsOfTheJournal(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 2))
	s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
	entries, events := journalOf(t, s.store), s.events()
	if len(events) != len(entries) {
		t.Fatalf("%d events of %d facts", len(events), len(entries))
	}
	for i, e := range entries {
		fact, err := json.Marshal(events[i].Fact)
		if err != nil {
			t.Fatal(err)
		}
		got := events[i]
		if got.Kind != e.Kind || got.Stream != e.Stream || got.Version != e.Version || !got.At.Equal(e.At) || string(fact) != string(e.Body) {
			t.Errorf("event %d = %+v, want %+v", i, got, e)
		}
	}
	if got, want := events[1].Fact.SKUs(), []string{"A", "A"}; !slices.Equal(got, want) {
		t.Errorf("SKUs of the order = %v, want %v", got, want)
	}
	ids := map[string]bool{}
	for _, e := range append(events, s.events()...) {
		ids[shop.EventID(e.Stream, e.Version)] = true
	}
	if len(ids) != len(entries) {
		t.Errorf("%d facts that were sent twice have %d ids", len(entries), len(ids))
	}
	if _, err := shop.DecodeEvents([]eventlog.Message{{Record: eventlog.Record{Value: []byte("{")}}}); err == nil {
		t.Error("a truncated event was decoded")
	}
}

func TestHistoryIsTheSameAfterRepeatedEvents(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 70, "GBP")
	var placed []string
	for range 5 {
		order := s.mustPlace(shop.Confirmed, s.line("A", 2))
		s.mustCancel(order.ID, shop.LineUnits{Line: 0, Quantity: 1})
		placed = append(placed, order.ID)
	}
	events := s.events()
	views := shop.NewMemoryViews()
	history := shop.NewOrderHistory(views, s.store)
	for _, batch := range [][]shop.Event{events[:4], events[2:9], events[:3], events, nil, events[5:]} {
		if err := history.Project(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.Relayed(t.Context(), uint64(len(events))); err != nil {
		t.Fatal(err)
	}
	report, err := shop.Audit{Orders: s.store, Views: views, Drained: true}.Run(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("the views differ from the orders: %+v, %v", report, err)
	}
	var listed []string
	cursor := ""
	for {
		page, err := history.List(t.Context(), customer, customer.ID, 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Items {
			listed = append(listed, o.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Sort(placed)
	slices.Reverse(placed)
	if !slices.Equal(listed, placed) {
		t.Errorf("listed %v, want %v: newest first", listed, placed)
	}
}

func TestHistoryFillsAGapFromTheJournal(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 2))
	s.mustCancel(order.ID)
	events := s.events()
	for name, known := range map[string][]shop.Event{"no event": nil, "two events": events[:2]} {
		views := shop.NewMemoryViews()
		history := shop.NewOrderHistory(views, s.store)
		for _, batch := range [][]shop.Event{known, events[3:4], events} { // the first batches lack the confirmation
			if err := history.Project(t.Context(), batch); err != nil {
				t.Fatalf("with %s known: %v", name, err)
			}
		}
		saved, err := views.Views(t.Context(), []string{order.ID})
		if err != nil || len(saved) != 1 || !reflect.DeepEqual(saved[0], s.stored(order.ID)) {
			t.Errorf("with %s known, the view is %+v (%v), want %+v", name, saved, err, s.stored(order.ID))
		}
	}
}

func TestHistoryRefusesEventsThatTheJournalLacks(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	order := s.mustPlace(shop.Confirmed, s.line("A", 2))
	views := shop.NewMemoryViews()
	history := shop.NewOrderHistory(views, shop.NewMemoryOrders())
	if err := history.Project(t.Context(), s.events()[2:]); err == nil {
		t.Error("a batch with a gap was projected")
	}
	if saved, _ := views.Views(t.Context(), []string{order.ID}); len(saved) != 0 {
		t.Errorf("%+v was saved of a batch that failed", saved)
	}
}

func TestALostHistoryIsRebuilt(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7000, "GBP")
	lost := func(views shop.OrderViews, projected []shop.Event) bool {
		t.Helper()
		lost, err := shop.NewOrderHistory(views, s.store).Lost(t.Context(), projected)
		if err != nil {
			t.Fatal(err)
		}
		return lost
	}
	if lost(shop.NewMemoryViews(), s.events()) {
		t.Error("an empty history of a shop without orders is reported as lost")
	}
	for range 1200 {
		s.mustPlace(shop.Confirmed, s.line("A", 2))
	}
	events := s.events()
	old := shop.NewMemoryViews()
	if err := shop.NewOrderHistory(old, s.store).Project(t.Context(), events[:len(events)-1]); err != nil {
		t.Fatal(err)
	}
	if lost(old, events[:len(events)-1]) || lost(old, nil) {
		t.Error("a history with all projected orders is reported as lost")
	}
	if err := s.store.Relayed(t.Context(), uint64(len(events))); err != nil {
		t.Fatal(err)
	}
	for name, views := range map[string]*shop.MemoryViews{"from a backup": old, "empty": shop.NewMemoryViews()} {
		if !lost(views, events[len(events)-10:]) {
			t.Errorf("a history %s is not reported as lost", name)
		}
		if err := shop.NewOrderHistory(views, s.store).Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		report, err := shop.Audit{Orders: s.store, Views: views, Drained: true}.Run(t.Context())
		if err != nil || !report.OK() {
			t.Errorf("the history %s differs after it was rebuilt: %+v, %v", name, report, err)
		}
	}
	if !lost(shop.NewMemoryViews(), nil) {
		t.Error("an empty history of a shop with orders is not reported as lost")
	}
}

func TestHistoryRefusesCursorsOfOthers(t *testing.T) {
	s := newTestShop(t, shop.SimulatedOptions{})
	s.sell("A", 150, 7, "GBP")
	views := shop.NewMemoryViews()
	history := shop.NewOrderHistory(views, s.store)
	for range 3 {
		s.mustPlace(shop.Confirmed, s.line("A", 1))
	}
	if err := history.Project(t.Context(), s.events()); err != nil {
		t.Fatal(err)
	}
	page, err := history.List(t.Context(), customer, customer.ID, 1, "")
	if err != nil || page.Next == "" {
		t.Fatalf("page = %+v, %v; want a cursor of the next page", page, err)
	}
	_, err = history.List(t.Context(), shop.Actor{ID: "usr_other"}, "usr_other", 1, page.Next)
	wantFault(t, err, fault.Invalid, "invalid")
	_, err = history.List(t.Context(), customer, customer.ID, 1, "?")
	wantFault(t, err, fault.Invalid, "invalid")
}

func TestTheCatalogueShowsTheStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestShop(t, shop.SimulatedOptions{})
		store := shop.NewMemoryCatalog()
		catalog := shop.NewCatalog(store, shop.CatalogOptions{})
		metrics := telemetry.NewMetrics()
		sync := shop.NewInventorySync(s.store, catalog, shop.InventorySyncOptions{Metrics: metrics})
		price := shop.Money{Amount: 150, Currency: "GBP"}
		product, err := catalog.Create(t.Context(), merchant, shop.ProductDraft{SKU: "A", Name: "A lamp", Price: price, Categories: []string{"lamps"}})
		if err != nil {
			t.Fatal(err)
		}
		s.sell("A", 150, 7, "GBP")
		s.sell("B", 150, 9, "GBP") // not in the catalogue
		s.mustPlace(shop.Confirmed, s.line("A", 2), s.line("B", 1))
		time.Sleep(3 * time.Second)
		events := s.events()
		for _, batch := range [][]shop.Event{events, events[:1], nil} { // repeated events change nothing
			if err := sync.Project(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			got, err := catalog.Get(t.Context(), product.ID)
			if err != nil || got.InventoryCount != 5 {
				t.Errorf("the page shows %d units, %v; want 5", got.InventoryCount, err)
			}
		}
		s.setOnHand("A", 6)
		if err := sync.Rebuild(t.Context()); err != nil { // without any event
			t.Fatal(err)
		}
		if got, _ := catalog.Get(t.Context(), product.ID); got.InventoryCount != 6 {
			t.Errorf("the page shows %d units after it was rebuilt, want 6", got.InventoryCount)
		}
		s.gateway.SetDown(true)
		s.mustPlace(shop.Pending, s.line("A", 4))
		s.setOnHand("A", 3)
		if err := sync.Project(t.Context(), s.events()); err != nil {
			t.Fatal(err)
		}
		if got, _ := catalog.Get(t.Context(), product.ID); got.InventoryCount != 0 {
			t.Errorf("the page shows %d units with more held than there are, want 0", got.InventoryCount)
		}
	})
}
