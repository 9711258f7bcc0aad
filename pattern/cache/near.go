package cache

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"agora/telemetry"
)

// NearOptions bound how far a value in memory may be out of date.
type NearOptions struct {
	Name   string        // the label "cache" of the metrics
	MaxAge time.Duration // longest time in memory before a value is read from the far store again; must be positive
	Blind  time.Duration // the same while no messages of changes arrive, or the far store fails; must be positive

	Metrics *telemetry.Metrics // agora_cache_level_reads_total and agora_cache_blind; nil means none
}

// Near caches a store that processes share (the far store) in the memory of this process. A change by this process is
// visible here at once. A change by another process is visible when its message has arrived, about as soon as a read
// of the far store takes.
//
// While no messages can arrive, Near continues, so that an unavailable far store does not send every read to the
// origin; but values then stay in memory for Blind at most. A value is thus out of date for no longer than it takes to
// detect the loss of messages, and then for no longer than Blind. When messages arrive again, the memory is cleared.
//
// A deletion that fails in the far store is retried, for up to 100,000 keys, until at most a second after the far store is
// available again. Meanwhile this process does not read the key there; other processes that can reach the far store still
// get the old value. If this process ends first, they get it until its TTL is over.
//
// It is safe for concurrent use and has to be closed.
type Near struct {
	options NearOptions
	far     Shared
	memory  *Memory

	seed    maphash.Seed
	stripes [stripes]stripe
	blind   atomic.Bool
	debts   debts

	end                        context.CancelFunc
	ended                      sync.WaitGroup
	fromNear, fromFar, nowhere telemetry.Counter
	blindness                  telemetry.Gauge
}

var _ Leasing = (*Near)(nil)

// stripes is the number of groups of keys. A change of one key also prevents running reads of other keys of its group from
// storing their value in memory, which costs no more than another read.
const stripes = 1024

// stripe counts the changes of the keys of a group. A value is stored in memory only if the count is the same as when its
// read began.
type stripe struct {
	mu      sync.Mutex // held by keep and forget, so that counting a change and dropping its key are one step
	changes atomic.Uint64
}

// NewNear returns a store that caches far in memory, which nobody else may use. It panics if an option is not valid,
// because that is a bug.
func NewNear(far Shared, memory *Memory, o NearOptions) *Near {
	if o.MaxAge <= 0 || o.Blind <= 0 {
		panic(fmt.Sprintf("cache: options of %s: MaxAge and Blind have to be positive", o.Name))
	}
	reads := o.Metrics.Counter("agora_cache_level_reads_total", "Reads of a cache of two levels by where the value was: near, far or none.", "cache", "level")
	ctx, end := context.WithCancel(context.Background())
	n := &Near{
		options: o, far: far, memory: memory, seed: maphash.MakeSeed(), end: end,
		fromNear: reads.With(o.Name, "near"), fromFar: reads.With(o.Name, "far"), nowhere: reads.With(o.Name, "none"),
		blindness: o.Metrics.Gauge("agora_cache_blind", "1 while changes made by other processes cannot be heard.", "cache"),
	}
	n.lost()
	n.ended.Go(func() {
		far.Follow(ctx, Follower{Connected: n.connected, Changed: n.forget, Lost: n.lost})
	})
	n.ended.Go(func() { n.debts.settle(ctx, n.remove) })
	return n
}

// Close stops the goroutines and closes the memory. The far store stays open.
func (n *Near) Close() {
	n.end()
	n.ended.Wait()
	n.memory.Close()
}

// In the far store a value is preceded by its expiry in Unix milliseconds, 8 bytes big endian, because that store does not
// return the remaining time. In memory the stamp of its lease precedes both.
const (
	endSize   = 8
	stampSize = 8
)

// Get implements Store.
func (n *Near) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, _, ok, err := n.Find(ctx, key)
	return value, ok, err
}

