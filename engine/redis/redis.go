// Package redis stores what several servers share in Redis: cached values, rate limits and sessions. It needs Redis 7 or a
// server with its protocol: a single server, or a primary with one address. A cluster does not work, because scripts
// use keys of several slots.
//
// If Redis loses its data, sessions end and their users sign in again; nothing else is lost. So the memory policy should
// evict only keys that expire, and persistence should be on where Redis has the sessions.
//
// No request waits for a Redis that is away. Each call has a short timeout and is not retried. After some failures a breaker
// refuses calls at once, and tries one at intervals until Redis answers again. Meanwhile the Cache is not used, and each
// server counts its rate limits by itself.
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
	client   *redis.Client
	log      *slog.Logger
	metrics  *telemetry.Metrics
	patience time.Duration // added to the timeout of each guarded call; 0 but in tests, which may run on a busy machine
}

const (
	dialTimeout = 250 * time.Millisecond
	poolSize    = 64 // connections; a call that finds none free waits until its timeout
	prefix      = "agora:"
)

// Open returns the server of a URL: redis://user:password@host:port/db, rediss:// with TLS, or
// redis+unix:///socket. It connects with the first call, so that a program starts without Redis; Ping
// checks the connection. log and metrics may be nil.
func Open(rawURL string, log *slog.Logger, metrics *telemetry.Metrics) (*Server, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the address of Redis is not a URL") // without err, which may contain the password
	}
	u.Scheme = strings.TrimPrefix(u.Scheme, "redis+") // the driver's name for a socket is unix
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("the address of Redis %s: %w", u.Redacted(), err)
	}
	options.ContextTimeoutEnabled = true // or a call would go on after its context has ended
	options.DialTimeout = dialTimeout
	options.DialerRetries = 1
	options.MaxRetries = -1 // none, because a retry would make the caller wait
	options.PoolSize = poolSize
	// The driver has one logger for all clients. This package is its only user.
	redis.SetLogger(driverLog{log})
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Server{client: redis.NewClient(options), log: log, metrics: metrics}, nil
}

// driverLog logs the driver's lines at debug level: it writes one for each failed call, whose caller gets the error too.
type driverLog struct{ log *slog.Logger }

func (d driverLog) Printf(ctx context.Context, format string, v ...any) {
	d.log.DebugContext(ctx, "redis driver: "+fmt.Sprintf(format, v...))
}

// Ping checks that the server answers.
func (s *Server) Ping(ctx context.Context) error {
	return Classify(s.client.Ping(ctx).Err())
}

// Close ends all connections.
func (s *Server) Close() error { return s.client.Close() }

// Client returns the driver's client, for the packages below this one.
func (s *Server) Client() *redis.Client { return s.client }

// Guard returns a guard of calls that do not wait for a Redis that is away: short timeout, breaker opens at half of 5 calls failed in 1 s.
func (s *Server) Guard(name string, timeout time.Duration) *guard.Guard {
	return guard.New(guard.Options{
		Name: name, Timeout: timeout + s.patience,
		Breaker: guard.Breaker{Ratio: 0.5, Calls: 5, Window: time.Second, Open: 500 * time.Millisecond},
		Metrics: s.metrics,
	})
}

// Classify turns an error of the driver into a fault. The error for a missing key passes.
func Classify(err error) error {
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

// isPassing reports whether the server answered that it cannot execute the command at the moment.
func isPassing(err error) bool {
	for _, code := range []string{"LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "BUSY", "OOM", "MISCONF", "ERR max number of clients"} {
		if strings.HasPrefix(err.Error(), code) {
			return true
		}
	}
	return false
}
