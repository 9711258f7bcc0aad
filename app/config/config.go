package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config has the values of all keys. The keys of a Schema have the name, default, form and help of each value.
type Config struct {
	Data    string   // the data folder
	Listen  string   // host:port
	Demo    bool     // whether an empty shop is filled with generated data
	Systems []string // the systems that are turned on

	Log     LogConfig
	Tracing TracingConfig
	HTTP    HTTPConfig

	Accounts AccountsConfig
	Ops      OpsConfig
	Shop     ShopConfig
	Feed     FeedConfig

	engines map[string]Engine // by the key of the port
}

// Engine returns the engine of the port with the key. It panics if no port has the key.
func (c Config) Engine(key string) Engine {
	e, ok := c.engines[key]
	if !ok {
		panic("config: no port has the key " + key)
	}
	return e
}

// Runs reports whether a system is turned on.
func (c Config) Runs(system string) bool { return slices.Contains(c.Systems, system) }

// LogConfig configures the log on standard error.
type LogConfig struct {
	Level  string // debug, info, warn or error
	Format string // text or json
	Access bool   // whether each request is logged
}

// TracingConfig configures traces.
type TracingConfig struct {
	Endpoint string  // an OTLP/HTTP URL, or "" for no traces
	Share    float64 // the share of requests that are traced, 0 to 1
}

// HTTPConfig has the limits of requests, connections and streams.
type HTTPConfig struct {
	MaxBody        int64 // bytes
	Timeout        time.Duration
	MaxConcurrent  int // requests in flight
	RatePerToken   int // requests a second, 0 for no limit
	RatePerAddress int // requests a second, 0 for no limit
	MaxConnections int // open connections, 0 for no limit
	PerAddress     int // open connections of one address, 0 for no limit

	MaxStreams           int // open streams of events
	MaxStreamsPerAddress int // open streams of events of one address

	TrustedProxies []netip.Prefix
	Drain          time.Duration // between the signal to stop and the end of listening
	ShutdownGrace  time.Duration // for each module to stop
}

// AccountsConfig has the limits of sign-ins.
type AccountsConfig struct {
	SignInsPerAddress int // sign-ins and registrations a second, 0 for no limit
}

// OpsConfig configures the listener of operators.
type OpsConfig struct {
	Listen string // host:port of a second listener, for metrics and probes only, or "" for none
}

// ShopConfig has the business settings of the shop.
type ShopConfig struct {
	Hold     time.Duration // how long stock is held for an unpaid order
	CacheTTL time.Duration // how long a product page may be served from the cache
}

// FeedConfig has the settings of the feed.
type FeedConfig struct {
	Strategy       string        // push, pull or hybrid
	Threshold      int           // followers at which the posts of an author are pulled instead of pushed
	MaxPulled      int           // the most authors whose posts a page reads one by one
	PostsPerMinute int           // of an author, 0 for no limit
	Idle           time.Duration // after which the timeline of a user who does not read is dropped
	Keep           time.Duration // how long records stay in the event log
	Memory         int64         // of all caches, in bytes
	Restored       bool          // whether the event log was restored from an older copy
}

// Schema is the list of systems and ports of a program, from which all keys are derived.
type Schema struct {
	Systems []string // the systems that can be turned off
	Ports   []Port
}

// Port is the configuration of a port: a key whose value is the URL of an engine.
type Port struct {
	Key     string // with the system before the dot, such as shop.orders
	Was     string // the name of the key in earlier versions, or ""
	Default string
	Help    string // whole sentences
	Schemes []Scheme
}

