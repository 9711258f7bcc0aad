package pebble

import (
	"context"
	"encoding/binary"
	"fmt"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"agora/pattern/eventlog"
)

// Trim implements eventlog.Log. It reads a few records of each partition, however many it drops. Pebble frees the disk
// space when it compacts.
func (l *Log) Trim(ctx context.Context, topic string, keep eventlog.Retention) (int64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	parts, err := l.partitions(ctx, topic)
	if err != nil {
		return 0, err
	}
	l.trimming.Lock()
	defer l.trimming.Unlock()
	var dropped int64
	for i, p := range parts {
		n, err := l.trimPartition(topic, i, p, keep)
		dropped += n
		if err != nil {
			return dropped, fmt.Errorf("trim %s/%d: %w", topic, i, err)
		}
	}
	return dropped, nil
}

func (l *Log) trimPartition(topic string, i int, p *partition, keep eventlog.Retention) (dropped int64, err error) {
	bounds, _ := p.current()
	start, err := l.db.firstKept(topic, i, bounds, keep)
	if err != nil || start.next == bounds.Oldest {
		return 0, err
	}
	err = l.db.Commit(func(b *pebble.Batch) error {
		value := appendPosition(binary.AppendUvarint(nil, uint64(start.next)), start.position)
		if err := b.Set(partitionKey(logStarts, topic, i), value, nil); err != nil {
			return err
		}
		return b.DeleteRange(recordKey(topic, i, bounds.Oldest), recordKey(topic, i, start.next), nil)
	})
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bounds.Oldest = start.next
	return start.next - bounds.Oldest, nil
}

// firstKept returns the position at which the partition has to begin: its first record that stays, or its end.
func (db *DB) firstKept(topic string, p int, bounds eventlog.Bounds, keep eventlog.Retention) (tail, error) {
	if bounds.Oldest == bounds.Next {
		return tail{next: bounds.Oldest}, nil
	}
	last, size, err := db.positionOf(topic, p, bounds.Next-1)
	if err != nil {
		return tail{}, err
	}
	end := tail{next: bounds.Next, position: position{last.bytes + size, last.appended}}

	var failed error
	n := sort.Search(int(bounds.Next-bounds.Oldest), func(i int) bool {
		at, _, err := db.positionOf(topic, p, bounds.Oldest+int64(i))
		if err != nil {
			failed = err
			return true
		}
		return keep.Keeps(time.UnixMilli(at.appended), end.bytes-at.bytes)
	})
	first := tail{next: bounds.Oldest + int64(n)}
	if failed != nil || first.next == end.next {
		return end, failed
	}
	first.position, _, err = db.positionOf(topic, p, first.next)
	return first, err
}

// positionOf returns the position of the record at an offset, and its size.
func (db *DB) positionOf(topic string, p int, offset int64) (at position, size int64, err error) {
	value, ok, err := db.Get(recordKey(topic, p, offset))
	if err != nil {
		return position{}, 0, err
	}
	if !ok {
		return position{}, 0, fmt.Errorf("offset %d: %w: it is missing", offset, errRecord)
	}
	at, r, err := decodeRecord(value)
	return at, int64(r.Size()), err
}
