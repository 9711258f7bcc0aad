package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"agora/accounts"
	"agora/engine/redis"
	"agora/engine/stripe"
	"agora/engine/varnish"
	"agora/pattern/cache"
	"agora/pattern/guard"
	"agora/shop"
	"agora/telemetry"
)

const (
	// nearMaxAge is how long a value of a shared cache is served from this process's memory without a look.
	nearMaxAge = time.Minute
	// nearBlind is the same while nobody tells this process what others change, and so about how old a page or
	// an ended session may be when Redis is away.
	nearBlind = 2 * time.Second
	// nearDefault bounds that memory where the configuration does not, in bytes.
	nearDefault = 64 << 20
	// ownSessions bounds the sessions in memory where only they are, in bytes.
	ownSessions = 16 << 20
)

// redisServer opens the server of a URL once, whichever ports are kept in it.
func (s *stores) redisServer(e Engine, log *slog.Logger) (*redis.Server, error) {
	address := e.Address()
	if server, ok := s.redisServers[address]; ok {
		return server, nil
	}
	server, err := redis.Open(address, log, s.metrics)
	if err != nil {
		return nil, err
	}
	if s.redisServers == nil {
		s.redisServers = map[string]*redis.Server{}
	}
	s.redisServers[address] = server
	s.closing("redis", server)
	return server, nil
}

// openRedisSessions asks for an answer at once: without its sessions the program is of no use to anybody.
func (s *stores) openRedisSessions(ctx context.Context, cfg Config, log *slog.Logger) error {
	server, err := s.redisServer(cfg.Sessions, log)
	if err != nil {
		return err
	}
	s.sessions = server.Sessions()
	return server.Ping(ctx)
}

// openRedisCache does not ask: a cache may be away.
func (s *stores) openRedisCache(cfg Config, log *slog.Logger) error {
	server, err := s.redisServer(cfg.Cache, log)
	if err != nil {
		return err
	}
	size := cfg.Cache.Size("near")
	if size == 0 {
		size = nearDefault
	}
	options := cache.NearOptions{Name: "redis", MaxAge: nearMaxAge, Blind: nearBlind}
	near := cache.NewNear(server.Cache(), cache.NewMemory(uint64(size)), options, s.metrics)
	s.cache, s.seen = near, near
	s.closers = append(s.closers, named{"cache", func() error { near.Close(); return nil }})
	if cfg.Sessions.embedded() {
		// Others with the same cache have sessions of their own, and must not believe ours.
		own := cache.NewMemory(ownSessions)
		s.seen = own
		s.closers = append(s.closers, named{"cache of sessions", func() error { own.Close(); return nil }})
	}
	return nil
}

func (s *stores) openLimits(_ context.Context, cfg Config, log *slog.Logger) error {
	switch cfg.Limits.Scheme() {
	case "memory":
		s.limits = func(_ string, perSecond, burst int) guard.Limiter { return localLimit(perSecond, burst) }
		s.attempts = accounts.NewMemoryAttempts(limiterKeys)
		return nil
	case "redis", "rediss", "redis+unix":
		server, err := s.redisServer(cfg.Limits, log)
		if err != nil {
			return err
		}
		s.limits = func(name string, perSecond, burst int) guard.Limiter {
			return guard.NewFallback(name, server.Limiter(name, float64(perSecond), burst), localLimit(perSecond, burst), s.metrics)
		}
		s.attempts = accounts.NewFallbackAttempts(server.Attempts(), accounts.NewMemoryAttempts(limiterKeys), s.metrics)
		return nil
	}
	return unknownEngine(cfg.Limits)
}

// limiterKeys bounds the tokens and addresses that are counted apart, at about 200 bytes each.
const limiterKeys = 100_000

func localLimit(perSecond, burst int) guard.Limiter {
	return guard.NewLocal(float64(perSecond), burst, limiterKeys)
}

// signInLimit returns the limit of sign-ins and registrations of an address; nil for 0, which is no limit, and for a
// command that serves nobody.
func (s *stores) signInLimit(perSecond int) guard.Limiter {
	if perSecond == 0 || s.limits == nil {
		return nil
	}
	return s.limits("sign-in", perSecond, 15*perSecond)
}

// openGateway returns the payment provider.
func (s *stores) openGateway(e Engine) (shop.Gateway, error) {
	switch e.Scheme() {
	case "simulated":
		return shop.NewSimulatedGateway(shop.SimulatedOptions{
			Latency: e.Duration("latency"), Decline: e.Share("decline"), Outage: e.Share("outage"),
		}), nil
	case "stripe":
		key, err := stripeKey(e.Text("key_file"))
		if err != nil {
			return nil, err
		}
		gateway, err := stripe.New(key, stripe.Options{PaymentMethod: e.Text("method"), API: e.Text("api")})
		if err != nil {
			return nil, err
		}
		s.closing("payments", gateway)
		return gateway, nil
	}
	return nil, unknownEngine(e)
}

// openCDN returns what tells the CDN of changes, or nil if there is none.
func openCDN(e Engine, log *slog.Logger, metrics *telemetry.Metrics) (*varnish.Purger, error) {
	switch e.Scheme() {
	case "none":
		return nil, nil
	case "varnish":
		return varnish.New(e.URL(), log, metrics)
	}
	return nil, unknownEngine(e)
}

// stripeKeyVariable is the environment variable that Stripe's own tools read the secret key from.
const stripeKeyVariable = "STRIPE_API_KEY"

// stripeKey reads the secret key from a file or, without one, from the environment. It is no part of the
// configuration, which is shown.
func stripeKey(path string) (string, error) {
	if path == "" {
		key, ok := os.LookupEnv(stripeKeyVariable)
		if !ok {
			return "", errors.New("the gateway needs Stripe's secret key: in " + stripeKeyVariable + ", or in a file that key_file names")
		}
		return key, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read Stripe's secret key: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// sharing is what the parts that servers share need of the program.
type sharing struct {
	metrics      *telemetry.Metrics
	redisServers map[string]*redis.Server // by their address
	limits       func(name string, perSecond, burst int) guard.Limiter
	attempts     accounts.AttemptStore // to sign in
}
