package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config is everything that can be set. The keys of a Schema list each value's name, default, form and help.
type Config struct {
	Data    string   // the folder that everything is kept in
	Listen  string   // host:port
	Demo    bool     // fill an empty shop with generated things
	Systems []string // the systems that run

	Log     LogConfig
	Tracing TracingConfig
	HTTP    HTTPConfig

	Accounts AccountsConfig
	Ops      OpsConfig
	Shop     ShopConfig

	engines map[string]Engine // by the key of the port
}

// Engine returns the engine that a port is kept in. It panics if no port has the key.
func (c Config) Engine(key string) Engine {
	e, ok := c.engines[key]
	if !ok {
		panic("config: no port has the key " + key)
	}
	return e
}

// Runs reports whether a system runs.
func (c Config) Runs(system string) bool { return slices.Contains(c.Systems, system) }

// LogConfig says what is logged, to standard error.
type LogConfig struct {
	Level  string // debug, info, warn or error
	Format string // text or json
	Access bool   // one line for each request
}

// TracingConfig says where traces go.
type TracingConfig struct {
	Endpoint string  // an OTLP/HTTP URL, or "" for no traces
	Share    float64 // the share of requests that are traced, 0 to 1
}

// HTTPConfig holds the limits of every request.
type HTTPConfig struct {
	MaxBody        int64 // bytes
	Timeout        time.Duration
	MaxConcurrent  int // requests at work at the same time
	RatePerToken   int // requests a second, 0 for no limit
	RatePerAddress int // requests a second, 0 for no limit
	MaxConnections int // open at the same time, 0 for no bound
	PerAddress     int // open connections of one address, 0 for no bound

	MaxStreams           int // open streams of events
	MaxStreamsPerAddress int // open streams of events of one address

	TrustedProxies []netip.Prefix
	Drain          time.Duration // between being told to end and taking no new connections
	ShutdownGrace  time.Duration
}

// AccountsConfig holds the limits of those who sign in.
type AccountsConfig struct {
	SignInsPerAddress int // sign-ins and registrations a second, 0 for no limit
}

// OpsConfig is for those who operate the server.
type OpsConfig struct {
	Listen string // host:port of a listener of figures and probes alone, or "" for none
}

// ShopConfig holds what a marketplace decides for itself.
type ShopConfig struct {
	Hold     time.Duration // how long an unpaid order keeps its stock
	CacheTTL time.Duration // how long a product page may be served from the cache
}

// Schema is what can be configured: the systems and the ports of a program. All keys follow from it.
type Schema struct {
	Systems []string // that can be turned off
	Ports   []Port
}

// Port is a port as the configuration knows it: a key whose value is the URL of an engine.
type Port struct {
	Key     string // with the system before the dot, as in shop.orders
	Was     string // the name of the key in earlier versions, if it had another one
	Default string
	Help    string // whole sentences
	Schemes []Scheme
}

