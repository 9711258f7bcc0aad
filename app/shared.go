package app

import (
	"context"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/engine/pebble"
	pglog "agora/engine/postgres/eventlog"
	"agora/engine/redis"
	"agora/pattern/cache"
	"agora/pattern/guard"
)

const (
	// nearMaxAge is how long a value of a shared cache is served from the memory of this process without a look at the cache.
	nearMaxAge = time.Minute
	// nearBlind is the same while nobody tells this process what others change, and so the largest age of a page or of a
	// session that has ended when Redis is away.
	nearBlind = 2 * time.Second
	// nearDefault bounds that memory where the configuration does not, in bytes.
	nearDefault = 64 << 20
	// ownSessions bounds the cache of sessions that no other server has, in bytes.
	ownSessions = 16 << 20
	// limiterKeys bounds the tokens and addresses that are counted apart, at about 200 bytes each.
	limiterKeys = 100_000
)

// sharedPorts are the ports that all systems use.
func sharedPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: "events", Default: "pebble:events",
				Help: "Where the domain events are kept. Servers that share the orders have to share them, too.",
			},
			title: "events",
			engines: []engine{
				{config.Scheme{Name: "pebble", Path: "folder", Own: true}, openPebbleEvents},
				inPostgres(pglog.Open, setPostgresEvents),
			},
		},
		{
			Port: config.Port{
				Key: "cache", Default: "memory:?size=64MiB",
				Help: "Where cached documents and sessions are kept: in memory, which size bounds; or in Redis, as in redis://host:6379/0, with what is read often also in the memory of each server, which near bounds. Servers that share products have to share the cache. A cache in memory keeps sessions that are shared for 2 s at most, as nobody tells it which have ended.",
			},
			title: "cache",
			engines: append([]engine{
				{config.Scheme{Name: "memory", Own: true, Params: map[string]config.Param{"size": config.SizeParam}}, openMemoryCache},
			}, inRedis(map[string]config.Param{"near": config.SizeParam}, openRedisCache)...),
		},
		{
			Port: config.Port{
				Key: "limits", Default: "memory:",
				Help: "Where requests are counted for the rates that are allowed: in the memory of each server, so that each allows the whole rate, or in Redis for all of them together.",
			},
			title: "rate limits",
			engines: append([]engine{
				{config.Scheme{Name: "memory", Own: true}, openMemoryLimits},
			}, inRedis(nil, openRedisLimits)...),
		},
	}
}

func openPebbleEvents(_ context.Context, s *stores, e config.Engine) error {
	db, err := pebble.Open(e.Path(s.cfg.Data), pebble.Options{Logger: s.log})
	if err != nil {
		return err
	}
	s.closing("events", db)
	s.failed = db.Err
	events, err := pebble.NewLog(db)
	if err == nil {
		s.events = events
		s.closing("event log", events)
	}
	return err
}

func setPostgresEvents(s *stores, events *pglog.Log) {
	// While the log cannot be reached, events wait in the outbox and the shop goes on: another server could not do more.
	s.failed = func() error { return nil }
	s.events = events
	s.closing("event log", events)
}

func openMemoryCache(_ context.Context, s *stores, e config.Engine) error {
	memory := cache.NewMemory(uint64(e.Size("size")))
	s.cache, s.sessionCache = memory, memory
	s.onClose("cache", func() error { memory.Close(); return nil })
	return nil
}

// openRedisCache does not ask the server for an answer: a cache may be away.
func openRedisCache(_ context.Context, s *stores, server *redis.Server, e config.Engine) error {
	size := e.Size("near")
	if size == 0 {
		size = nearDefault
	}
	options := cache.NearOptions{Name: "redis", MaxAge: nearMaxAge, Blind: nearBlind, Metrics: s.metrics}
	near := cache.NewNear(server.Cache(), cache.NewMemory(uint64(size)), options)
	s.cache, s.sessionCache = near, near
	s.onClose("cache", func() error { near.Close(); return nil })
	if s.cfg.Engine(sessionsKey).Own() {
		// Others with the same cache have sessions of their own, and must not believe those of this server.
		own := cache.NewMemory(ownSessions)
		s.sessionCache = own
		s.onClose("cache of sessions", func() error { own.Close(); return nil })
	}
	return nil
}

func openMemoryLimits(_ context.Context, s *stores, _ config.Engine) error {
	s.limits = func(_ string, perSecond, burst int) guard.Limiter { return localLimit(perSecond, burst) }
	s.attempts = accounts.NewMemoryAttempts(limiterKeys)
	return nil
}

func openRedisLimits(_ context.Context, s *stores, server *redis.Server, _ config.Engine) error {
	s.limits = func(name string, perSecond, burst int) guard.Limiter {
		return guard.NewFallback(server.Limiter(name, float64(perSecond), burst), localLimit(perSecond, burst), guard.FallbackOptions{Name: name, Metrics: s.metrics})
	}
	s.attempts = accounts.NewFallbackAttempts(server.Attempts(), accounts.NewMemoryAttempts(limiterKeys), s.metrics)
	return nil
}

func localLimit(perSecond, burst int) guard.Limiter {
	return guard.NewLocal(float64(perSecond), burst, limiterKeys)
}
