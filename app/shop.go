package app

import (
	"context"
	"log/slog"
	"time"

	"agora/fault"
	"agora/httpapi"
	shopapi "agora/httpapi/shop"
	"agora/pattern/eventlog"
	"agora/pattern/saga"
	"agora/shop"
	"agora/telemetry"
)

// shopSystem is the name of the shop in the configuration.
const shopSystem = "shop"

// marketplace has the services of the shop and their background work.
type marketplace struct {
	stores  *stores
	log     *slog.Logger
	metrics *telemetry.Metrics

	catalog *shop.Catalog
	pages   *shop.Pages
	stocks  *shop.Stocks
	orders  *shop.Orders
	history *shop.OrderHistory
	offers  *shop.CachedOffers

	relay  *relay
	runner *saga.Runner
	sync   *shop.InventorySync
	alone  bool // no other server shares the orders
}

// newMarketplace connects the services of the shop. gateway may be nil for commands that work on the data.
func newMarketplace(s *stores, gateway shop.Gateway, log *slog.Logger, metrics *telemetry.Metrics) *marketplace {
	cfg := s.cfg
	m := &marketplace{stores: s, log: log, metrics: metrics, alone: cfg.Engine(ordersKey).Own()}
	m.catalog = shop.NewCatalog(s.catalog, shop.CatalogOptions{Changed: m.dropPages, Offered: m.dropOffer})
	pages := shop.PagesOptions{TTL: cfg.Shop.CacheTTL, Metrics: metrics}
	if s.cdn != nil {
		pages.CDN = s.cdn
	}
	m.pages = shop.NewPages(s.cache, m.catalog, pages)
	m.stocks = shop.NewStocks(s.orders, m.catalog)
	m.relay = newRelay(s, log, metrics)
	m.offers = shop.NewCachedOffers(s.cache, m.catalog, shop.CachedOffersOptions{TTL: cfg.Shop.CacheTTL, Metrics: metrics})
	m.orders = shop.NewOrders(s.orders, m.offers, gateway, shop.OrdersOptions{
		Hold: cfg.Shop.Hold, Log: log, Metrics: metrics, Notify: m.relay.Wake,
	})
	m.history = shop.NewOrderHistory(s.views, s.orders)
	m.runner = saga.NewRunner("checkout", s.orders, m.orders.Steps(), saga.Options{Log: log, Metrics: metrics})
	m.sync = shop.NewInventorySync(s.orders, m.catalog, shop.InventorySyncOptions{Metrics: metrics})
	return m
}

// guardedGateway bounds the calls of a gateway.
func guardedGateway(g shop.Gateway, metrics *telemetry.Metrics) shop.Gateway {
	options := shop.GatewayGuard()
	options.Metrics = metrics
	return shop.NewGuardedGateway(g, options)
}

func (m *marketplace) dropPages(ctx context.Context, productIDs ...string) {
	if err := m.pages.Drop(ctx, productIDs...); err != nil {
		m.log.ErrorContext(ctx, "pages of changed products may be out of date until they expire", "error", err)
	}
}

func (m *marketplace) dropOffer(ctx context.Context, productID string) {
	if err := m.offers.Drop(ctx, productID); err != nil {
		m.log.ErrorContext(ctx, "a changed product may be sold at its former price until its cache entry expires", "error", err)
	}
}

const (
	shopPartitions = 8                  // of the shop's topic; must never change
	eventsKept     = 7 * 24 * time.Hour // older events are still in the journal
)

// addRoutes registers the routes of the shop.
func (m *marketplace) addRoutes(api *httpapi.Server) {
	shopapi.AddRoutes(api, shopapi.Services{Catalog: m.catalog, Pages: m.pages, Stocks: m.stocks, Orders: m.orders, History: m.history})
}

// modules returns the background work of the shop. The relay is the last module, so that it stops first: it moves the remaining
// events to the event log while the modules before it still run.
func (m *marketplace) modules() []Module {
	var modules []Module
	if cdn := m.stores.cdn; cdn != nil {
		modules = append(modules, Module{Name: "CDN", Run: cdn.Run, Stop: func(ctx context.Context) error { cdn.Flush(ctx); return nil }})
	}
	modules = append(modules, Module{Name: "shop stores", Check: m.check}, Module{Name: "event log topics", Start: func(ctx context.Context) error {
		return m.stores.events.Create(ctx, shop.Topic, shopPartitions)
	}})
	for _, p := range m.projections() {
		modules = append(modules, Module{Name: "projection of " + p.Group, Run: p.Follow})
	}
	return append(modules,
		Module{Name: "event log retention", Run: m.trimEvents},
		Module{Name: "checkout saga", Run: m.runSagas},
		Module{Name: "outbox relay", Run: m.relay.run, Stop: m.relay.flush},
	)
}

// trimEvents deletes old events of the shop at intervals, until ctx ends.
func (m *marketplace) trimEvents(ctx context.Context) error {
	eachInterval(ctx, tidyInterval, func() {
		if _, err := m.stores.events.Trim(ctx, shop.Topic, eventlog.Retention{Since: time.Now().Add(-eventsKept)}); err != nil {
			m.log.WarnContext(ctx, "old events could not be deleted; the next attempt follows", "error", err)
		}
	})
	return nil
}

// check returns why a store of the shop cannot be read, or nil. Readiness calls it.
func (m *marketplace) check(ctx context.Context) error {
	if _, _, err := m.stores.orders.Relay(ctx); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "orders cannot be read")
	}
	if _, err := m.stores.catalog.CardsByID(ctx, nil); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the catalogue cannot be read")
	}
	return nil
}
