package feed

import (
	"context"
	"slices"
	"sync"

	"agora/fault"
)

// MemoryTimelines is the reference of what a TimelineStore does. It holds everything in memory.
type MemoryTimelines struct {
	trim Trim

	mu        sync.Mutex
	head      Head
	merges    map[int]int // since the row of a partition was written
	timelines map[timelineKey]Timeline
}

type timelineKey struct {
	epoch uint64
	user  UserID
}

var _ TimelineStore = (*MemoryTimelines)(nil)

// NewMemoryTimelines returns an empty store.
func NewMemoryTimelines(trim Trim) *MemoryTimelines {
	return &MemoryTimelines{trim: trim, merges: map[int]int{}, timelines: map[timelineKey]Timeline{}}
}

// ErrStale returns the error of a write that is based on a row or head that another writer has replaced.
func ErrStale() error {
	return fault.New(fault.Stale, "timelines_moved", "another writer has replaced the row of the timelines")
}

// Head implements TimelineStore.
func (m *MemoryTimelines) Head(ctx context.Context) (Head, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := m.head
	head.Rows = slices.Clone(head.Rows)
	return head, head.Epoch != 0, ctx.Err()
}

// Begin implements TimelineStore.
func (m *MemoryTimelines) Begin(ctx context.Context, was uint64, head Head) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.head.Epoch != was {
		return ErrStale()
	}
	head.Rows = slices.Clone(head.Rows)
	m.head = head
	clear(m.merges)
	return nil
}

// Read implements TimelineStore.
func (m *MemoryTimelines) Read(ctx context.Context, user UserID, partition int, before PostID, limit int) (Row, Timeline, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.head.Epoch == 0 {
		return Row{}, Timeline{}, ctx.Err()
	}
	return m.head.Rows[partition], m.timelines[timelineKey{m.head.Epoch, user}].Below(before, limit), ctx.Err()
}

// current reports whether the row is that of the fence. The caller holds m.mu.
func (m *MemoryTimelines) current(fence Fence) bool {
	return m.head.Epoch == fence.Epoch && m.head.Rows[fence.Partition].Equal(fence.Row)
}

// Merge implements TimelineStore.
func (m *MemoryTimelines) Merge(ctx context.Context, fence Fence, operands []Operand) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, o := range operands {
		if o.Base && !m.current(fence) {
			return ErrStale()
		}
		key := timelineKey{fence.Epoch, o.User}
		m.timelines[key] = m.timelines[key].Merge(o.Timeline, m.trim)
	}
	if m.current(fence) {
		m.merges[fence.Partition]++
	}
	return nil
}

// Advance implements TimelineStore.
func (m *MemoryTimelines) Advance(ctx context.Context, fence Fence, to Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if !m.current(fence) || fence.Merges != AnyMerges && fence.Merges != m.merges[fence.Partition] {
		return ErrStale()
	}
	m.merges[fence.Partition] = 0
	m.head.Rows = slices.Clone(m.head.Rows)
	m.head.Rows[fence.Partition] = to
	return nil
}

// Drop implements TimelineStore.
func (m *MemoryTimelines) Drop(ctx context.Context, epoch uint64, users ...UserID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range users {
		delete(m.timelines, timelineKey{epoch, user})
	}
	return ctx.Err()
}
