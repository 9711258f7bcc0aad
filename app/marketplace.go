package app

import (
	"context"
	"log/slog"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/outbox"
	"agora/pattern/saga"
	"agora/shop"
	"agora/telemetry"
)

// marketplace is all domain services over open stores, joined.
type marketplace struct {
	accounts *accounts.Service
	catalog  *shop.Catalog
	pages    *shop.Pages
	stocks   *shop.Stocks
	orders   *shop.Orders
	history  *shop.OrderHistory

	relay  *outbox.Relay
	runner *saga.Runner
	sync   *shop.InventorySync
	alone  bool // no other process works on the orders
}

// sessionTTL is how long a session is believed without being read from its store again. In a cache of this server alone
// nobody drops a session that ended at another one; then that is as long as it would be with a shared cache that is away.
func sessionTTL(cfg Config) time.Duration {
	if !cfg.Sessions.embedded() && cfg.Cache.Scheme() == "memory" {
		return nearBlind
	}
	return time.Hour
}

func newMarketplace(cfg Config, s *stores, gateway shop.Gateway, log *slog.Logger, metrics *telemetry.Metrics) *marketplace {
	m := &marketplace{alone: cfg.Orders.embedded()}
	sessions := accounts.NewCachedSessions(s.sessions, s.seen, sessionTTL(cfg), metrics)
	m.accounts = accounts.NewService(s.users, s.personal, sessions, accounts.Options{
		Origins: s.signInLimit(cfg.Accounts.SignInsPerAddress), Attempts: s.attempts, Log: log, Metrics: metrics,
	})

	m.catalog = shop.NewCatalog(s.catalog, func(ctx context.Context, productIDs ...string) {
		if err := m.pages.Drop(ctx, productIDs...); err != nil {
			log.ErrorContext(ctx, "pages of changed products may be old for a while", "error", err)
		}
	})
	m.pages = shop.NewPages(s.cache, m.catalog, cfg.Shop.CacheTTL, metrics)
	m.stocks = shop.NewStocks(s.orders, m.catalog)
	m.relay = outbox.NewRelay(s.orders, publishTo(s.events), log, metrics)
	offers := shop.NewCachedOffers(s.cache, m.catalog, cfg.Shop.CacheTTL, metrics, func(err error) {
		log.Error("a product may be sold as it was before for a while", "error", err)
	})
	m.orders = shop.NewOrders(s.orders, offers, gateway, shop.OrdersOptions{
		Hold: cfg.Shop.Hold, Log: log, Metrics: metrics, Notify: m.relay.Wake,
	})
	m.history = shop.NewOrderHistory(s.views, s.orders)
	m.runner = saga.NewRunner("checkout", s.orders, m.orders.Steps(), log, metrics)
	m.sync = shop.NewInventorySync(s.orders, m.catalog, metrics)
	return m
}

// publishTo carries the shop's outbox to the event log.
func publishTo(log eventlog.Log) outbox.Publish {
	return func(ctx context.Context, messages []outbox.Message) error {
		records := make([]eventlog.Record, len(messages))
		for i, m := range messages {
			records[i] = eventlog.Record{ID: m.ID, Kind: m.Kind, Key: m.Key, Value: m.Body, At: m.At}
		}
		_, err := log.Append(ctx, shop.Topic, records...)
		return err
	}
}

const (
	shopPartitions = 8                  // of the shop's topic, for ever
	eventsKept     = 7 * 24 * time.Hour // what came before is in the journal still
	tidyEvery      = 10 * time.Minute
)

// workers are the parts of the marketplace that work by themselves. The relay comes last, because it has to
// stop first: it carries what is left to the event log while everything below still runs.
func (m *marketplace) workers(s *stores, log *slog.Logger, metrics *telemetry.Metrics) []Module {
	modules := []Module{{Name: "event log topics", Start: func(ctx context.Context) error {
		return s.events.Create(ctx, shop.Topic, shopPartitions)
	}}}
	for _, p := range m.projections(s.events) {
		modules = append(modules, Module{Name: "projection of " + p.group, Run: func(ctx context.Context) error {
			return p.follow(ctx, log, metrics)
		}})
	}
	return append(modules,
		Module{Name: "housekeeping", Run: func(ctx context.Context) error { return m.tidy(ctx, s, log) }},
		Module{Name: "checkout saga", Run: func(ctx context.Context) error { return m.runSagas(ctx, s.orders, log) }},
		Module{Name: "outbox relay", Run: func(ctx context.Context) error { m.relay.Run(ctx); return nil }, Stop: m.relay.Flush},
	)
}

// runSagas finishes checkouts until ctx ends, at first those that an earlier process left. Of servers that share the
// orders one does: each that did would call the gateway for all of them.
func (m *marketplace) runSagas(ctx context.Context, orders shop.OrderStore, log *slog.Logger) error {
	if m.alone {
		if err := m.runner.Recover(ctx); err != nil {
			log.WarnContext(ctx, "unfinished checkouts wait until they are due", "error", err)
		}
	}
	return whileLeading(ctx, orders, "checkouts", log, func(ctx context.Context) error {
		m.runner.Run(ctx)
		return nil
	})
}

// tidy removes what has no use any more, now and then.
func (m *marketplace) tidy(ctx context.Context, s *stores, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tidyEvery):
		}
		if _, err := m.accounts.DropExpired(ctx); err != nil {
			log.WarnContext(ctx, "expired sessions stay for now", "error", err)
		}
		if _, err := s.events.Trim(ctx, shop.Topic, eventlog.Retention{Since: time.Now().Add(-eventsKept)}); err != nil {
			log.WarnContext(ctx, "old events stay for now", "error", err)
		}
	}
}

// check asks a store whether it answers, for readiness.
func (s *stores) check(ctx context.Context) error {
	if _, _, err := s.orders.Relay(ctx); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "orders cannot be read")
	}
	if _, err := s.catalog.CardsByID(ctx, nil); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "the catalogue cannot be read")
	}
	if err := s.failed(); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "events cannot be written")
	}
	return nil
}
