package analytics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"agora/fault"
)

// MemoryCatalogue is a Catalogue in memory, for tests.
type MemoryCatalogue struct {
	mu     sync.Mutex
	number int64
	next   []Offset
	files  []File
}

// NewMemoryCatalogue returns an empty catalogue of a log's partitions.
func NewMemoryCatalogue(partitions int) *MemoryCatalogue {
	return &MemoryCatalogue{next: make([]Offset, partitions)}
}

// Snapshot implements Catalogue.
func (m *MemoryCatalogue) Snapshot(ctx context.Context) (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Snapshot{Number: m.number, Next: slices.Clone(m.next), Files: slices.Clone(m.files)}, ctx.Err()
}

// Add implements Catalogue.
func (m *MemoryCatalogue) Add(ctx context.Context, files ...File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := slices.Clone(m.next)
	for i := range files {
		f := &files[i]
		if next[f.Partition] != f.From {
			return ErrStale("the catalogue")
		}
		next[f.Partition] = f.To
	}
	m.number, m.next, m.files = m.number+1, next, slices.Concat(m.files, files)
	slices.SortFunc(m.files, func(a, b File) int { return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From)) })
	return nil
}

// Replace implements Catalogue.
func (m *MemoryCatalogue) Replace(ctx context.Context, before, after File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.files {
		f := &m.files[i]
		if f.Partition == before.Partition && f.From == before.From && f.Name == before.Name && f.Purged == before.Purged {
			m.files = slices.Clone(m.files) // snapshots have the old ones
			m.files[i] = after
			m.number++
			return nil
		}
	}
	return ErrStale("the catalogue")
}

// MemoryFiles is Files in memory, for tests. The size of a file is its number of events.
type MemoryFiles struct {
	mu    sync.Mutex
	files map[string][]FileRow
}

// NewMemoryFiles returns an empty place for files.
func NewMemoryFiles() *MemoryFiles { return &MemoryFiles{files: map[string][]FileRow{}} }

// Write implements Files.
func (m *MemoryFiles) Write(ctx context.Context, name string, rows *Rows) (int64, error) {
	var all []FileRow
	for i := range rows.Len() {
		all = append(all, rows.Row(i))
	}
	return m.put(ctx, name, all)
}

func (m *MemoryFiles) put(ctx context.Context, name string, rows []FileRow) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = rows
	return int64(len(rows)), nil
}

// Rows returns the events of a file, in its order.
func (m *MemoryFiles) Rows(name string) ([]FileRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, ok := m.files[name]
	if !ok {
		return nil, fault.ErrNotFound("file", name)
	}
	return rows, nil
}

// Filter implements Files.
func (m *MemoryFiles) Filter(ctx context.Context, from, to string, drop func(Stored) bool) (int64, error) {
	rows, err := m.Rows(from)
	if err != nil {
		return 0, err
	}
	return m.put(ctx, to, slices.DeleteFunc(slices.Clone(rows), func(r FileRow) bool { return drop(r.Stored) }))
}

// List implements Files.
func (m *MemoryFiles) List(ctx context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), ctx.Err()
}

// Remove implements Files.
func (m *MemoryFiles) Remove(ctx context.Context, names ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		delete(m.files, name)
	}
	return nil
}
