package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/engine/cassandra"
	"agora/fault"
	"agora/feed"
	"agora/httpapi"
	feedapi "agora/httpapi/feed"
	"agora/pattern/guard"
	"agora/pattern/lead"
	"agora/shop"
	"agora/telemetry"
)

// feedSystem is the name of the feed in the configuration.
const feedSystem = "feed"

const (
	feedRun      = 2 * time.Second // between two runs that write timelines
	feedMaxPulls = 64              // pages that pull the posts of all followed authors at a time
)

// homeFeed has the server of the feed and its background work.
type homeFeed struct {
	stores  *stores
	node    *feed.Node
	log     *slog.Logger
	metrics *telemetry.Metrics
	lags    []*cassandra.Lag // of the keyspaces
}

// newHomeFeed connects the feed, and reads the newest records of its log.
func newHomeFeed(ctx context.Context, s *stores, log *slog.Logger, metrics *telemetry.Metrics) (*homeFeed, error) {
	options, err := s.feedOptions(log)
	if err != nil {
		return nil, err
	}
	options.Restored = s.cfg.Feed.Restored
	options.Monitor, options.Streams = feed.NewMonitor(metrics), feed.NewHubMonitor(metrics)
	node, err := feed.OpenNode(ctx, options)
	if err != nil {
		return nil, err
	}
	home := &homeFeed{stores: s, node: node, log: log, metrics: metrics}
	for url, keyspace := range s.keyspaces {
		lag, err := cassandra.OpenLag(ctx, keyspace, metrics, storesAt(s.cfg, url)...)
		if err != nil {
			return nil, err
		}
		home.lags = append(home.lags, lag)
	}
	return home, nil
}

// storesAt returns the keys of the stores that are configured with a URL.
func storesAt(cfg config.Config, url string) []string {
	var keys []string
	for _, p := range ports() {
		if cfg.Engine(p.Key).URL() == url {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// feedThreshold returns the numbers of followers at which an author's posts are pulled, and pushed again.
func feedThreshold(cfg config.Config) feed.Threshold {
	return feed.Threshold{Up: int64(cfg.Feed.Threshold), Down: int64(cfg.Feed.Threshold) * 4 / 5}
}

// feedOptions returns the options of the feed's node.
func (s *stores) feedOptions(log *slog.Logger) (feed.NodeOptions, error) {
	cfg := s.cfg.Feed
	divider, err := s.feedDivider()
	if err != nil {
		return feed.NodeOptions{}, err
	}
	options := feed.NodeOptions{
		Shape: feedShape, Log: s.events, Posts: s.posts, Graph: s.graph, Timelines: s.timelines, Trim: feedTrim,
		Users: people{s.users}, Posting: s.postingLimit(cfg.PostsPerMinute), Divider: divider,
		Strategy: feed.Strategy(cfg.Strategy), Threshold: feedThreshold(s.cfg),
		MaxPulled: cfg.MaxPulled, MaxPulls: feedMaxPulls, Memory: int(cfg.Memory / 2),
		Every: feedRun, IdleAfter: cfg.Idle, Keep: cfg.Keep, Logger: log,
	}
	if s.cfg.Runs(shopSystem) {
		options.Products = goods{s.catalog}
	}
	return options, nil
}

// checkFeed returns why the feed cannot run with the stores of the configuration, or nil. It opens none.
func checkFeed(cfg config.Config) error {
	events := cfg.Engine("events")
	if !cfg.Runs(feedSystem) || events.Own() {
		return nil
	}
	for _, key := range []string{"feed.posts", "feed.graph", "feed.timelines"} {
		if e := cfg.Engine(key); e.Own() {
			return fault.ErrInvalid(key, "has to be a store that servers share, as events is, and not %s: or turn the feed off with systems", e.Scheme())
		}
	}
	const divides = "postgres" // the engine in which servers elect
	if events.Scheme() != divides && (!cfg.Runs(shopSystem) || cfg.Engine(ordersKey).Scheme() != divides) {
		return fault.ErrInvalid("events", "is in %s, which does not divide the work of the feed among servers: that needs events or shop.orders in PostgreSQL, or turn the feed off with systems", events.Scheme())
	}
	return nil
}

// feedDivider returns what divides the work of the servers that share the log of the feed; nil if no other server does.
func (s *stores) feedDivider() (lead.Divider, error) {
	if err := checkFeed(s.cfg); err != nil || s.cfg.Engine("events").Own() {
		return nil, err
	}
	for _, store := range []any{s.events, s.orders} {
		if divider, ok := store.(lead.Divider); ok {
			return divider, nil
		}
	}
	return nil, errors.New("neither events nor shop.orders divides the work of the feed") // a bug: checkFeed asks for one that does
}

// postingLimit returns the limit of the posts of each author; nil for 0, which is no limit, and for a command that opens no limits.
func (s *stores) postingLimit(perMinute int) guard.Limiter {
	if perMinute == 0 || s.limits == nil {
		return nil
	}
	return s.limits("posting", float64(perMinute)/60, perMinute)
}

// addRoutes registers the routes of the feed.
func (f *homeFeed) addRoutes(api *httpapi.Server) { feedapi.AddRoutes(api, f.node) }

// modules returns the background work of the feed.
func (f *homeFeed) modules() []Module {
	modules := []Module{
		{Name: "feed", Run: f.node.Run, Check: f.check},
		{Name: "size of timelines", Run: func(ctx context.Context) error {
			watchTimelines(ctx, f.stores.timelineSize, f.metrics, f.log)
			return nil
		}},
	}
	for _, lag := range f.lags {
		modules = append(modules, Module{Name: "replication lag", Run: func(ctx context.Context) error {
			lag.Run(ctx, lagPeriod)
			return nil
		}})
	}
	return modules
}

// lagPeriod is how often the replication lag is measured.
const lagPeriod = 10 * time.Second

// check returns why a store of the feed cannot be read, or nil. Readiness calls it.
func (f *homeFeed) check(ctx context.Context) error {
	if _, err := f.stores.posts.Get(ctx, feed.PostID{}); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "posts cannot be read")
	}
	if _, err := f.stores.graph.Relations(ctx, feed.UserID{}); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "follows cannot be read")
	}
	return nil
}

// people are the accounts as the feed asks for them.
type people struct{ store accounts.UserStore }

// Exists implements feed.Users.
func (p people) Exists(ctx context.Context, user feed.UserID) (bool, error) {
	_, err := p.store.User(ctx, user.String())
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// goods are the products of the shop as the feed asks for them.
type goods struct{ catalog shop.CatalogStore }

// Products implements feed.Products.
func (g goods) Products(ctx context.Context, ids ...string) (map[string]feed.Product, error) {
	cards, err := g.catalog.CardsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	products := make(map[string]feed.Product, len(cards))
	for _, card := range cards {
		products[card.ID] = feed.Product{
			ID: card.ID, Name: card.Name, Image: card.Image, Stock: card.InventoryCount,
			Price: feed.Price{Amount: card.Price.Amount, Currency: card.Price.Currency},
		}
	}
	return products, nil
}
