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

// NearOptions say how far what is kept near may be behind.
type NearOptions struct {
	Name   string        // the label "cache" of the metrics
	MaxAge time.Duration // a value is read from the far store again after that; must be positive
	Blind  time.Duration // the same while changes by others cannot be heard, or the far store fails; must be positive

	Metrics *telemetry.Metrics // agora_cache_level_reads_total and agora_cache_blind; nil means none
}

// Near keeps what is read from a store that processes share in the memory of this one. A change made here is
// seen here at once. One made by another process is seen when its message has arrived, which takes about as
// long as a read of the far store.
//
// While the messages of the others cannot be heard, Near stays in use, so that a far store that is away does
// not send every read to the store below; but a value is then kept for Blind at most. So a value is behind for
// no longer than it takes to notice that nothing is heard, and from then on for no longer than Blind. When
// messages come again, everything that is near is dropped.
//
// A deletion that the far store could not be told is owed, for up to 100,000 keys, and told within a second
// after it is back. Until then this process does not read the key there; others who can reach it still see
// what was before. If the process ends first, they do so until the value's time is over.
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

// stripes is how many groups of keys there are: a change of one key makes a read of another of its group that
// is under way not be kept near, which costs no more than another read.
const stripes = 1024

// stripe counts the changes of the keys of a group. It lets a value be kept near only if none of them was seen
// to change since its reading began.
type stripe struct {
	mu      sync.Mutex // held to keep and to forget, so that a change is counted and its key dropped in one step
	changes atomic.Uint64
}

// NewNear returns a store that keeps in memory, which belongs to it from then on, what is in far. It panics if
// the options make no sense, as that is a bug.
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

// Close ends the following and the memory. The far store stays open.
func (n *Near) Close() {
	n.end()
	n.ended.Wait()
	n.memory.Close()
}

// A value is kept in the far store behind its end in Unix milliseconds, 8 bytes big endian, because that store
// does not say for how long a value is still good. It is kept near behind the stamp of its lease besides.
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

// Fill implements Leasing. What the far store could not be given is kept near for a little while, so that an
// absence of the far store does not make every read a load.
func (n *Near) Fill(ctx context.Context, key string, value []byte, ttl time.Duration, lease Lease) (bool, error) {
	bytes := framed(value, ttl)
	var err error
	if lease.Given {
		var kept bool
		if kept, err = n.far.Fill(ctx, key, bytes, ttl, lease); err == nil {
			n.forget(key) // it may be what this value replaces
			return kept, nil
		}
	}
	return n.keep(key, Lease{sight: lease.sight}, bytes, min(ttl, n.options.Blind)), err
}

// Delete implements Store. What the far store could not be told is told when it is back; until then others may
// see what was there before.
func (n *Near) Delete(ctx context.Context, keys ...string) error {
	err := n.far.Delete(ctx, keys...)
	if err != nil {
		n.debts.add(keys)
	}
	n.forget(keys...)
	return err
}

// remove pays debts. What was read of the far store meanwhile is not told by it, as the change is this process's own.
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

// sight returns how often the keys of the key's group were seen to change.
func (n *Near) sight(key string) uint64 { return n.stripe(key).changes.Load() }

// keep keeps a value near, unless its key was seen to change since the lease was given.
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

// forget drops keys that have changed, and keeps reads of them that are under way from bringing them back.
func (n *Near) forget(keys ...string) {
	for _, key := range keys {
		s := n.stripe(key)
		s.mu.Lock()
		s.changes.Add(1)
		n.memory.entries.Invalidate(key)
		s.mu.Unlock()
	}
}

// lost begins the time in which changes by others are not heard. What is near may be behind already.
func (n *Near) lost() {
	n.blind.Store(true)
	n.blindness.Set(1, n.options.Name)
	n.forgetAll()
}

// connected ends that time. What was read during it may be behind.
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
