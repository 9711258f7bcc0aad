// Package cache keeps answers near, in one of two ways.
//
// Aside (cache-aside) is for what is read far more often than it is written, and may be a little behind:
// product pages. The cache loads what it lacks, remembers that a thing does not exist, can go on serving
// what it has while the store below is away, and is told with Invalidate when a value has changed.
//
// Through (write-through) is for what has to be right at once after a write: sessions. All writes go
// through it, to the backing store first, and a deleted value never comes back.
//
// Both keep opaque bytes in a Store: Memory inside the process, one that several processes share, or Near,
// which keeps in the memory of each process what it reads of the shared one.
//
// What it is not: a store of record (a Store may forget anything at any time), nor a cache of values that
// each caller may change (the bytes are shared, and must be left alone).
//
// Invalidate and Delete are promises to the process that calls them: a read there that begins after they have
// returned does not see what was before. The same holds in all processes for a store that they share directly:
// a load that began before the change brings nothing back, because the change has ended its Lease. With a Near
// in front, the others see the change when its message arrives; see there for what holds while messages do
// not. What a shared store itself loses (in a failover to a replica that was behind) is beyond all of this and
// ends with the value's TTL. Two processes that Put the same key of a Through at the same time may leave it
// cached in the order of their cache writes; keys that are written once, as those of sessions are, have no order.
package cache

import (
	"context"
	"time"

	"agora/telemetry"
)

// Store holds bytes by key for a time. It is safe for concurrent use. Caches that share a store need keys
// that differ, as identifiers with prefixes do.
type Store interface {
	// Get returns the value and whether it is there. The caller must not change the value.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set keeps the value for at most ttl, which must be positive. The value belongs to the store from then on.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete forgets the keys. A key that is not there is no error.
	Delete(ctx context.Context, keys ...string) error
}

// tally counts what the requests to a cache came to.
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
