package journal

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"agora/fault"
)

// Memory is the in-memory reference. It is safe for concurrent use. The zero Memory is empty.
type Memory struct {
	mu      sync.RWMutex
	entries []Entry
	streams map[string][]int // indexes into entries
	last    []byte           // hash of the newest entry
}

// Append implements Appender.
func (m *Memory) Append(_ context.Context, entries ...Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]uint64{}
	for _, e := range entries {
		version, ok := next[e.Stream]
		if !ok {
			version = uint64(len(m.streams[e.Stream])) + 1
		}
		if e.Version != version {
			return fault.New(fault.Conflict, "version_conflict",
				fmt.Sprintf("%s is at version %d and cannot take %d next", e.Stream, version-1, e.Version))
		}
		next[e.Stream] = version + 1
	}
	if m.streams == nil {
		m.streams = map[string][]int{}
	}
	for _, e := range entries {
		e.Seq = uint64(len(m.entries)) + 1
		e.Body = slices.Clone(e.Body)
		e.Hash = e.Link(m.last)
		m.last = e.Hash
		m.streams[e.Stream] = append(m.streams[e.Stream], len(m.entries))
		m.entries = append(m.entries, e)
	}
	return nil
}

// Stream implements Reader.
func (m *Memory) Stream(_ context.Context, stream string, after uint64, limit int) ([]Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	indexes := m.streams[stream]
	indexes = indexes[min(after, uint64(len(indexes))):]
	var found []Entry
	for _, index := range indexes[:min(limit, len(indexes))] {
		found = append(found, m.entries[index])
	}
	return found, nil
}

// All implements Reader.
func (m *Memory) All(_ context.Context, after uint64, limit int) ([]Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	rest := m.entries[min(after, uint64(len(m.entries))):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}
