package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"agora/console"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	shopapi "agora/httpapi/shop"
	"agora/pattern/guard"
	"agora/shop"
	"agora/telemetry"
)

// Serve runs the program until ctx ends. It writes the address that it listens on to out, once it does, and
// its log to logs.
func Serve(ctx context.Context, cfg Config, version string, out, logs io.Writer) (err error) {
	relaxGC()
	log, err := telemetry.NewLogger(logs, cfg.Log.Format, cfg.Log.Level)
	if err != nil {
		return err
	}
	limitMemory(ctx, os.DirFS("/"), log)
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	metrics := telemetry.NewMetrics()
	stores, err := openStores(ctx, cfg, log, metrics)
	if err != nil {
		return err
	}
	program, err := assemble(ctx, cfg, version, stores, log, metrics, logs, out)
	if err != nil {
		return errors.Join(err, stores.close())
	}
	return program.Run(ctx)
}

// relaxGC lets the heap grow further between collections than Go does by itself, unless GOGC says how. What
// lives in it is small beside what each request leaves behind, so memory stays small and collections are few.
func relaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// assemble joins everything over the open stores, which the program closes when it ends.
func assemble(ctx context.Context, cfg Config, version string, s *stores, log *slog.Logger, metrics *telemetry.Metrics, logs, out io.Writer) (*Program, error) {
	tracer, err := telemetry.NewTracer(ctx, cfg.Tracing.Endpoint, cfg.Tracing.Share)
	if err != nil {
		return nil, err
	}
	gateway, err := s.openGateway(cfg.Gateway)
	if err != nil {
		return nil, err
	}
	market := newMarketplace(cfg, s, shop.NewGuardedGateway(gateway, shop.GatewayGuard(), metrics), log, metrics)
	token, err := ensureAdminToken(ctx, cfg, market.accounts)
	if err != nil {
		return nil, err
	}
	if cfg.Demo {
		if err := fillDemo(ctx, market, s); err != nil {
			return nil, fmt.Errorf("fill the demo: %w", err)
		}
	}
	program := NewProgram(log, cfg.HTTP.Drain, cfg.HTTP.ShutdownGrace)
	front := frontage{cfg: cfg, version: version, program: program, started: time.Now()}
	api, flush := front.api(market, s, log, metrics, tracer, logs)
	program.Add(
		Module{Name: "stores", Check: s.check, Stop: func(context.Context) error { return s.close() }},
		Module{Name: "traces", Stop: tracer.Shutdown},
		Module{Name: "access log", Stop: func(context.Context) error { return flush() }},
	)
	if cfg.Ops.Listen != "" {
		program.Add(operations(cfg.Ops.Listen, api, log))
	}
	cdn, err := openCDN(cfg.CDN, log, metrics)
	if err != nil {
		return nil, err
	}
	if cdn != nil {
		market.pages.PurgeAt(cdn)
		program.Add(Module{Name: "CDN", Run: cdn.Run, Stop: func(ctx context.Context) error { cdn.Flush(ctx); return nil }})
	}
	program.Add(market.workers(s, log, metrics)...)
	program.Add(newGate(httpapi.HTTPServer(api.Handler(), log), gateOptions{
		Address: cfg.Listen, Linger: min(cfg.HTTP.Drain, cfg.HTTP.ShutdownGrace/2), Part: api.CloseConnections,
		Announce: func(url string) { welcome(out, url, token) },
		Bound: func(l net.Listener) net.Listener {
			return httpapi.NewListener(l, httpapi.ListenerOptions{
				MaxConnections: cfg.HTTP.MaxConnections, MaxPerAddress: cfg.HTTP.PerAddress,
				TrustedProxies: cfg.HTTP.TrustedProxies, Metrics: metrics,
			})
		},
	}).module())
	return program, nil
}

// operations is the listener of figures and probes alone. It is there before the workers start and until they have
// stopped, so that their start and their end can be watched.
func operations(address string, api *httpapi.Server, log *slog.Logger) Module {
	return newGate(httpapi.HTTPServer(api.OperationsHandler(), log), gateOptions{
		Name: "operations server", Address: address,
		Bound:    func(l net.Listener) net.Listener { return httpapi.NewListener(l, httpapi.ListenerOptions{}) },
		Announce: func(url string) { log.Info("figures and probes", "url", url) },
	}).module()
}

