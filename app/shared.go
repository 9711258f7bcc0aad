package app

import (
	"context"
	"time"

	"agora/accounts"
	"agora/app/config"
	"agora/engine/kafka"
	"agora/engine/pebble"
	pglog "agora/engine/postgres/eventlog"
	"agora/engine/redis"
	"agora/pattern/cache"
	"agora/pattern/eventlog"
	"agora/pattern/guard"
	"agora/pattern/lead"
)

const (
	// nearMaxAge is how long a value of a shared cache is served from the memory of this process before it is read again.
	nearMaxAge = time.Minute
	// nearBlind replaces nearMaxAge while this process gets no notices of changes. It is the largest age of a cached page and
	// the longest time that an ended session stays valid while Redis is down.
	nearBlind = 2 * time.Second
	// nearDefault bounds that memory if the configuration does not, in bytes.
	nearDefault = 64 << 20
	// ownSessions bounds the cache of sessions that no other server shares, in bytes.
	ownSessions = 16 << 20
	// limiterKeys bounds the tokens and addresses with a counter each, of about 200 bytes.
	limiterKeys = 100_000
)

// sharedPorts are the ports that all systems use.
func sharedPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: "events", Default: "pebble:events",
				Help: "Store of the domain events. Servers that share shop.orders have to share it too. kafka://user:password@broker1,broker2:9092/agora keeps them in Kafka 4, in topics whose names begin with the path; kafka+tls: does so over TLS. New topics have replicas=3 copies. The user signs in with sasl=scram-sha-512, scram-sha-256 or plain.",
			},
			title: "events",
			engines: append([]engine{
				{config.Scheme{Name: "pebble", Path: "folder", Own: true}, openPebbleEvents},
				inPostgres(pglog.Open, setPostgresEvents),
			}, inKafka()...),
		},
		{
			Port: config.Port{
				Key: "cache", Default: "memory:?size=64MiB",
				Help: "Cache of documents and sessions: in memory, bounded by size, or in Redis, such as redis://host:6379/0. With Redis, each server also caches in its memory, bounded by near. Servers that share shop.catalog have to share the cache. In memory, shared sessions are cached for 2 s at most, because a server does not learn that another one has ended a session.",
			},
			title: "cache",
			engines: append([]engine{
				{config.Scheme{Name: "memory", Own: true, Params: map[string]config.Param{"size": config.SizeParam}}, openMemoryCache},
			}, inRedis(map[string]config.Param{"near": config.SizeParam}, openRedisCache)...),
		},
		{
			Port: config.Port{
				Key: "limits", Default: "memory:",
				Help: "Counters of the rate limits: in the memory of each server, which then allows the whole rate, or in Redis for all servers together.",
			},
			title: "rate limits",
			engines: append([]engine{
				{config.Scheme{Name: "memory", Own: true}, openMemoryLimits},
			}, inRedis(nil, openRedisLimits)...),
		},
	}
}

// diskReserve is how much of the disk the Pebble folders leave free, in bytes: with less, writes to them fail until there is room
// again. Without a reserve, Pebble would need a restart after the disk was full.
const diskReserve = 256 << 20

func openPebbleEvents(_ context.Context, s *stores, e config.Engine) error {
	db, err := pebble.Open(e.Path(s.cfg.Data), pebble.Options{Logger: s.log, ReserveBytes: diskReserve})
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

func setPostgresEvents(s *stores, events *pglog.Log) { s.setSharedEvents(events) }

// inKafka are the engines Kafka, with and without TLS.
func inKafka() []engine {
	params := map[string]config.Param{"replicas": config.CountParam, "sasl": config.TextParam}
	var engines []engine
	for _, name := range []string{"kafka", "kafka+tls"} {
		engines = append(engines, engine{config.Scheme{Name: name, Server: true, Params: params},
			func(_ context.Context, s *stores, e config.Engine) error {
				events, err := kafka.Open(e.URL(), s.log)
				if err == nil {
					s.setSharedEvents(events)
				}
				return err
			}})
	}
	return engines
}

// setSharedEvents sets the event log of a server. While that is unreachable, events wait in the outbox; this server stays ready, as
// another one could not do more.
func (s *stores) setSharedEvents(events eventlog.Log) {
	s.failed = func() error { return nil }
	s.events = events
	s.closing("event log", events)
}

// eventsLeader elects the server that follows the events for a group. An event log that cannot elect leaves that to the store of
// orders, which the same servers share. It is nil if this server has its own.
func (s *stores) eventsLeader() lead.Leader {
	if leader := lead.Of(s.events); leader != nil {
		return leader
	}
	return lead.Of(s.orders)
}

func openMemoryCache(_ context.Context, s *stores, e config.Engine) error {
	memory := cache.NewMemory(uint64(e.Size("size")))
	s.cache, s.sessionCache = memory, memory
	s.onClose("cache", func() error { memory.Close(); return nil })
	return nil
}

// openRedisCache does not ping the server: the program also works without its cache.
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
		// Other servers with the same cache have other sessions, and must not accept those of this server.
		own := cache.NewMemory(ownSessions)
		s.sessionCache = own
		s.onClose("cache of sessions", func() error { own.Close(); return nil })
	}
	return nil
}

func openMemoryLimits(_ context.Context, s *stores, _ config.Engine) error {
	s.limits = func(_ string, perSecond float64, burst int) guard.Limiter { return localLimit(perSecond, burst) }
	s.attempts = accounts.NewMemoryAttempts(limiterKeys)
	return nil
}

func openRedisLimits(_ context.Context, s *stores, server *redis.Server, _ config.Engine) error {
	s.limits = func(name string, perSecond float64, burst int) guard.Limiter {
		return guard.NewFallback(server.Limiter(name, perSecond, burst), localLimit(perSecond, burst), guard.FallbackOptions{Name: name, Metrics: s.metrics})
	}
	s.attempts = accounts.NewFallbackAttempts(server.Attempts(), accounts.NewMemoryAttempts(limiterKeys), s.metrics)
	return nil
}

func localLimit(perSecond float64, burst int) guard.Limiter {
	return guard.NewLocal(perSecond, burst, limiterKeys)
}
