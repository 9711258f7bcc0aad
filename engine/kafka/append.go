package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"agora/fault"
	"agora/pattern/eventlog"
)

const (
	// maxPending bounds the bytes of records that Kafka has not answered. Further calls wait.
	maxPending = 64 << 20
	// recordCost is about what a pending record needs in addition to its size.
	recordCost = 400
)

// producing are the options of the client that appends. The driver retries without end and numbers the batches of each
// partition, so Kafka stores each batch once and in order. It acknowledges a batch when all replicas in sync have it.
// A limit of the retries could not hold for batches whose outcome is open: those have to keep their numbers.
func producing(log *slog.Logger) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(maxBatch),
		kgo.ProducerLinger(0),                 // batches form while the ones before them are under way
		kgo.MaxBufferedRecords(math.MaxInt32), // appender bounds them
		kgo.ProducerOnDataLossDetected(func(topic string, partition int32) {
			log.Error("Kafka has lost records that it had acknowledged", "topic", topic, "partition", partition)
		}),
	}
}

// Append implements eventlog.Log. If it fails because Kafka does not answer in time, the driver continues to send the records: they
// are appended once when Kafka is back, unless the process ends before. Until then no other call adds records, so that an outage
// leaves at most the records of the calls at its beginning.
func (l *Log) Append(ctx context.Context, name string, records ...eventlog.Record) (at []eventlog.Position, err error) {
	if err := eventlog.Check(records); err != nil {
		return nil, err
	}
	err = l.serve(ctx, func(ctx context.Context) error {
		t, err := l.topic(ctx, name)
		if err != nil || len(records) == 0 {
			return err
		}
		encoded := encode(l.name(name), t.partitions, records)
		if err := l.appender.send(ctx, encoded); err != nil {
			if isMissing(err) {
				err = errors.Join(l.refresh(ctx, t), err)
			}
			return fmt.Errorf("append to %s: %w", name, err)
		}
		at = make([]eventlog.Position, len(encoded))
		for i, r := range encoded {
			at[i] = eventlog.Position{Partition: int(r.Partition), Offset: r.Offset}
		}
		l.watcher.appended(t, at)
		return nil
	})
	return at, err
}

// appender sends records, and knows those that Kafka has not answered.
type appender struct {
	client  *kgo.Client
	pending *semaphore.Weighted // by bytes

	mu      sync.Mutex
	left    int           // calls that gave up before Kafka answered
	settled chan struct{} // closed when left is 0 again
}

func newAppender(client *kgo.Client) *appender {
	return &appender{client: client, pending: semaphore.NewWeighted(maxPending)}
}

// sending is a call of send.
type sending struct {
	unanswered atomic.Int64 // records
	failed     atomic.Pointer[error]
	answered   chan struct{} // closed when Kafka has answered for all records
}

// promised gets the driver's result of one record.
func (s *sending) promised(_ *kgo.Record, err error) {
	if err != nil {
		s.failed.CompareAndSwap(nil, &err)
	}
	if s.unanswered.Add(-1) == 0 {
		close(s.answered)
	}
}

// err returns the first error of a record, or nil.
func (s *sending) err() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// send returns when the records are durable, and sets their offsets. If ctx ends before, the driver continues with them.
func (a *appender) send(ctx context.Context, records []*kgo.Record) error {
	if err := a.settle(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "Kafka has not answered for earlier records, so none was added")
	}
	cost := int64(0)
	for _, r := range records {
		cost += int64(len(r.Key)+len(r.Value)) + recordCost
	}
	cost = min(cost, maxPending)
	if err := a.pending.Acquire(ctx, cost); err != nil {
		return fault.Wrap(fault.Unavailable, err, "Kafka is busy with earlier records, so none was added")
	}
	s := &sending{answered: make(chan struct{})}
	s.unanswered.Store(int64(len(records)))
	// If the context of one record ends, the driver fails all records of the partition, of other callers too.
	without := context.WithoutCancel(ctx)
	for _, r := range records {
		a.client.Produce(without, r, s.promised)
	}
	select {
	case <-s.answered:
		a.pending.Release(cost)
		return s.err()
	case <-ctx.Done():
	}
	a.leave()
	go func() {
		<-s.answered
		a.pending.Release(cost)
		a.arrive()
	}()
	return fmt.Errorf("it is open whether the records were added: %w", ctx.Err())
}

// leave notes that a call gave up before Kafka answered.
func (a *appender) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		a.settled = make(chan struct{})
	}
	a.left++
}

// arrive notes that Kafka has answered for such a call.
func (a *appender) arrive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left--
	if a.left == 0 {
		close(a.settled)
	}
}

// settle waits until Kafka has answered for all calls that gave up.
func (a *appender) settle(ctx context.Context) error {
	a.mu.Lock()
	left, settled := a.left, a.settled
	a.mu.Unlock()
	if left == 0 {
		return nil
	}
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