// Find implements Leasing.
func (n *Near) Find(ctx context.Context, key string) ([]byte, Lease, bool, error) {
	if kept, ok, _ := n.memory.Get(ctx, key); ok {
		n.fromNear.Inc()
		stamp := binary.BigEndian.Uint64(kept)
		return kept[stampSize+endSize:], Lease{Given: stamp != 0, Stamp: stamp, sight: n.sight(key)}, true, nil
	}
	sight := n.sight(key)
	if n.debts.owe(key) {
		n.nowhere.Inc()
		return nil, Lease{sight: sight}, false, nil
	}
	framed, lease, ok, err := n.far.Find(ctx, key)
	lease.sight = sight
	if err != nil || !ok || len(framed) < endSize {
		n.nowhere.Inc()
		return nil, lease, false, err
	}
	n.fromFar.Inc()
	left := time.Until(time.UnixMilli(int64(binary.BigEndian.Uint64(framed))))
	n.keep(key, lease, framed, min(left, n.options.MaxAge))
	return framed[endSize:], lease, true, nil
}

// Set implements Store.
func (n *Near) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	err := n.far.Set(ctx, key, framed(value, ttl), ttl)
	n.forget(key)
	return err
}

// Fill implements Leasing. If the far store fails, the value stays in memory for Blind, so that not every read is a load.
func (n *Near) Fill(ctx context.Context, key string, value []byte, ttl time.Duration, lease Lease) (bool, error) {
	bytes := framed(value, ttl)
	var err error
	if lease.Given {
		var kept bool
		if kept, err = n.far.Fill(ctx, key, bytes, ttl, lease); err == nil {
			n.forget(key) // the memory may have the old value
			return kept, nil
		}
	}
	return n.keep(key, Lease{sight: lease.sight}, bytes, min(ttl, n.options.Blind)), err
}

// Delete implements Store. If the far store fails, the deletion is retried; until then others may get the old value.
func (n *Near) Delete(ctx context.Context, keys ...string) error {
	err := n.far.Delete(ctx, keys...)
	if err != nil {
		n.debts.add(keys)
	}
	n.forget(keys...)
	return err
}

// remove retries deletions. It also drops values that were read meanwhile, since no message comes for a process's own change.
func (n *Near) remove(ctx context.Context, keys ...string) error {
	err := n.far.Delete(ctx, keys...)
	n.forget(keys...)
	return err
}

func framed(value []byte, ttl time.Duration) []byte {
	b := make([]byte, 0, endSize+len(value))
	return append(binary.BigEndian.AppendUint64(b, uint64(time.Now().Add(ttl).UnixMilli())), value...)
}

func (n *Near) stripe(key string) *stripe {
	return &n.stripes[maphash.String(n.seed, key)%stripes]
}

// sight returns the number of changes of the key's group so far.
func (n *Near) sight(key string) uint64 { return n.stripe(key).changes.Load() }

// keep stores a value in memory, unless its group has changed since the lease was given.
func (n *Near) keep(key string, lease Lease, framed []byte, ttl time.Duration) bool {
	kept := append(binary.BigEndian.AppendUint64(make([]byte, 0, stampSize+len(framed)), lease.Stamp), framed...)
	s := n.stripe(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.blind.Load() {
		ttl = min(ttl, n.options.Blind)
	}
	if s.changes.Load() != lease.sight || ttl <= 0 {
		return false
	}
	n.memory.entries.Set(key, timed{kept, ttl})
	return true
}

// forget drops changed keys from memory, and prevents running reads from storing their old values.
func (n *Near) forget(keys ...string) {
	for _, key := range keys {
		s := n.stripe(key)
		s.mu.Lock()
		s.changes.Add(1)
		n.memory.entries.Invalidate(key)
		s.mu.Unlock()
	}
}

// lost begins the time without messages. Values in memory may be out of date already.
func (n *Near) lost() {
	n.blind.Store(true)
	n.blindness.Set(1, n.options.Name)
	n.forgetAll()
}

// connected ends the time without messages. Values that were read during it may be out of date.
func (n *Near) connected() {
	n.forgetAll()
	n.blind.Store(false)
	n.blindness.Set(0, n.options.Name)
}

func (n *Near) forgetAll() {
	for i := range n.stripes {
		s := &n.stripes[i]
		s.mu.Lock()
		s.changes.Add(1)
		s.mu.Unlock()
	}
	n.memory.Clear()
}
