package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"agora/accounts"
	"agora/telemetry"

	"github.com/danielgtaylor/huma/v2"
)

// Authenticator tells who a bearer token belongs to. A token that is not valid (any more) is a
// fault.Unauthenticated error; any other error says that it could not be found out.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (accounts.Principal, error)
}

// RateLimiter tells whether the owner of key may make one more request now, and if not, after what time.
type RateLimiter interface {
	Allow(ctx context.Context, key string) (ok bool, retryAfter time.Duration, err error)
}

// Options are what a server is made of. Every zero value is usable.
type Options struct {
	Version   string             // of the program, for the OpenAPI document
	Logger    *slog.Logger       // causes of internal errors, once each; nil for none
	AccessLog *slog.Logger       // one line a request; nil for none. See LineBuffer
	Metrics   *telemetry.Metrics // nil for none
	Tracer    telemetry.Tracer

	Authenticator Authenticator // nil knows no token, so that each is refused
	AddressLimit  RateLimiter   // keyed by the client's address; nil for no limit
	TokenLimit    RateLimiter   // keyed by session; nil for no limit

	// TrustedProxies are the networks whose X-Forwarded-For is believed. Empty believes nobody.
	TrustedProxies []netip.Prefix

	MaxInFlight int           // requests served at once, and as many whose body is on its way; 0 for 1,024
	MaxBody     int64         // bytes of a body; 0 for 1 MiB
	BodyTimeout time.Duration // to read a body; 0 for 10 s

	MaxStreams           int // streams open at once; 0 for 4,096
	MaxStreamsPerAddress int // of those of one address; 0 for 128

	Timeout time.Duration // for the whole request; 0 for 10 s

	// Ready names the parts that have to be there and asks each of them. Nil means always ready.
	Ready map[string]func(context.Context) error
}

// Server serves the API. Register all routes before the first request.
type Server struct {
	options  Options // with the defaults filled in
	log      *slog.Logger
	duration telemetry.Histogram
	unasked  telemetry.Counter // limiters that could not be asked
	mux      *http.ServeMux
	api      huma.API
	routes   []Route
	inFlight atomic.Int64 // requests at work; none of them waits for its body
	arriving *arrivals
	parting  atomic.Bool // see CloseConnections

	crossOrigin map[string]preflights // by path
	streams     *streams
	registering string // prefix of the schemas of the operation that is being registered, see schemaName
}

// New returns a server that has the routes of operations (/healthz, /readyz, /metrics), /openapi.json
// and /docs.
func New(o Options) *Server {
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, 10*time.Second)
	o.MaxStreams = cmp.Or(o.MaxStreams, 4096)
	o.MaxStreamsPerAddress = cmp.Or(o.MaxStreamsPerAddress, 128)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	s := &Server{
		options: o,
		log:     cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
		duration: o.Metrics.Histogram("agora_http_request_duration_seconds",
			"Time from the first byte of a request to the last of its answer, by route and class of status.",
			telemetry.DurationBuckets, "route", "class"),
		unasked: o.Metrics.Counter("agora_http_limiter_errors_total",
			"Requests let through because the rate limiter could not be asked.", "limiter"),
		mux:      http.NewServeMux(),
		arriving: newArrivals(o.MaxInFlight),

		crossOrigin: map[string]preflights{},
		streams:     newStreams(o),
	}
	s.api = huma.NewAPI(s.config(), adapter{s})
	s.mux.HandleFunc("/", s.noRoute)
	s.addOperations()
	s.addDocumentation()
	return s
}

// Handler returns the handler of every request.
func (s *Server) Handler() http.Handler { return s.observed(s.routed) }

// CloseConnections ends all streams, refuses new ones, and makes every answer from now on ask its client to close the
// connection. A server that ends does this first, before it stops listening: a connection that is closed after an answer
// cannot have a request under way.
func (s *Server) CloseConnections() {
	s.parting.Store(true)
	s.streams.stop()
}

// Routes lists every route that is registered, by path and method.
func (s *Server) Routes() []Route {
	return slices.SortedFunc(slices.Values(s.routes), func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
}

// HTTPServer returns an http.Server around h with a bound on everything that a slow or hostile client
// can hold open. What fails before a handler is reached (a head that does not parse) is answered by
// net/http itself and is the one answer that is not a Problem.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,     // the bound of a body that no handler reads; readBody sets a closer one
		WriteTimeout:      5 * time.Minute, // the bound of one answer; a Listener cuts a client that does not read sooner
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(cmp.Or(log, slog.New(slog.DiscardHandler)).Handler(), slog.LevelWarn),
	}
}