// frontage is what the program shows to the network.
type frontage struct {
	cfg     Config
	version string
	program *Program
	started time.Time
}

// api returns the server of every request, and what flushes the access log.
func (f frontage) api(m *marketplace, s *stores, log *slog.Logger, metrics *telemetry.Metrics, tracer telemetry.Tracer, logs io.Writer) (*httpapi.Server, func() error) {
	var access *slog.Logger
	flush := func() error { return nil }
	if f.cfg.Log.Access {
		lines := httpapi.NewLineBuffer(logs)
		access, flush = slog.New(slog.NewJSONHandler(lines, nil)), lines.Close
	}
	api := httpapi.New(httpapi.Options{
		Version: f.version, Logger: log, AccessLog: access, Metrics: metrics, Tracer: tracer,
		Authenticator: m.accounts,
		AddressLimit:  s.rateLimit("address", f.cfg.HTTP.RatePerAddress), TokenLimit: s.rateLimit("token", f.cfg.HTTP.RatePerToken),
		TrustedProxies: f.cfg.HTTP.TrustedProxies,
		MaxInFlight:    f.cfg.HTTP.MaxConcurrent, MaxBody: f.cfg.HTTP.MaxBody, Timeout: f.cfg.HTTP.Timeout,
		Ready: map[string]func(context.Context) error{"program": f.program.Ready},
	})
	accountsapi.AddRoutes(api, m.accounts)
	shopapi.AddRoutes(api, shopapi.Services{Catalog: m.catalog, Pages: m.pages, Stocks: m.stocks, Orders: m.orders, History: m.history})
	pages := console.New(f.status)
	api.Mount(httpapi.Route{Method: "GET", Path: "/{$}", Access: httpapi.Public}, pages)
	api.Mount(httpapi.Route{Method: "GET", Path: "/console/", Access: httpapi.Public}, pages)
	return api, flush
}

// status is what the front page says of the program.
func (f frontage) status(ctx context.Context) console.Status {
	c := f.cfg
	status := console.Status{
		Version: f.version, Started: f.started, Addresses: []string{"http://" + c.Listen},
		Parts: []console.Part{{Name: "program", Ready: f.program.Ready(ctx) == nil}},
	}
	for _, e := range []struct {
		port   string
		engine Engine
	}{
		{"users", c.Users}, {"sessions", c.Sessions}, {"personal data", c.Personal}, {"catalog", c.Catalog},
		{"orders", c.Orders}, {"order views", c.Views}, {"events", c.Events}, {"cache", c.Cache}, {"rate limits", c.Limits}, {"payments", c.Gateway}, {"CDN", c.CDN},
	} {
		status.Engines = append(status.Engines, console.Engine{Port: e.port, Engine: e.engine.Scheme()})
	}
	return status
}

// limiter is a guard's limiter as the HTTP layer asks it.
type limiter struct{ guard.Limiter }

// rateLimit returns the limit of requests a second, with bursts of twice that; nil for 0, which is no limit.
func (s *stores) rateLimit(name string, perSecond int) httpapi.RateLimiter {
	if perSecond == 0 {
		return nil
	}
	return limiter{s.limits(name, perSecond, 2*perSecond)}
}

// Allow implements httpapi.RateLimiter.
func (l limiter) Allow(ctx context.Context, key string) (bool, time.Duration, error) {
	decision, err := l.Limiter.Allow(ctx, key)
	return decision.OK, decision.RetryAfter, err
}

// welcome says where the program is and what to do with it.
func welcome(out io.Writer, url, token string) {
	fmt.Fprintf(out, `agora is at %[1]s
  API reference   %[1]s/docs
  admin token in  %[2]s

Try it:
  curl '%[1]s/v1/search/products?q=lamp&limit=3'
  curl -H "Authorization: Bearer $(cat %[2]s)" %[1]s/v1/me
  curl -H "Authorization: Bearer $(cat %[2]s)" -H 'Content-Type: application/json' \
    -d "{\"lines\":[{\"product_id\":\"$(curl -s '%[1]s/v1/search/products?in_stock=true&limit=1' | grep -o 'prd_[a-z0-9]*' | head -1)\",\"quantity\":1}]}" %[1]s/v1/orders
`, url, token)
}