// Keys returns all keys of the configuration, in the order in which they are printed. The keys of the file, the environment
// variables, the flags of `agora serve`, the output of `agora config` and docs/configuration.md are derived from this list.
func (s Schema) Keys() []Key {
	return slices.Concat(
		[]Key{
			key("data", "./agora-data", text("FOLDER"), func(c *Config) *string { return &c.Data },
				"Folder with all data. It is created if it is missing."),
			key("listen", "127.0.0.1:8080", address, func(c *Config) *string { return &c.Listen },
				"Host and port to listen on. Port 0 selects a free port; an empty host listens on all addresses."),
			key("demo", "false", yesNo, func(c *Config) *bool { return &c.Demo },
				"Fill an empty shop, and the feed, with a small amount of generated data."),
			key("systems", strings.Join(s.Systems, ","), someOf(s.Systems), func(c *Config) *[]string { return &c.Systems },
				"Systems that are turned on, besides the accounts. Others open no stores and have no routes."),
		},
		s.ports(""),
		s.ports("accounts"),
		[]Key{
			key("accounts.sign_ins_per_address", "2", atLeast(0), func(c *Config) *int { return &c.Accounts.SignInsPerAddress },
				"Sign-ins and registrations a second from one network address, in bursts of 15 times as many; 0 is no limit. They and the attempts on each account are counted in the engine of limits."),
		},
		s.ports("shop"),
		[]Key{
			key("shop.hold", "15m", duration, func(c *Config) *time.Duration { return &c.Shop.Hold },
				"Time for which stock is held for an unpaid order."),
			key("shop.cache_ttl", "1h", duration, func(c *Config) *time.Duration { return &c.Shop.CacheTTL },
				"Time for which a product page may be served from the cache. A change of the product deletes it from the cache at once."),
		},
		s.ports("feed"),
		[]Key{
			key("feed.strategy", "hybrid", oneOf("push", "pull", "hybrid"), func(c *Config) *string { return &c.Feed.Strategy },
				"How posts get into home timelines: push writes each post into the timelines of all followers, pull reads the posts of all followed authors for each page, and hybrid pushes the posts of authors with fewer followers than feed.threshold. A change rebuilds the timelines."),
			key("feed.threshold", "10000", atLeast(2), func(c *Config) *int { return &c.Feed.Threshold },
				"Number of followers from which the posts of an author are pulled. They are pushed again below four fifths of it."),
			key("feed.max_pulled", "1000", atLeast(1), func(c *Config) *int { return &c.Feed.MaxPulled },
				"Most authors whose posts a page reads one by one, because they are not in the timeline. A page that needs more says that it is lossy."),
			key("feed.posts_per_minute", "30", atLeast(0), func(c *Config) *int { return &c.Feed.PostsPerMinute },
				"Posts a minute of an author, in bursts of as many; 0 is no limit. They are counted in the engine of limits."),
			key("feed.idle", "720h", duration, func(c *Config) *time.Duration { return &c.Feed.Idle },
				"Time after which the timeline of a user who does not read is deleted. The next page is pulled, and the timeline is built again."),
			key("feed.keep", "168h", duration, func(c *Config) *time.Duration { return &c.Feed.Keep },
				"Time for which posts, follows and deletions stay in the event log, at least until the timelines have them. A stream of events that was interrupted for longer begins anew."),
			key("feed.memory", "512MiB", size, func(c *Config) *int64 { return &c.Feed.Memory },
				"Memory of the caches of the feed: followers, follows, the newest posts, and blocks of its Pebble folders."),
			key("feed.restored", "false", yesNo, func(c *Config) *bool { return &c.Feed.Restored },
				"Set it for one start of one server after the event log was restored from an older copy, while no other server runs. Cursors of before are then refused, and timelines are rebuilt."),
		},
		[]Key{
			key("log.level", "info", oneOf("debug", "info", "warn", "error"), func(c *Config) *string { return &c.Log.Level },
				"Lowest level that is logged."),
			key("log.format", "text", oneOf("text", "json"), func(c *Config) *string { return &c.Log.Format },
				"Format of log lines."),
			key("log.access", "false", yesNo, func(c *Config) *bool { return &c.Log.Access },
				"Log a line for each request."),
			key("tracing.endpoint", "", webURL, func(c *Config) *string { return &c.Tracing.Endpoint },
				"URL of the OTLP/HTTP collector of traces, such as http://localhost:4318. Empty turns traces off."),
			key("tracing.share", "0.01", share, func(c *Config) *float64 { return &c.Tracing.Share },
				"Share of the requests that are traced, 0 to 1. Traces that a proxy of http.trusted_proxies began are always continued."),
			key("http.max_body", "1MiB", size, func(c *Config) *int64 { return &c.HTTP.MaxBody },
				"Largest JSON body of a request. Many routes have a lower limit."),
			key("http.timeout", "10s", duration, func(c *Config) *time.Duration { return &c.HTTP.Timeout },
				"Timeout of a request."),
			key("http.max_concurrent", "1024", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxConcurrent },
				"Most requests in flight. Further ones get 503 with Retry-After."),
			key("http.rate_per_token", "100", atLeast(0), func(c *Config) *int { return &c.HTTP.RatePerToken },
				"Requests a second of one session or token; 0 is no limit."),
			key("http.rate_per_address", "500", atLeast(0), func(c *Config) *int { return &c.HTTP.RatePerAddress },
				"Requests a second from one network address, with all its users; 0 is no limit."),
			key("http.max_connections", "8192", atLeast(0), func(c *Config) *int { return &c.HTTP.MaxConnections },
				"Most open connections. Further ones are closed at once. 0 is no limit."),
			key("http.max_connections_per_address", "1024", atLeast(0), func(c *Config) *int { return &c.HTTP.PerAddress },
				"Most open connections of one network address. Addresses of http.trusted_proxies have no limit of their own. 0 is no limit."),
			key("http.max_streams", "4096", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxStreams },
				"Most open streams of events. Further ones get 503."),
			key("http.max_streams_per_address", "128", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxStreamsPerAddress },
				"Most open streams of events of one network address. Further ones get 429."),
			key("http.trusted_proxies", "", prefixes, func(c *Config) *[]netip.Prefix { return &c.HTTP.TrustedProxies },
				"Networks of trusted proxies, such as 10.0.0.0/8, separated by commas. X-Forwarded-For and traceparent of other clients are ignored."),
			key("http.drain", "0s", latency, func(c *Config) *time.Duration { return &c.HTTP.Drain },
				"Time for load balancers to notice that the server stops. During this time /readyz fails and the server continues to work. Then it stops listening; an idle connection stays open until its next answer, for the same time at most. Set it higher than the time for which the load balancer keeps a connection idle. 0 is right without a load balancer."),
			key("http.shutdown_grace", "20s", duration, func(c *Config) *time.Duration { return &c.HTTP.ShutdownGrace },
				"Time for each part of the program to finish its work when the program stops."),
			key("ops.listen", "", optionalAddress, func(c *Config) *string { return &c.Ops.Listen },
				"Host and port of a second listener that serves only /metrics, /healthz and /readyz, without limits and without a token. Only operators may reach it. Empty turns it off. /metrics of the first listener needs a token of the role admin or metrics."),
		},
	)
}

// ports returns the keys of the ports of a system, or of the shared ports for "".
func (s Schema) ports(system string) []Key {
	var keys []Key
	for _, p := range s.Ports {
		if k := portKey(p); k.Section() == system {
			keys = append(keys, k)
		}
	}
	return keys
}

// portKey returns the key of a port.
func portKey(p Port) Key {
	form := engine(p.Schemes...)
	set := func(c *Config, text string) error {
		e, err := form.parse(text)
		if err == nil {
			c.engines[p.Key] = e
		}
		return err
	}
	return Key{Name: p.Key, Was: p.Was, Default: p.Default, Form: form.name, Help: p.Help, set: set, show: form.show, kind: textTag}
}
