package pebble

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
)

// Log is an eventlog.Log in a DB. Concurrent calls of Append share one sync.
type Log struct {
	db *DB

	mu     sync.RWMutex // held for reading by every call, so that Close waits for them
	closed chan struct{}
	topics map[string][]*partition

	trimming sync.Mutex // one Trim at a time
}

var _ eventlog.Log = (*Log)(nil)

// partition is the bounds of a partition.
type partition struct {
	tail tail // the position of the next record; the caller that commits a group uses it

	mu      sync.Mutex
	bounds  eventlog.Bounds // of the records that may be read, which are durable
	changed chan struct{}   // closed and replaced when bounds.Next grows
}

// NewLog returns the event log of the database. A database has one log.
func NewLog(db *DB) (*Log, error) {
	l := &Log{db: db, closed: make(chan struct{}), topics: map[string][]*partition{}}
	counts, err := db.loadTopics()
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	for topic, n := range counts {
		l.topics[topic] = make([]*partition, n)
		for p := range n {
			if l.topics[topic][p], err = db.loadPartition(topic, p); err != nil {
				return nil, fmt.Errorf("open the event log: %w", err)
			}
		}
	}
	return l, nil
}

// Create implements eventlog.Log.
func (l *Log) Create(ctx context.Context, topic string, partitions int) error {
	if err := eventlog.CheckTopic(topic, partitions); err != nil {
		return err
	}
	l.mu.Lock() // two calls may create the same topic
	defer l.mu.Unlock()
	if err := l.usable(ctx); err != nil {
		return err
	}
	if have, ok := l.topics[topic]; ok {
		if len(have) != partitions {
			return eventlog.ErrPartitionsDiffer(topic, len(have), partitions)
		}
		return nil
	}
	err := l.db.Commit(func(b *pebble.Batch) error {
		return b.Set(topicKey(topic), binary.AppendUvarint(nil, uint64(partitions)), nil)
	})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	parts := make([]*partition, partitions)
	for p := range parts {
		parts[p] = &partition{changed: make(chan struct{})}
	}
	l.topics[topic] = parts
	return nil
}

// Append implements eventlog.Log. It stores all records or none. It does not return when ctx ends, so that its result says
// whether they were stored.
func (l *Log) Append(ctx context.Context, topic string, records ...eventlog.Record) ([]eventlog.Position, error) {
	if err := eventlog.Check(records); err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	parts, err := l.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	at := make([]eventlog.Position, len(records))
	ends := map[int]int64{}
	err = l.db.Commit(func(b *pebble.Batch) error {
		now := time.Now().UnixMilli()
		for i, r := range records {
			p := ident.Partition(r.Key, len(parts))
			at[i] = eventlog.Position{Partition: p, Offset: parts[p].tail.next}
			if err := parts[p].tail.add(b, partitionKey(logRecords, topic, p), now, r); err != nil {
				return err
			}
			ends[p] = parts[p].tail.next
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", topic, err)
	}
	for p, next := range ends {
		parts[p].publish(next)
	}
	return at, nil
}

// publish makes the records before next readable. A later call may have published them already, which is correct because
// syncs end in the order of the log file.
func (p *partition) publish(next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next <= p.bounds.Next {
		return
	}
	p.bounds.Next = next
	close(p.changed)
	p.changed = make(chan struct{})
}

// current returns the bounds and the channel that is closed when they next change.
func (p *partition) current() (eventlog.Bounds, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bounds, p.changed
}

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]eventlog.Message, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, err := l.partition(ctx, topic, partition)
	if err != nil {
		return nil, err
	}
	bounds, _ := p.current()
	if err := bounds.Check(topic, partition, offset); err != nil {
		return nil, err
	}
	if limit <= 0 || offset == bounds.Next {
		return nil, nil
	}
	end := offset + min(int64(limit), bounds.Next-offset)
	read, err := l.db.readRecords(topic, partition, offset, end)
	if err != nil {
		return nil, fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	if len(read) == 0 || read[0].Offset != offset { // trimmed since the bounds were read
		bounds, _ = p.current()
		return nil, bounds.Check(topic, partition, offset)
	}
	return read, nil
}

// Wait implements eventlog.Log.
func (l *Log) Wait(ctx context.Context, topic string, partition int, offset int64) error {
	l.mu.RLock()
	p, err := l.partition(ctx, topic, partition)
	l.mu.RUnlock() // so that Close ends this call instead of waiting for it
	if err != nil {
		return err
	}
	bounds, changed := p.current()
	if bounds.Next > offset {
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-l.closed:
		return eventlog.ErrClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ends implements eventlog.Log.
func (l *Log) Ends(ctx context.Context, topic string) ([]eventlog.Bounds, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	parts, err := l.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	ends := make([]eventlog.Bounds, len(parts))
	for i, p := range parts {
		ends[i], _ = p.current()
	}
	return ends, nil
}

// Commit implements eventlog.Log.
func (l *Log) Commit(ctx context.Context, group, topic string, partition int, offset int64) error {
	if err := eventlog.CheckCommit(group, offset); err != nil {
		return err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, err := l.partition(ctx, topic, partition); err != nil {
		return err
	}
	err := l.db.Commit(func(b *pebble.Batch) error {
		return b.Set(committedKey(topic, partition, group), binary.AppendUvarint(nil, uint64(offset)), nil)
	})
	if err != nil {
		return fmt.Errorf("commit %s of %s/%d: %w", group, topic, partition, err)
	}
	return nil
}

// Committed implements eventlog.Log.
func (l *Log) Committed(ctx context.Context, group, topic string, partition int) (int64, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, err := l.partition(ctx, topic, partition); err != nil {
		return 0, false, err
	}
	offset, ok, err := l.db.getUvarint(committedKey(topic, partition, group))
	if err != nil {
		return 0, false, fmt.Errorf("read the offset of %s in %s/%d: %w", group, topic, partition, err)
	}
	return int64(offset), ok, nil
}

// Close implements eventlog.Log. The database stays open.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.usable(context.Background()) == nil {
		close(l.closed)
	}
	return nil
}

// usable returns why no call can be served, or nil. The caller of this method and the next two holds l.mu.
func (l *Log) usable(ctx context.Context) error {
	select {
	case <-l.closed:
		return eventlog.ErrClosed()
	default:
		return ctx.Err()
	}
}

func (l *Log) partitions(ctx context.Context, topic string) ([]*partition, error) {
	if err := l.usable(ctx); err != nil {
		return nil, err
	}
	parts, ok := l.topics[topic]
	if !ok {
		return nil, fault.ErrNotFound("topic", topic)
	}
	return parts, nil
}

func (l *Log) partition(ctx context.Context, topic string, partition int) (*partition, error) {
	parts, err := l.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	if partition < 0 || partition >= len(parts) {
		return nil, eventlog.ErrMissingPartition(topic, partition)
	}
	return parts[partition], nil
}
