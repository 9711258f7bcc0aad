package cache

import (
	"context"
	"math"
	"time"

	"github.com/maypok86/otter/v2"
)

// entryOverhead is the approximate memory of a cache entry besides its key and value: its nodes in the hash table, the
// eviction queues and the timer wheel.
const entryOverhead = 160

// Memory is a Store inside the process. It holds a bounded number of bytes and, when full, evicts the entries that are
// used least often and least recently (W-TinyLFU, https://arxiv.org/abs/1512.00727).
type Memory struct {
	entries *otter.Cache[string, timed]
}

type timed struct {
	value []byte
	ttl   time.Duration
}

// NewMemory returns an empty store that holds about maxBytes of keys, values and their overhead.
// It has to be closed.
func NewMemory(maxBytes uint64) *Memory {
	return &Memory{entries: otter.Must(&otter.Options[string, timed]{
		MaximumWeight:    maxBytes,
		Weigher:          weigh,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, timed]) time.Duration { return e.Value.ttl }),
	})}
}

func weigh(key string, v timed) uint32 {
	return uint32(min(len(key)+len(v.value)+entryOverhead, math.MaxUint32))
}

// Get implements Store. It never fails.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	v, ok := m.entries.GetIfPresent(key)
	return v.value, ok, nil
}

// Set implements Store. It never fails; a value that is larger than the whole store is not stored.
func (m *Memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.entries.Set(key, timed{value, ttl})
	return nil
}

// Delete implements Store. It never fails.
func (m *Memory) Delete(_ context.Context, keys ...string) error {
	for _, key := range keys {
		m.entries.Invalidate(key)
	}
	return nil
}

// Clear removes all entries.
func (m *Memory) Clear() { m.entries.InvalidateAll() }

// Close stops the goroutine that removes expired entries.
func (m *Memory) Close() { m.entries.StopAllGoroutines() }
