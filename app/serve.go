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

	"agora/app/config"
	"agora/backoff"
	"agora/fault"
	"agora/httpapi"
	"agora/telemetry"
)

// Serve runs the program until ctx ends. When the program listens, Serve writes its address to out. The log goes to logs.
func Serve(ctx context.Context, cfg config.Config, version string, out, logs io.Writer) (err error) {
	relaxGC()
	log, flush, err := telemetry.NewLogger(logs, cfg.Log.Format, cfg.Log.Level)
	if err != nil {
		return err
	}
	defer flush()
	if err := checkFeed(cfg); err != nil {
		return err
	}
	limitMemory(ctx, os.DirFS("/"), log)
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	warnOfFolder(ctx, cfg.Data, log)
	warnOfLinks(ctx, cfg, log)
	metrics := telemetry.NewMetrics()
	stores, err := openStores(ctx, cfg, log, metrics)
	if err != nil {
		return err
	}
	program, err := assemble(ctx, version, stores, log, metrics, logs, out)
	if err != nil {
		return errors.Join(err, stores.close())
	}
	return program.Run(ctx)
}

// relaxGC lets the heap grow further between collections than Go's default, unless GOGC is set. The live heap is small compared
// with the garbage of requests, so memory stays small with fewer collections.
func relaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// assemble builds the program over the open stores, which the program closes when it ends.
func assemble(ctx context.Context, version string, s *stores, log *slog.Logger, metrics *telemetry.Metrics, logs, out io.Writer) (*Program, error) {
	cfg := s.cfg
	tracer, err := telemetry.NewTracer(ctx, cfg.Tracing.Endpoint, cfg.Tracing.Share)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, func(p port) bool { return p.serving }); err != nil {
		return nil, err
	}
	people := newAccounts(s, log, metrics)
	token, err := ensureAdminToken(ctx, cfg, people)
	if err != nil {
		return nil, err
	}
	if cfg.Demo && !cfg.Runs(shopSystem) {
		return nil, fault.ErrInvalid("demo", "needs the system %s, which is turned off", shopSystem)
	}
	running, err := startSystems(ctx, s, log, metrics)
	if err != nil {
		return nil, err
	}
	program := NewProgram(log, cfg.HTTP.Drain, cfg.HTTP.ShutdownGrace)
	front := frontage{cfg: cfg, version: version, program: program, started: time.Now()}
	api, flush := front.api(people, s, log, metrics, tracer, logs)
	program.Add(
		Module{Name: "stores", Check: s.check, Stop: func(context.Context) error { return s.close() }},
		Module{Name: "traces", Stop: tracer.Shutdown},
		Module{Name: "access log", Stop: func(context.Context) error { return flush() }},
	)
	if cfg.Ops.Listen != "" {
		program.Add(operations(cfg.Ops.Listen, api, log))
	}
	program.Add(Module{Name: "expired sessions", Run: func(ctx context.Context) error { return dropSessions(ctx, people, log) }})
	for _, system := range running {
		system.addRoutes(api)
		program.Add(system.modules()...)
	}
	program.Add(newGate(httpapi.HTTPServer(api.Handler(), log), gateOptions{
		Address: cfg.Listen, Linger: min(cfg.HTTP.Drain, cfg.HTTP.ShutdownGrace/2), Part: api.CloseConnections,
		Announce: func(url string) { welcome(out, cfg, url, token) },
		Bound: func(l net.Listener) net.Listener {
			return httpapi.NewListener(l, httpapi.ListenerOptions{
				MaxConnections: cfg.HTTP.MaxConnections, MaxPerAddress: cfg.HTTP.PerAddress,
				TrustedProxies: cfg.HTTP.TrustedProxies, Metrics: metrics,
			})
		},
	}).module())
	return program, nil
}

// system is one system of a running server.
type system interface {
	// addRoutes registers the routes of the system.
	addRoutes(api *httpapi.Server)
	// modules returns the background work of the system, in the order of its start.
	modules() []Module
}

// startSystems builds the systems that the configuration turns on.
func startSystems(ctx context.Context, s *stores, log *slog.Logger, metrics *telemetry.Metrics) ([]system, error) {
	var running []system
	if s.cfg.Runs(shopSystem) {
		market := newMarketplace(s, guardedGateway(s.gateway, metrics), log, metrics)
		if s.cfg.Demo {
			if err := fillDemo(ctx, market); err != nil {
				return nil, fmt.Errorf("fill the demo: %w", err)
			}
		}
		running = append(running, market)
	}
	if s.cfg.Runs(feedSystem) {
		home, err := newHomeFeed(ctx, s, log, metrics)
		if err != nil {
			return nil, fmt.Errorf("open the feed: %w", err)
		}
		running = append(running, home)
	}
	return running, nil
}

// check returns why a shared store cannot be used, or nil. Readiness calls it.
func (s *stores) check(context.Context) error {
	if err := s.failed(); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "events cannot be written")
	}
	return nil
}

const tidyInterval = 10 * time.Minute

// eachInterval calls work after each interval, until ctx ends.
func eachInterval(ctx context.Context, interval time.Duration, work func()) {
	for {
		backoff.Sleep(ctx, interval)
		if ctx.Err() != nil {
			return
		}
		work()
	}
}

// welcome prints the address of the program and examples of commands.
func welcome(out io.Writer, cfg config.Config, url, token string) {
	fmt.Fprintf(out, `agora is at %[1]s
  API reference   %[1]s/docs
  admin token in  %[2]s

Try it:
  curl -H "Authorization: Bearer $(cat %[2]s)" %[1]s/v1/me
`, url, token)
	if cfg.Runs(feedSystem) {
		fmt.Fprintf(out, `  curl -N -H "Authorization: Bearer $(cat %[2]s)" %[1]s/v1/feed/stream  # your home timeline, live
  or open %[1]s/console/feed with the token
`, url, token)
	}
	if !cfg.Runs(shopSystem) {
		return
	}
	fmt.Fprintf(out, `  curl '%[1]s/v1/search/products?q=lamp&limit=3'
  curl -H "Authorization: Bearer $(cat %[2]s)" -H 'Content-Type: application/json' \
    -d "{\"lines\":[{\"product_id\":\"$(curl -s '%[1]s/v1/search/products?in_stock=true&limit=1' | grep -o 'prd_[a-z0-9]*' | head -1)\",\"quantity\":1}]}" %[1]s/v1/orders
`, url, token)
}
