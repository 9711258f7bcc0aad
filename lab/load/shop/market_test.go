package shop

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"agora/accounts"
	"agora/generate"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	shopapi "agora/httpapi/shop"
	"agora/lab/load"
	"agora/lab/load/loadtest"
	"agora/pattern/cache"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// market is a whole marketplace in memory.
type market struct {
	plan    generate.Plan
	orders  *shop.MemoryOrders
	sync    *shop.InventorySync
	token   string
	handler http.Handler
}

func newMarket(t *testing.T, gateway shop.SimulatedOptions) *market {
	t.Helper()
	m := &market{plan: generate.Plan{Products: 40, Users: 30, Seed: 3}, orders: shop.NewMemoryOrders()}
	metrics, log := telemetry.NewMetrics(), slog.New(slog.DiscardHandler)
	memory := cache.NewMemory(1 << 20)
	t.Cleanup(memory.Close)
	users, personal := accounts.NewMemoryUsers(), accounts.NewMemoryPersonal()
	people := accounts.NewService(users, personal, accounts.NewMemorySessions(), accounts.Options{})
	catalog := shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{})
	views := shop.NewMemoryViews()
	targets := generate.Targets{Users: users, Personal: personal, Catalog: catalog, Orders: m.orders, Views: views}
	if _, err := generate.Run(t.Context(), m.plan, targets, nil); err != nil {
		t.Fatal(err)
	}
	admin, err := people.BootstrapAdmin(t.Context(), accounts.MaxTokenTTL)
	if err != nil {
		t.Fatal(err)
	}
	m.token = admin.Token
	m.sync = shop.NewInventorySync(m.orders, catalog, shop.InventorySyncOptions{Metrics: metrics})
	api := httpapi.New(httpapi.Options{Logger: log, Metrics: metrics, Authenticator: people})
	accountsapi.AddRoutes(api, people)
	shopapi.AddRoutes(api, shopapi.Services{
		Catalog: catalog, Pages: shop.NewPages(memory, catalog, shop.PagesOptions{TTL: time.Hour, Metrics: metrics}), Stocks: shop.NewStocks(m.orders, catalog),
		Orders: shop.NewOrders(m.orders, catalog, shop.NewSimulatedGateway(gateway), shop.OrdersOptions{
			Hold: time.Hour, Log: log, Notify: func() {}, Metrics: metrics,
		}),
		History: shop.NewOrderHistory(views, m.orders),
	})
	m.handler = api.Handler()
	return m
}

// syncInventory shows all changes of the stock in the catalogue.
func (m *market) syncInventory(ctx context.Context, t *testing.T) {
	t.Helper()
	pending, err := m.orders.Pending(ctx, 1_000_000)
	if err != nil {
		t.Error(err)
	}
	if len(pending) == 0 {
		return
	}
	messages := make([]eventlog.Message, len(pending))
	for i, p := range pending {
		messages[i].Record = eventlog.Record{ID: p.ID, Key: p.Key, Value: p.Body, At: p.At}
	}
	events, err := shop.DecodeEvents(messages)
	if err == nil {
		err = m.sync.Project(ctx, events)
	}
	if err == nil {
		err = m.orders.Relayed(ctx, pending[len(pending)-1].Seq)
	}
	if err != nil {
		t.Error(err)
	}
}

// options are a load that asks for everything, by users of the plan.
func (m *market) options() load.Options {
	return load.Options{
		Scenario: m.scenario(), URL: "http://shop", Token: m.token, Rate: 100, Duration: 10 * time.Second,
		Mix: load.Mix{View: 3, Order: 1, Search: 0.5, Orders: 0.5}, Connections: 64, Timeout: 5 * time.Second, Seed: 1, Step: 2 * time.Second,
	}
}

func (m *market) scenario() Scenario { return Scenario{Generated: &m.plan, Users: 8} }

// measured runs a load against a server within the test.
func measured(t *testing.T, o load.Options, server http.Handler) load.Report {
	t.Helper()
	o.Dial = loadtest.Serve(t, server)
	report, err := load.Start(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
