// Package cache stores copies of values that are slow to read or compute, in one of two ways.
//
// Aside (cache-aside) is for values that are read far more often than they are written and may be slightly out of date,
// such as product pages. It loads missing values, caches that a value does not exist, can serve stale values while the
// origin is unavailable, and drops changed values with Invalidate.
//
// Through (write-through) is for values that have to be current after a write, such as sessions. All writes go
// through it, to the backing store first, and a deleted value never returns.
//
// Both store bytes in a Store: Memory inside the process, one that several processes share, or Near, which caches a
// shared store in the memory of each process. A Store may drop any value at any time. Callers must not change the bytes
// of a value, which others read too.
//
// In the process that calls Invalidate or Delete, a read that begins after the call has returned does not return the old
// value. For a store that processes share directly, this holds in all of them: the change ends the Lease of each load that
// began before, so that the load stores nothing. With a Near, other processes see the change when its message
// arrives; Near describes the time without messages. A change that the shared store itself loses (in a failover to a
// replica that lags) is not seen until the TTL of the value is over. Two processes that Put the same key of a Through at
// the same time may leave either value in the cache; keys that are written once, such as those of sessions, have no conflict.
package cache

import (
	"context"
	"time"

	"agora/telemetry"
)

// Store holds bytes by key for a limited time. It is safe for concurrent use. Caches that share a store need keys
// with different prefixes.
type Store interface {
	// Get returns the value, and whether there is one. The caller must not change it.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set stores the value for at most ttl, which must be positive. The caller must not change the value afterwards.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete removes the keys. A missing key is no error.
	Delete(ctx context.Context, keys ...string) error
}

// tally counts the requests of a cache by their result.
type tally struct{ hit, miss, negative, stale, fail telemetry.Counter }

func newTally(cache string, m *telemetry.Metrics) tally {
	requests := m.Counter("agora_cache_requests_total",
		"Reads by what they came to; error counts failed operations of the cache's store beside them.",
		"cache", "result")
	return tally{
		hit:      requests.With(cache, "hit"),
		miss:     requests.With(cache, "miss"),
		negative: requests.With(cache, "negative"),
		stale:    requests.With(cache, "stale"),
		fail:     requests.With(cache, "error"),
	}
}