// Keys returns all keys of the configuration, in the order in which they are shown. The keys of the file, the environment
// variables, the flags of `agora serve`, the output of `agora config` and docs/configuration.md follow from this one list.
func (s Schema) Keys() []Key {
	return slices.Concat(
		[]Key{
			key("data", "./agora-data", text("FOLDER"), func(c *Config) *string { return &c.Data },
				"Folder that everything is kept in. It is made if it is missing."),
			key("listen", "127.0.0.1:8080", address, func(c *Config) *string { return &c.Listen },
				"Host and port to listen on. Port 0 takes a free one; an empty host listens on every address."),
			key("demo", "false", yesNo, func(c *Config) *bool { return &c.Demo },
				"Fill an empty data folder with a small generated shop at the first start."),
			key("systems", strings.Join(s.Systems, ","), someOf(s.Systems), func(c *Config) *[]string { return &c.Systems },
				"Systems that run. Accounts always do. A system that is left out opens no stores and has no routes."),
		},
		s.ports(""),
		s.ports("accounts"),
		[]Key{
			key("accounts.sign_ins_per_address", "2", atLeast(0), func(c *Config) *int { return &c.Accounts.SignInsPerAddress },
				"Sign-ins and registrations a second allowed to one network address, in bursts of 15 times that; 0 is no limit. They are counted where limits says, as are the attempts on each account."),
		},
		s.ports("shop"),
		[]Key{
			key("shop.hold", "15m", duration, func(c *Config) *time.Duration { return &c.Shop.Hold },
				"How long an order that is not paid yet keeps its stock."),
			key("shop.cache_ttl", "1h", duration, func(c *Config) *time.Duration { return &c.Shop.CacheTTL },
				"How long a product page may be served from the cache. A change of the product drops it at once."),
		},
		[]Key{
			key("log.level", "info", oneOf("debug", "info", "warn", "error"), func(c *Config) *string { return &c.Log.Level },
				"Least level that is logged."),
			key("log.format", "text", oneOf("text", "json"), func(c *Config) *string { return &c.Log.Format },
				"Form of a log line."),
			key("log.access", "false", yesNo, func(c *Config) *bool { return &c.Log.Access },
				"Log a line for each request."),
			key("tracing.endpoint", "", webURL, func(c *Config) *string { return &c.Tracing.Endpoint },
				"OTLP/HTTP collector that traces are sent to, such as http://localhost:4318. Empty sends none."),
			key("tracing.share", "0.01", share, func(c *Config) *float64 { return &c.Tracing.Share },
				"Share of the requests that are traced, 0 to 1. A trace that a proxy of http.trusted_proxies passes on is always followed."),
			key("http.max_body", "1MiB", size, func(c *Config) *int64 { return &c.HTTP.MaxBody },
				"Largest body of a request with JSON. Every route has a limit of its own too."),
			key("http.timeout", "10s", duration, func(c *Config) *time.Duration { return &c.HTTP.Timeout },
				"Longest time that a request may take."),
			key("http.max_concurrent", "1024", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxConcurrent },
				"Most requests at work at the same time. The next one is told to come back later."),
			key("http.rate_per_token", "100", atLeast(0), func(c *Config) *int { return &c.HTTP.RatePerToken },
				"Requests a second allowed to one session or token; 0 is no limit."),
			key("http.rate_per_address", "500", atLeast(0), func(c *Config) *int { return &c.HTTP.RatePerAddress },
				"Requests a second allowed to one network address, whoever is behind it; 0 is no limit."),
			key("http.max_connections", "8192", atLeast(0), func(c *Config) *int { return &c.HTTP.MaxConnections },
				"Most connections that may be open at the same time. The next one is closed at once. 0 is no bound."),
			key("http.max_connections_per_address", "1024", atLeast(0), func(c *Config) *int { return &c.HTTP.PerAddress },
				"Most connections that one network address may have open at the same time, unless http.trusted_proxies names it. 0 is no bound."),
			key("http.max_streams", "4096", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxStreams },
				"Most streams of events that may be open at the same time. The next one gets 503."),
			key("http.max_streams_per_address", "128", atLeast(1), func(c *Config) *int { return &c.HTTP.MaxStreamsPerAddress },
				"Most streams of events that one network address may have open at the same time. The next one gets 429."),
			key("http.trusted_proxies", "", prefixes, func(c *Config) *[]netip.Prefix { return &c.HTTP.TrustedProxies },
				"Networks whose X-Forwarded-For and traceparent are believed, such as 10.0.0.0/8, separated by commas."),
			key("http.drain", "0s", latency, func(c *Config) *time.Duration { return &c.HTTP.Drain },
				"Time that load balancers get at the end to go elsewhere: for so long the server is not ready and goes on as before; then it takes no new connections, and those without a request stay open for as long again, or until each has been used once more. It has to be longer than the load balancer keeps a connection idle. 0 suits a server that nothing stands before."),
			key("http.shutdown_grace", "20s", duration, func(c *Config) *time.Duration { return &c.HTTP.ShutdownGrace },
				"Time that each part of the program gets at the end to finish what it began."),
			key("ops.listen", "", optionalAddress, func(c *Config) *string { return &c.Ops.Listen },
				"Host and port of a second listener, which has /metrics, /healthz and /readyz alone, without limits, and asks for no token. Let nobody reach it but those who operate the server. Empty is none; /metrics of the first listener asks for a token of the role admin or metrics."),
		},
	)
}

// ports returns the keys of the ports whose names begin with the system and a dot; "" are those that all systems share.
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
