package analytics

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// MemoryState is a StateStore in memory, for tests.
type MemoryState struct {
	mu     sync.Mutex
	epoch  int64
	values map[string][]byte
}

// NewMemoryState returns an empty state.
func NewMemoryState() *MemoryState { return &MemoryState{values: map[string][]byte{}} }

// Scan implements StateStore.
func (m *MemoryState) Scan(ctx context.Context, prefix []byte, each func(key, value []byte) error) error {
	m.mu.Lock()
	values := map[string][]byte{}
	for key, value := range m.values {
		if strings.HasPrefix(key, string(prefix)) {
			values[key] = value
		}
	}
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each([]byte(key), values[key]); err != nil {
			return err
		}
	}
	return nil
}

// Read implements StateStore.
func (m *MemoryState) Read(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.values[string(key)]
	}
	return values, ctx.Err()
}

// Commit implements StateStore.
func (m *MemoryState) Commit(ctx context.Context, from, to int64, changes []Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != from {
		return ErrStale("the state")
	}
	m.epoch = to
	for _, c := range changes {
		if c.Value == nil {
			delete(m.values, string(c.Key))
		} else {
			m.values[string(c.Key)] = bytes.Clone(c.Value)
		}
	}
	return nil
}
