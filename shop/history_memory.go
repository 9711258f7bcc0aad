package shop

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
)

// MemoryViews is the reference implementation of OrderViews, in memory.
type MemoryViews struct {
	mu     sync.Mutex
	orders map[string]Order
}

// NewMemoryViews returns an empty read model.
func NewMemoryViews() *MemoryViews { return &MemoryViews{orders: map[string]Order{}} }

// Views implements OrderViews.
func (m *MemoryViews) Views(_ context.Context, ids []string) ([]Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Order
	for _, id := range ids {
		if o, ok := m.orders[id]; ok {
			found = append(found, o.clone())
		}
	}
	return found, nil
}

// SaveViews implements OrderViews.
func (m *MemoryViews) SaveViews(_ context.Context, orders []Order) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range orders {
		if m.orders[o.ID].Version < o.Version {
			m.orders[o.ID] = o.clone()
		}
	}
	return nil
}

// ViewsByUser implements OrderViews.
func (m *MemoryViews) ViewsByUser(_ context.Context, userID, before string, limit int) ([]Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := slices.DeleteFunc(slices.Collect(maps.Values(m.orders)), func(o Order) bool {
		return o.UserID != userID || before != "" && o.ID >= before
	})
	slices.SortFunc(found, func(a, b Order) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(limit, len(found))], nil
}

// EachView implements OrderViews.
func (m *MemoryViews) EachView(_ context.Context, visit func(Order) error) error {
	return visitAll(&m.mu, m.orders, visit)
}
