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

// Authenticator returns the principal of a bearer token. The error is fault.Unauthenticated for a token that is not valid, and
// of another kind if the token could not be checked.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (accounts.Principal, error)
}

// RateLimiter reports whether one more request of a key is allowed now, and if not, after what time.
type RateLimiter interface {
	Allow(ctx context.Context, key string) (ok bool, retryAfter time.Duration, err error)
}

// Options are the parts and limits of a server. Every zero value is usable.
type Options struct {
	Version   string             // of the program, for the OpenAPI document
	Logger    *slog.Logger       // for the causes of internal errors; nil for none
	AccessLog *slog.Logger       // for one line a request; nil for none. See LineBuffer
	Metrics   *telemetry.Metrics // nil for none
	Tracer    telemetry.Tracer

	Authenticator Authenticator // nil refuses every token
	AddressLimit  RateLimiter   // keyed by the client's address; nil for no limit
	TokenLimit    RateLimiter   // keyed by session; nil for no limit

	// TrustedProxies are the networks whose X-Forwarded-For and traceparent are followed.
	TrustedProxies []netip.Prefix

	MaxInFlight int           // requests in flight, and the same number of bodies that are being received; 0 for 1,024
	MaxBody     int64         // bytes of a body; 0 for 1 MiB
	BodyTimeout time.Duration // to read a body; 0 for 10 s

	MaxStreams           int // open streams; 0 for 4,096
	MaxStreamsPerAddress int // open streams of one address; 0 for 128

	Timeout time.Duration // for the whole request; 0 for 10 s

	// Ready has a check for each part that the server needs, by the name of the part. Nil means always ready.
	Ready map[string]func(context.Context) error
}

// Server serves the API. Register all routes before the first request.
type Server struct {
	options  Options // with the defaults filled in
	log      *slog.Logger
	duration telemetry.Histogram
	unasked  telemetry.Counter // rate limits that could not be checked
	mux      *http.ServeMux
	api      huma.API
	routes   []Route
	inFlight atomic.Int64 // requests; none of them waits for its body, or for a client to read
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

// HTTPServer returns an http.Server of h whose timeouts, together with NewListener, bound slow and hostile clients. A request
// that cannot be parsed is answered by net/http, which is the only failure without a Problem.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,     // for a body that no handler reads; a handler has a shorter one
		WriteTimeout:      5 * time.Minute, // for a whole answer; NewListener disconnects a client that does not read sooner
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(cmp.Or(log, slog.New(slog.DiscardHandler)).Handler(), slog.LevelWarn),
	}
}
