package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/generate"
	"agora/pattern/audit/audittest"
	"agora/pattern/eventlog"
	"agora/pattern/projection"
	"agora/shop"
)

// stall is a small shop in memory, whose read models follow an event log.
type stall struct {
	*testing.T
	*marketplace
	stores  *stores
	lamp    shop.Product
	restock func(units int64)
}

func newStall(t *testing.T) *stall {
	t.Helper()
	s := &stores{
		orders: shop.NewMemoryOrders(), views: shop.NewMemoryViews(), catalog: shop.NewMemoryCatalog(), events: eventlog.NewMemory(),
	}
	if err := s.events.Create(t.Context(), shop.Topic, shopPartitions); err != nil {
		t.Fatal(err)
	}
	catalog, admin := shop.NewCatalog(s.catalog, shop.CatalogOptions{}), shop.Actor{ID: "usr_1", Admin: true}
	stocks := shop.NewStocks(s.orders, catalog)
	price := shop.Money{Amount: 150, Currency: "GBP"}
	lamp, err := catalog.Create(t.Context(), admin, shop.ProductDraft{SKU: "A", Name: "A lamp", Price: price})
	if err != nil {
		t.Fatal(err)
	}
	st := &stall{T: t, stores: s, lamp: lamp, marketplace: &marketplace{
		stores: s, log: quiet(),
		orders: shop.NewOrders(s.orders, catalog, shop.NewSimulatedGateway(shop.SimulatedOptions{}), shop.OrdersOptions{
			Hold: time.Minute, Log: quiet(), Notify: func() {},
		}),
		history: shop.NewOrderHistory(s.views, s.orders),
		sync:    shop.NewInventorySync(s.orders, catalog, shop.InventorySyncOptions{}),
		relay:   newRelay(s, quiet(), nil),
	}}
	st.restock = func(units int64) {
		t.Helper()
		if _, err := stocks.Edit(t.Context(), admin, "A", shop.StockEdit{OnHand: &units}); err != nil {
			t.Fatal(err)
		}
	}
	st.restock(1000)
	return st
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// sell places orders and carries their events to the log.
func (s *stall) sell(n int) {
	s.Helper()
	s.place(n)
	if err := s.relay.flush(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// place places orders.
func (s *stall) place(n int) {
	s.Helper()
	for range n {
		_, err := s.orders.Place(s.Context(), "usr_2", "", shop.OrderRequest{Lines: []shop.LineRequest{{ProductID: s.lamp.ID, Quantity: 1}}})
		if err != nil {
			s.Fatal(err)
		}
	}
}

// show puts another read model in the place of the history's.
func (s *stall) show(views shop.OrderViews) {
	s.stores.views = views
	s.history = shop.NewOrderHistory(views, s.stores.orders)
}

// outgrow drops all that is on the event log.
func (s *stall) outgrow() {
	s.Helper()
	dropped, err := s.stores.events.Trim(s.Context(), shop.Topic, eventlog.Retention{Since: time.Now().Add(time.Hour)})
	if err != nil || dropped == 0 {
		s.Fatalf("trim dropped %d events, %v", dropped, err)
	}
}

// catchUp drains, as a verification does.
func (s *stall) catchUp() {
	s.Helper()
	if err := s.drain(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// audit wants the read models to be as the journal says.
func (s *stall) audit() {
	s.Helper()
	report, err := shop.Audit{Orders: s.stores.orders, Views: s.stores.views, Catalog: s.stores.catalog, Drained: true}.Run(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	audittest.Holds(s.T, report)
}

// damages are what can happen to the read models of a shop that has sold something and drained its events.
var damages = map[string]func(*stall){
	"none":       func(*stall) {},
	"views lost": func(s *stall) { s.show(shop.NewMemoryViews()) },
	"views lost, and their events": func(s *stall) {
		s.outgrow()
		s.show(shop.NewMemoryViews())
	},
	"views from a backup": func(s *stall) {
		backup := s.stores.views
		s.show(shop.NewMemoryViews())
		s.sell(3)
		s.catchUp()
		s.show(backup)
	},
	"events dropped unread": func(s *stall) {
		s.sell(3)
		s.restock(7)
		if err := s.relay.flush(s.Context()); err != nil {
			s.Fatal(err)
		}
		s.outgrow()
	},
}

func TestDrainMendsTheReadModels(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := newStall(t)
			s.sell(5)
			s.catchUp()
			s.audit()
			damage(s)
			s.catchUp()
			s.audit()
			s.sell(2)
			s.catchUp()
			s.audit()
		})
	}
}

func TestFollowMendsTheReadModels(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStall(t)
				s.sell(5)
				s.catchUp()
				damage(s)
				stop := s.follow()
				synctest.Wait()
				s.audit()
				s.sell(2)
				synctest.Wait()
				s.audit()
				stop()
			})
		})
	}
}

// follow runs the projections until stop, which wants them to have ended well.
func (s *stall) follow() (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	all := s.projections()
	ended := make(chan error, len(all))
	for _, p := range all {
		go func() { ended <- p.Follow(ctx) }()
	}
	return func() {
		s.Helper()
		cancel()
		for range all {
			if err := <-ended; err != nil {
				s.Errorf("a projection ended with %v", err)
			}
		}
	}
}

// flaky is a read model that takes nothing while it is down.
type flaky struct {
	shop.OrderViews
	down atomic.Bool
}

var errNoSpace = errors.New("no space left")

func (f *flaky) SaveViews(ctx context.Context, orders []shop.Order) error {
	if f.down.Load() {
		return errNoSpace
	}
	return f.OrderViews.SaveViews(ctx, orders)
}

func TestDrainEndsWhenAProjectionFails(t *testing.T) {
	s := newStall(t)
	views := &flaky{OrderViews: shop.NewMemoryViews()}
	views.down.Store(true)
	s.show(views)
	s.sell(1)
	if err := s.drain(t.Context()); !errors.Is(err, errNoSpace) {
		t.Errorf("drain = %v, want %v", err, errNoSpace)
	}
}

func TestFollowTriesToRebuildUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t)
		s.sell(5)
		s.catchUp()
		views := &flaky{OrderViews: shop.NewMemoryViews()}
		views.down.Store(true)
		s.show(views)
		stop := s.follow()
		synctest.Wait()
		views.down.Store(false)
		time.Sleep(2 * projection.MendPause)
		synctest.Wait()
		s.audit()
		stop()
	})
}

func TestVerifyMendsALostFileOfViews(t *testing.T) {
	cfg := load(t, map[string]string{"data": filepath.Join(t.TempDir(), "data")})
	plan := generate.Plan{Products: 20, Users: 5, Orders: 30, Seed: 1}
	if _, err := Generate(t.Context(), cfg, plan, quiet(), nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(cfg.Engine("shop.views").Path(cfg.Data) + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no file of views: %v", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := VerifyShop(t.Context(), cfg, nil, quiet(), t.Output()); err != nil {
		t.Errorf("verify = %v, want the views rebuilt", err)
	}
}
