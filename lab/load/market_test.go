package load

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"agora/accounts"
	"agora/generate"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	shopapi "agora/httpapi/shop"
	"agora/pattern/cache"
	"agora/shop"
	"agora/telemetry"
)

// The tests run against servers within the process, over pipes, in a bubble whose clock goes on when all wait:
// a trial of ten seconds is over in no time, and the times are exact.

// pipes is a network of one server.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.incoming <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serving starts a server in the bubble and returns how it is reached.
func serving(t *testing.T, handler http.Handler) target {
	t.Helper()
	network := &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(network) }()
	t.Cleanup(func() { _ = server.Close() })
	return target{address: "shop:80", host: "shop", dialer: network.dial}
}

// options are a small load of 100 requests a second for 10 seconds.
func options() Options {
	return Options{
		URL: "http://shop", Token: "token", Rate: 100, Duration: 10 * time.Second, Mix: map[Kind]float64{View: 1},
		Products: 10, Connections: 64, Timeout: 5 * time.Second, Seed: 1, Step: 2 * time.Second,
	}
}

// products answers as a catalogue of three products, and leaves all else to next.
func products(next http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/products", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"id":"prd_a","sku":"A","name":"Red lamp"},{"id":"prd_b","sku":"B"},{"id":"prd_c","sku":"C"}]}`)
	})
	mux.HandleFunc("GET /metrics", http.NotFound)
	mux.HandleFunc("/", next)
	return mux
}

// measured runs a load in the bubble.
func measured(t *testing.T, o Options, at target) Report {
	t.Helper()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), o, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// market is a whole marketplace in memory.
type market struct {
	plan    generate.Plan
	orders  *shop.MemoryOrders
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
	catalog := shop.NewCatalog(shop.NewMemoryCatalog(), func(context.Context, ...string) {})
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
	api := httpapi.New(httpapi.Options{Logger: log, Metrics: metrics, Authenticator: people})
	accountsapi.AddRoutes(api, people)
	shopapi.AddRoutes(api, shopapi.Services{
		Catalog: catalog, Pages: shop.NewPages(memory, catalog, time.Hour, metrics), Stocks: shop.NewStocks(m.orders, catalog),
		Orders: shop.NewOrders(m.orders, catalog, shop.NewSimulatedGateway(gateway), shop.OrdersOptions{
			Hold: time.Hour, Log: log, Notify: func() {},
		}),
		History: shop.NewOrderHistory(views, m.orders),
	})
	m.handler = api.Handler()
	return m
}

// options are a load that asks for everything, by users of the plan.
func (m *market) options() Options {
	o := options()
	o.Token, o.Generated, o.Users = m.token, &m.plan, 8
	o.Mix = map[Kind]float64{View: 3, Order: 1, Search: 0.5, Orders: 0.5}
	return o
}
