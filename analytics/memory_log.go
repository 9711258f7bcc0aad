package analytics

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// MemoryLog is an EventLog in memory, for tests.
type MemoryLog struct {
	mu       sync.Mutex
	begin    []Offset
	records  [][][]byte
	accepted map[LineKey]int64
}

// NewMemoryLog returns an empty log.
func NewMemoryLog(partitions int) *MemoryLog {
	return &MemoryLog{begin: make([]Offset, partitions), records: make([][][]byte, partitions), accepted: map[LineKey]int64{}}
}

// Append implements EventLog.
func (m *MemoryLog) Append(ctx context.Context, partition int, records ...[]byte) (Offset, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.end(partition)
	for _, record := range records {
		m.records[partition] = append(m.records[partition], bytes.Clone(record))
		if h, ok := HeaderOf(record); ok {
			m.accepted[LineKey{h.Source, h.Arrival.Floor(time.Minute)}] += int64(h.Accepted())
		}
	}
	return first, nil
}

func (m *MemoryLog) end(partition int) Offset {
	return m.begin[partition] + Offset(len(m.records[partition]))
}

// Read implements EventLog.
func (m *MemoryLog) Read(ctx context.Context, partition int, from Offset, most int) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if from < m.begin[partition] {
		return nil, ErrTrimmed(partition, m.begin[partition])
	}
	var records [][]byte
	for at := from; at < m.end(partition); at++ {
		record := m.records[partition][at-m.begin[partition]]
		if most -= len(record); most < 0 && len(records) > 0 {
			break
		}
		records = append(records, record)
	}
	return records, nil
}

// Bounds implements EventLog.
func (m *MemoryLog) Bounds(ctx context.Context) (Bounds, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := Bounds{Begin: slices.Clone(m.begin), Accepted: maps.Clone(m.accepted)}
	for n := range m.records {
		b.End = append(b.End, m.end(n))
	}
	return b, ctx.Err()
}

// Trim implements EventLog.
func (m *MemoryLog) Trim(ctx context.Context, partition int, before Offset) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before = min(before, m.end(partition))
	if n := before - m.begin[partition]; n > 0 {
		m.records[partition] = m.records[partition][n:]
		m.begin[partition] = before
	}
	return nil
}
