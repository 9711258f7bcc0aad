package eventlog

import (
	"bytes"
	"context"
	"sort"
	"sync"
	"time"

	"agora/fault"
	"agora/ident"
)

// Memory is the reference implementation of Log, in memory: for tests, and for programs whose events may be lost at
// their end.
type Memory struct {
	mu     sync.Mutex
	topics map[string][]*memoryPartition
	closed chan struct{}
}

type memoryPartition struct {
	messages  []Message // the first has the offset oldest
	oldest    int64
	committed map[string]int64 // by group
	changed   chan struct{}    // closed and replaced when a record is added
}

var _ Log = (*Memory)(nil)

// NewMemory returns an empty log without topics.
func NewMemory() *Memory {
	return &Memory{topics: map[string][]*memoryPartition{}, closed: make(chan struct{})}
}

// Create implements Log.
func (m *Memory) Create(ctx context.Context, topic string, partitions int) error {
	if err := CheckTopic(topic, partitions); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return err
	}
	if have, ok := m.topics[topic]; ok {
		if len(have) != partitions {
			return ErrPartitionsDiffer(topic, len(have), partitions)
		}
		return nil
	}
	parts := make([]*memoryPartition, partitions)
	for i := range parts {
		parts[i] = &memoryPartition{committed: map[string]int64{}, changed: make(chan struct{})}
	}
	m.topics[topic] = parts
	return nil
}

// Append implements Log.
func (m *Memory) Append(ctx context.Context, topic string, records ...Record) ([]Position, error) {
	if err := Check(records); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	parts, err := m.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	at := make([]Position, len(records))
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i, r := range records {
		p := ident.Partition(r.Key, len(parts))
		at[i] = Position{Partition: p, Offset: parts[p].next()}
		parts[p].add(Message{Record: r, Topic: topic, Partition: p, Appended: now})
	}
	return at, nil
}

func (p *memoryPartition) add(msg Message) {
	msg.Offset = p.next()
	msg.At = msg.At.UTC().Truncate(time.Microsecond)
	msg.Value = bytes.Clone(msg.Value)
	if n := len(p.messages); n > 0 && msg.Appended.Before(p.messages[n-1].Appended) {
		msg.Appended = p.messages[n-1].Appended
	}
	p.messages = append(p.messages, msg)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *memoryPartition) next() int64 { return p.oldest + int64(len(p.messages)) }

// Read implements Log.
func (m *Memory) Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.partition(ctx, topic, partition)
	if err != nil {
		return nil, err
	}
	if err := (Bounds{p.oldest, p.next()}).Check(topic, partition, offset); err != nil {
		return nil, err
	}
	var read []Message
	size := 0
	for _, msg := range p.messages[offset-p.oldest:] {
		if len(read) >= limit || size >= MaxRead {
			break
		}
		msg.Value = bytes.Clone(msg.Value)
		read = append(read, msg)
		size += msg.Size()
	}
	return read, nil
}

// Wait implements Log.
func (m *Memory) Wait(ctx context.Context, topic string, partition int, offset int64) error {
	m.mu.Lock()
	p, err := m.partition(ctx, topic, partition)
	if err != nil || p.next() > offset {
		m.mu.Unlock()
		return err
	}
	changed := p.changed
	m.mu.Unlock()
	select {
	case <-changed:
		return nil
	case <-m.closed:
		return ErrClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ends implements Log.
func (m *Memory) Ends(ctx context.Context, topic string) ([]Bounds, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parts, err := m.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	ends := make([]Bounds, len(parts))
	for i, p := range parts {
		ends[i] = Bounds{p.oldest, p.next()}
	}
	return ends, nil
}

// Commit implements Log.
func (m *Memory) Commit(ctx context.Context, group, topic string, partition int, offset int64) error {
	if err := CheckCommit(group, offset); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.partition(ctx, topic, partition)
	if err != nil {
		return err
	}
	p.committed[group] = offset
	return nil
}

// Committed implements Log.
func (m *Memory) Committed(ctx context.Context, group, topic string, partition int) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.partition(ctx, topic, partition)
	if err != nil {
		return 0, false, err
	}
	offset, ok := p.committed[group]
	return offset, ok, nil
}

// Trim implements Log.
func (m *Memory) Trim(ctx context.Context, topic string, keep Retention) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parts, err := m.partitions(ctx, topic)
	if err != nil {
		return 0, err
	}
	var dropped int64
	for _, p := range parts {
		n := p.firstKept(keep)
		p.messages = append([]Message(nil), p.messages[n:]...)
		p.oldest += int64(n)
		dropped += int64(n)
	}
	return dropped, nil
}

// firstKept returns the index of the first message that is retained.
func (p *memoryPartition) firstKept(keep Retention) int {
	left := make([]int64, len(p.messages)+1) // left[i] is the size of messages[i:]
	for i := len(p.messages) - 1; i >= 0; i-- {
		left[i] = left[i+1] + int64(p.messages[i].Size())
	}
	return sort.Search(len(p.messages), func(i int) bool { return keep.Keeps(p.messages[i].Appended, left[i]) })
}

// Close implements Log.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.closed:
	default:
		close(m.closed)
	}
	return nil
}

// usable returns why no call can be served, or nil. The caller holds m.mu, as for the two below.
func (m *Memory) usable(ctx context.Context) error {
	select {
	case <-m.closed:
		return ErrClosed()
	default:
		return ctx.Err()
	}
}

func (m *Memory) partitions(ctx context.Context, topic string) ([]*memoryPartition, error) {
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	parts, ok := m.topics[topic]
	if !ok {
		return nil, fault.ErrNotFound("topic", topic)
	}
	return parts, nil
}

func (m *Memory) partition(ctx context.Context, topic string, partition int) (*memoryPartition, error) {
	parts, err := m.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	if partition < 0 || partition >= len(parts) {
		return nil, ErrMissingPartition(topic, partition)
	}
	return parts[partition], nil
}
