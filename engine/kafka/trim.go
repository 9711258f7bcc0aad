package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"agora/pattern/eventlog"
)

// Trim implements eventlog.Log. A limit in bytes makes it read what it has not measured yet: at the first call of a process all
// records, and later the new ones and the deleted ones, as Kafka knows the compressed size only.
func (l *Log) Trim(ctx context.Context, name string, keep eventlog.Retention) (dropped int64, err error) {
	l.calls.RLock()
	defer l.calls.RUnlock()
	if err := l.usable(ctx); err != nil {
		return 0, err
	}
	var t *topic
	var ends []eventlog.Bounds
	var first []int64
	err = within(ctx, func(ctx context.Context) (err error) {
		if t, err = l.current(ctx, name); err != nil {
			return err
		}
		if ends, err = l.ends(ctx, t); err != nil {
			return err
		}
		first, err = l.firstSince(ctx, t, ends, keep.Since)
		return err
	})
	if err != nil {
		return 0, err
	}
	if keep.Bytes > 0 {
		for p := range ends {
			if first[p], err = l.firstWithin(ctx, place{t, p}, ends[p], first[p], keep.Bytes); err != nil {
				return 0, fmt.Errorf("measure %s/%d: %w", name, p, err)
			}
		}
	}
	err = within(ctx, func(ctx context.Context) (err error) {
		dropped, err = l.drop(ctx, t, ends, first)
		return err
	})
	return dropped, err
}

// firstSince returns, for each partition, the offset of the first record that was appended at the time or later.
func (l *Log) firstSince(ctx context.Context, t *topic, ends []eventlog.Bounds, since time.Time) ([]int64, error) {
	first := make([]int64, len(ends))
	milliseconds := since.UnixMilli()
	if time.UnixMilli(milliseconds).Before(since) {
		milliseconds++ // Appended is in milliseconds
	}
	if since.IsZero() || milliseconds <= 0 {
		for p := range ends {
			first[p] = ends[p].Oldest
		}
		return first, nil
	}
	offsets, err := l.offsets(ctx, t, milliseconds)
	if err != nil {
		return nil, err
	}
	for p, offset := range offsets {
		if offset == noOffset {
			offset = ends[p].Next
		}
		first[p] = min(max(offset, ends[p].Oldest), ends[p].Next)
	}
	return first, nil
}

// drop deletes the records of each partition below first, and returns their number.
func (l *Log) drop(ctx context.Context, t *topic, ends []eventlog.Bounds, first []int64) (dropped int64, err error) {
	offsets := kadm.Offsets{}
	for p, offset := range first {
		if offset > ends[p].Oldest {
			offsets.AddOffset(l.name(t.name), int32(p), offset, -1)
		}
	}
	if len(offsets) == 0 {
		return 0, nil
	}
	err = persist(ctx, func() error {
		responses, err := l.admin.DeleteRecords(ctx, offsets)
		if err == nil {
			err = responses.Error()
		}
		if err != nil {
			return err
		}
		dropped = 0
		responses.Each(func(r kadm.DeleteRecordsResponse) { dropped += max(r.LowWatermark-ends[r.Partition].Oldest, 0) })
		return nil
	})
	if err != nil {
		return dropped, fmt.Errorf("delete records of topic %s: %w", t.name, err)
	}
	return dropped, nil
}

// sizes are the measured sizes of partitions.
type sizes struct {
	mu       sync.Mutex // held while records are read, so that calls of Trim measure one after the other
	measured map[place]measured
}

// measured is the sum of Record.Size of the records from an offset up to another one, without the latter.
type measured struct {
	from, to, bytes int64
}

// firstWithin returns the lowest offset, but not below least, from which the records have at most limit bytes.
func (l *Log) firstWithin(ctx context.Context, p place, bounds eventlog.Bounds, least, limit int64) (int64, error) {
	l.sizes.mu.Lock()
	defer l.sizes.mu.Unlock()
	m, ok := l.sizes.measured[p]
	if !ok || m.from != bounds.Oldest { // another process may have deleted records, whose sizes are gone
		m = measured{from: bounds.Oldest, to: bounds.Oldest}
	}
	err := l.sizesOf(ctx, p, m.to, bounds.Next, func(size int64) bool {
		m.to, m.bytes = m.to+1, m.bytes+size
		return true
	})
	if err != nil {
		return 0, err
	}
	err = l.sizesOf(ctx, p, m.from, m.to, func(size int64) bool {
		if m.from >= least && m.bytes <= limit {
			return false
		}
		m.from, m.bytes = m.from+1, m.bytes-size
		return true
	})
	if err != nil {
		return 0, err
	}
	if l.sizes.measured == nil {
		l.sizes.measured = map[place]measured{}
	}
	l.sizes.measured[p] = m
	return m.from, nil
}

// sizesOf calls visit with the size of each record from an offset up to another one, until it returns false.
func (l *Log) sizesOf(ctx context.Context, p place, from, to int64, visit func(size int64) bool) error {
	for from < to {
		var records []*kgo.Record
		err := within(ctx, func(ctx context.Context) error {
			return persist(ctx, func() (err error) {
				if records, err = l.fetch(ctx, p, from, eventlog.MaxRead); err != nil {
					return l.explain(ctx, p, from, err)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		read, err := messages(p.name, records, len(records))
		if err != nil {
			return err
		}
		for _, m := range read {
			if m.Offset >= to || !visit(int64(m.Size())) {
				return nil
			}
			from = m.Offset + 1
		}
	}
	return nil
}
