// Package redis keeps in Redis what several servers share: cached values, rate limits and sessions. It needs
// Redis 7 or what speaks its protocol: one server, or a primary behind one address; not a cluster, as its
// scripts touch keys of several slots.
//
// What Redis is not here: a store of record, but for sessions, which end when it loses them and their users sign
// in again. So the memory policy should evict nothing that does not expire, and sessions want persistence.
//
// A Redis that is away must not hold anybody up. Each call gets a short time, none is repeated, and after some
// failures a breaker refuses calls at once and lets one through now and then, so that the way back needs nobody.
// The Cache is then passed by, and the Limiter's callers fall back on counting by themselves.
package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"agora/fault"
	"agora/pattern/guard"
	"agora/telemetry"
)

// Server is a Redis server that Cache, Sessions and Limiters share. It is safe for concurrent use.
type Server struct {
	client  *redis.Client
	log     *slog.Logger
	metrics *telemetry.Metrics
}

const (
	dialTimeout = 250 * time.Millisecond
	poolSize    = 64 // connections; a call that finds none free waits within its time
	prefix      = "agora:"
)

// Open returns the server of a URL: redis://user:password@host:port/db, rediss:// with TLS, or
// redis+unix:///socket. It connects when it is used, so that a Redis that is away keeps no program from
// starting; Ping asks. log and metrics may be nil.
func Open(rawURL string, log *slog.Logger, metrics *telemetry.Metrics) (*Server, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the address of Redis is not a URL") // which may hold a password
	}
	u.Scheme = strings.TrimPrefix(u.Scheme, "redis+") // the driver's name for a socket is unix
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("the address of Redis %s: %w", u.Redacted(), err)
	}
	options.ContextTimeoutEnabled = true // else a call would outlive its context
	options.DialTimeout = dialTimeout
	options.DialerRetries = 1
	options.MaxRetries = -1 // a call that is repeated by the library is one that waits
	options.PoolSize = poolSize
	// The driver knows only one log for all its clients. This package is its only user.
	redis.SetLogger(driverLog{log})
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Server{client: redis.NewClient(options), log: log, metrics: metrics}, nil
}

// driverLog takes what the driver says. It says a line for each call that fails, whose error its caller has too.
type driverLog struct{ log *slog.Logger }

func (d driverLog) Printf(ctx context.Context, format string, v ...any) {
	d.log.DebugContext(ctx, "redis driver: "+fmt.Sprintf(format, v...))
}

// Ping asks whether the server answers.
func (s *Server) Ping(ctx context.Context) error {
	return classify(s.client.Ping(ctx).Err())
}

// Close ends all connections.
func (s *Server) Close() error { return s.client.Close() }

// guard returns the guard of calls that nobody has to wait for: a far part of a second in all that fail.
func (s *Server) guard(name string, timeout time.Duration) *guard.Guard {
	return guard.New(guard.Options{
		Name: name, Timeout: timeout,
		Breaker: guard.Breaker{Ratio: 0.5, Calls: 5, Window: time.Second, Open: 500 * time.Millisecond},
	}, s.metrics)
}

// classify turns an error of the driver into the kind that it is for a caller. That there is no such key is
// not one of them.
func classify(err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if answer, ok := errors.AsType[redis.Error](err); ok && !isPassing(answer) {
		return err
	}
	const message = "Redis is away"
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fault.Wrap(fault.Timeout, err, message)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || isPassing(err) ||
		errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed) {
		return fault.Wrap(fault.Unavailable, err, message)
	}
	return err
}

// isPassing reports whether an error answer says that the server cannot do now what it can do at other times.
func isPassing(err error) bool {
	for _, code := range []string{"LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "BUSY", "OOM", "MISCONF", "ERR max number of clients"} {
		if strings.HasPrefix(err.Error(), code) {
			return true
		}
	}
	return false
}
