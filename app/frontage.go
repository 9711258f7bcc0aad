package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/console"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	"agora/pattern/guard"
	"agora/telemetry"
)

// operations is the second listener, which serves metrics and probes only. It listens before the workers start and until they
// have stopped, so that their start and end can be observed.
func operations(address string, api *httpapi.Server, log *slog.Logger) Module {
	return newGate(httpapi.HTTPServer(api.OperationsHandler(), log), gateOptions{
		Name: "operations server", Address: address,
		Bound:    func(l net.Listener) net.Listener { return httpapi.NewListener(l, httpapi.ListenerOptions{}) },
		Announce: func(url string) { log.Info("metrics and probes", "url", url) },
	}).module()
}

// frontage builds the HTTP server of the program.
type frontage struct {
	cfg     config.Config
	version string
	program *Program
	started time.Time
}

// api returns the server of the API, and a function that flushes the access log.
func (f frontage) api(people *accounts.Service, s *stores, log *slog.Logger, metrics *telemetry.Metrics, tracer telemetry.Tracer, logs io.Writer) (*httpapi.Server, func() error) {
	var access *slog.Logger
	flush := func() error { return nil }
	if f.cfg.Log.Access {
		lines := httpapi.NewLineBuffer(logs)
		access, flush = slog.New(slog.NewJSONHandler(lines, nil)), lines.Close
	}
	api := httpapi.New(httpapi.Options{
		Version: f.version, Logger: log, AccessLog: access, Metrics: metrics, Tracer: tracer,
		Authenticator: people,
		AddressLimit:  s.rateLimit("address", f.cfg.HTTP.RatePerAddress), TokenLimit: s.rateLimit("token", f.cfg.HTTP.RatePerToken),
		TrustedProxies: f.cfg.HTTP.TrustedProxies,
		MaxStreams:     f.cfg.HTTP.MaxStreams, MaxStreamsPerAddress: f.cfg.HTTP.MaxStreamsPerAddress,
		MaxInFlight: f.cfg.HTTP.MaxConcurrent, MaxBody: f.cfg.HTTP.MaxBody, Timeout: f.cfg.HTTP.Timeout,
		Ready: map[string]func(context.Context) error{"program": f.program.Ready},
	})
	accountsapi.AddRoutes(api, people)
	pages := console.New(f.status)
	api.Mount(httpapi.Route{Method: "GET", Path: "/{$}", Access: httpapi.Public}, pages)
	api.Mount(httpapi.Route{Method: "GET", Path: "/console/", Access: httpapi.Public}, pages)
	return api, flush
}

// status returns the state of the program for the front page.
func (f frontage) status(ctx context.Context) console.Status {
	c := f.cfg
	status := console.Status{
		Version: f.version, Started: f.started, Addresses: []string{"http://" + c.Listen},
		Parts: []console.Part{{Name: "program", Ready: f.program.Ready(ctx) == nil}}, Feed: c.Runs(feedSystem),
	}
	for _, p := range ports() {
		if p.used(c) {
			status.Engines = append(status.Engines, console.Engine{Port: p.title, Engine: c.Engine(p.Key).Scheme()})
		}
	}
	return status
}

// limiter adapts a guard.Limiter to the interface of httpapi.
type limiter struct{ guard.Limiter }

// rateLimit returns a limiter of requests a second, with bursts of twice that; nil for 0, which means no limit.
func (s *stores) rateLimit(name string, perSecond int) httpapi.RateLimiter {
	if perSecond == 0 {
		return nil
	}
	return limiter{s.limits(name, float64(perSecond), 2*perSecond)}
}

// Allow implements httpapi.RateLimiter.
func (l limiter) Allow(ctx context.Context, key string) (bool, time.Duration, error) {
	decision, err := l.Limiter.Allow(ctx, key)
	return decision.OK, decision.RetryAfter, err
}
