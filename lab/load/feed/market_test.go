package feed

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/feed"
	"agora/generate"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	feedapi "agora/httpapi/feed"
	"agora/lab/load"
	"agora/lab/load/loadtest"
	verifyfeed "agora/lab/verify/feed"
	"agora/pattern/audit/audittest"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// market is a marketplace in memory with a feed alone.
type market struct {
	plan    generate.Plan
	feed    feed.NodeOptions
	node    *feed.Node
	stop    func() // ends the node
	token   string
	handler http.Handler
}

// users are the accounts, as the feed asks for them.
type users struct{ *accounts.MemoryUsers }

func (u users) Exists(ctx context.Context, user feed.UserID) (bool, error) {
	_, err := u.User(ctx, user.String())
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{plan: generate.Plan{Users: 60, Seed: 3}}
	metrics, log := telemetry.NewMetrics(), slog.New(slog.DiscardHandler)
	stored, personal := accounts.NewMemoryUsers(), accounts.NewMemoryPersonal()
	people := accounts.NewService(stored, personal, accounts.NewMemorySessions(), accounts.Options{})
	catalog := shop.NewCatalog(shop.NewMemoryCatalog(), shop.CatalogOptions{})
	targets := generate.Targets{
		Users: stored, Personal: personal, Catalog: catalog, Orders: shop.NewMemoryOrders(), Views: shop.NewMemoryViews(),
	}
	if _, err := generate.Run(t.Context(), m.plan, targets, nil); err != nil {
		t.Fatal(err)
	}
	admin, err := people.BootstrapAdmin(t.Context(), accounts.MaxTokenTTL)
	if err != nil {
		t.Fatal(err)
	}
	m.token = admin.Token
	m.run(t, users{stored}, metrics)
	api := httpapi.New(httpapi.Options{Logger: log, Metrics: metrics, Authenticator: people})
	accountsapi.AddRoutes(api, people)
	feedapi.AddRoutes(api, m.node)
	m.handler = api.Handler()
	return m
}

// run runs a feed in memory until the end of the test.
func (m *market) run(t *testing.T, people feed.Users, metrics *telemetry.Metrics) {
	t.Helper()
	shape, trim := feed.Shape{Posts: 2, Graph: 2}, feed.Trim{Above: 1000, Keep: 800}
	m.feed = feed.NodeOptions{
		Shape: shape, Log: eventlog.NewMemory(), Posts: feed.NewMemoryPosts(), Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(trim), Trim: trim, Users: people, Monitor: feed.NewMonitor(metrics),
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 10, Down: 8}, MaxPulled: 100, Memory: 1 << 20,
		Every: 50 * time.Millisecond, IdleAfter: time.Hour, Keep: time.Hour,
	}
	m.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.node.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the feed ended with %v", err)
		}
	})
	t.Cleanup(m.stop)
}

func (m *market) open(t *testing.T) {
	t.Helper()
	var err error
	if m.node, err = feed.OpenNode(t.Context(), m.feed); err != nil {
		t.Fatal(err)
	}
}

// verify stops the feed and compares a history with it.
func (m *market) verify(t *testing.T, history []verifyfeed.Operation) {
	t.Helper()
	m.stop()
	m.open(t)
	if err := m.node.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := verifyfeed.Check(t.Context(), history, verifyfeed.Stored{
		Shape: m.feed.Shape, Epoch: m.node.Service.Epoch, Log: m.feed.Log, Posts: m.feed.Posts, Graph: m.feed.Graph,
	})
	if err != nil {
		t.Fatal(err)
	}
	audittest.Holds(t, report)
	for _, c := range report.Checks {
		if c.Name == "pages" && c.Undecided > 0 {
			t.Errorf("of %d pages, %d are undecided", c.Compared, c.Undecided)
		}
	}
}

// options are a load that asks for everything.
func (m *market) options() load.Options {
	mix := DefaultMix()
	for _, kind := range kinds[2:] {
		mix[kind] = 5 // more than in life, so that a short load has all
	}
	mix[Post] = 100 // so many that timelines have several pages
	return load.Options{
		Scenario: m.scenario(), URL: "http://feed", Token: m.token, Rate: 300, Duration: 2 * time.Second, Mix: mix,
		Connections: 32, Timeout: 10 * time.Second, Seed: 1, Step: 2 * time.Second,
	}
}

func (m *market) scenario() Scenario {
	return Scenario{Generated: &m.plan, Users: 40, Follows: 8, After: 0.5, Visible: 1}
}

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
