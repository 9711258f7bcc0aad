package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"agora/backoff"
	"agora/pattern/eventlog"
)

const (
	// pollTime is how long a broker holds a poll for which there are no records. A partition that was not in the poll
	// waits for its end, at most once in lingering.
	pollTime = 100 * time.Millisecond
	// lingering is how long a partition is polled after its last reader has been woken: readers come back after each batch.
	lingering = 10 * time.Second
	// busyPause is the pause after a poll that woke nobody and was answered at once, because its readers are at work.
	busyPause = 5 * time.Millisecond
	// failurePause is the pause after a poll that failed, before its readers are woken.
	failurePause = 100 * time.Millisecond
)

// Wait implements eventlog.Log.
func (l *Log) Wait(ctx context.Context, name string, partition int, offset int64) error {
	l.calls.RLock()
	defer l.calls.RUnlock()
	if err := l.usable(ctx); err != nil {
		return err
	}
	var t *topic
	err := within(ctx, func(ctx context.Context) (err error) {
		t, err = l.partition(ctx, name, partition)
		return err
	})
	if err != nil {
		return err
	}
	arrived, leave := l.watcher.wait(l.target, place{t, partition}, offset) //nolint:contextcheck // a poll serves all readers, so no reader's context ends it
	defer leave()
	select {
	case <-arrived:
		return nil
	case <-l.closed:
		return eventlog.ErrClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watcher wakes readers at the end of partitions. For each broker it runs a loop of polls, which the broker answers when
// records arrive in one of the polled partitions that it leads.
type watcher struct {
	client  *kgo.Client
	ctx     context.Context // of the polls; ended by close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	tails map[place]*tail
	loops map[int32]bool // brokers with a loop
}

// tail is the end of a partition as far as it is known.
type tail struct {
	next    int64 // the offset from which it is polled
	waiting map[*waiter]struct{}
	used    time.Time // when a reader last began or ended to wait
}

// waiter is a reader at the end of a partition.
type waiter struct {
	offset  int64
	arrived chan struct{} // closed when there may be a record at the offset
}

func newWatcher(client *kgo.Client) *watcher {
	w := &watcher{client: client, tails: map[place]*tail{}, loops: map[int32]bool{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// wait returns a channel that is closed when the partition may have a record at the offset. The reader calls leave when it no
// longer waits.
func (w *watcher) wait(in target, p place, offset int64) (arrived <-chan struct{}, leave func()) {
	reader := &waiter{offset: offset, arrived: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	end, ok := w.tails[p]
	if !ok {
		end = &tail{waiting: map[*waiter]struct{}{}}
		w.tails[p] = end
	}
	if end.next > offset {
		close(reader.arrived)
		return reader.arrived, func() {}
	}
	end.next, end.used = offset, time.Now() // the reader has read up to the offset
	end.waiting[reader] = struct{}{}
	w.ensure(in, p.leader(p.partition))
	return reader.arrived, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(end.waiting, reader)
		end.used = time.Now()
	}
}

// ensure starts the loop of a broker unless it runs. The caller holds w.mu.
func (w *watcher) ensure(in target, broker int32) {
	if !w.loops[broker] && w.ctx.Err() == nil {
		w.loops[broker] = true
		w.running.Go(func() { w.loop(in, broker) })
	}
}

// appended wakes the readers of records that this process has appended, without a poll.
func (w *watcher) appended(t *topic, at []eventlog.Position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, position := range at {
		w.advance(place{t, position.Partition}, position.Offset+1)
	}
}

// advance wakes the readers that waited for records below next, and reports whether there were any. The caller holds w.mu.
func (w *watcher) advance(p place, next int64) (woke bool) {
	end, ok := w.tails[p]
	if !ok {
		return false
	}
	end.next = max(end.next, next)
	for reader := range end.waiting {
		if reader.offset < next {
			close(reader.arrived)
			delete(end.waiting, reader)
			woke = true
		}
	}
	return woke
}

// forget wakes all readers of the partition, which then read and get its error themselves.
func (w *watcher) forget(p place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if end, ok := w.tails[p]; ok {
		for reader := range end.waiting {
			close(reader.arrived)
		}
		delete(w.tails, p)
	}
}

// loop polls a broker while readers wait at partitions that it leads.
func (w *watcher) loop(in target, broker int32) {
	for {
		offsets := w.polled(broker)
		if offsets == nil {
			return
		}
		began := time.Now()
		woke, failed := w.poll(in, broker, offsets)
		if len(failed) > 0 {
			backoff.Sleep(w.ctx, failurePause)
		}
		for _, p := range failed {
			w.forget(p)
		}
		if !woke && time.Since(began) < busyPause {
			backoff.Sleep(w.ctx, busyPause)
		}
	}
}

// polled returns the partitions of the broker's next poll with their offsets, or nil if its loop is to end.
func (w *watcher) polled(broker int32) map[place]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	offsets := map[place]int64{}
	for p, end := range w.tails {
		if len(end.waiting) == 0 && time.Since(end.used) > lingering {
			delete(w.tails, p)
			continue
		}
		if p.leader(p.partition) == broker {
			offsets[p] = end.next
		}
	}
	if len(offsets) == 0 || w.ctx.Err() != nil {
		delete(w.loops, broker)
		return nil
	}
	return offsets
}

// poll waits for records at one of the offsets. It reports whether it woke readers, and which partitions it could not poll.
func (w *watcher) poll(in target, broker int32, offsets map[place]int64) (woke bool, failed []place) {
	request := newFetch(in, 1, offsets) // the least that Kafka returns, as only the bounds in the answer are of use
	request.MinBytes = 1
	request.MaxWaitMillis = int32(pollTime.Milliseconds())
	ctx, cancel := context.WithTimeout(w.ctx, callTimeout)
	defer cancel()
	response, err := fetchFrom(ctx, w.client, broker, request)
	ends := map[place]int64{}
	if err == nil {
		ends = highWatermarks(response, offsets)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range offsets {
		next, ok := ends[p]
		if !ok {
			failed = append(failed, p)
			continue
		}
		woke = w.advance(p, next) || woke
	}
	return woke, failed
}

// highWatermarks returns the next offset of the partitions that the response has without an error.
func highWatermarks(response *kmsg.FetchResponse, offsets map[place]int64) map[place]int64 {
	topics := map[kadm.TopicID]*topic{}
	for p := range offsets {
		topics[p.id] = p.topic
	}
	ends := map[place]int64{}
	for _, t := range response.Topics {
		for _, partition := range t.Partitions {
			if kerr.ErrorForCode(partition.ErrorCode) == nil {
				ends[place{topics[t.TopicID], int(partition.Partition)}] = partition.HighWatermark
			}
		}
	}
	return ends
}

// close ends the loops.
func (w *watcher) close() {
	w.mu.Lock()
	w.cancel() // no loop starts after it
	w.mu.Unlock()
	w.running.Wait()
	w.client.Close()
}
