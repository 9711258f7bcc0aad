package eventlog

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// pollInterval is how often a server that has readers at the end of the log asks whether there are more records. All
// readers share one query, which reads one page; without waiting readers there is none. LISTEN and NOTIFY would need a
// connection for each server that has to be supervised and replaced, and commits that notify wait for each other, across
// all databases of the PostgreSQL server.
const pollInterval = 25 * time.Millisecond

// pollTimeout bounds a poll. After it the readers are woken, and get the error by reading themselves.
const pollTimeout = 3 * time.Second

// partitionKey identifies a partition of a topic.
type partitionKey struct {
	topic, partition int32
}

// poller wakes readers when any server has appended records.
type poller struct {
	ends    func(ctx context.Context) (map[partitionKey]int64, error) // the offset of the next record of every partition
	trigger chan struct{}                                             // holds one element if the next poll is to come at once

	mu      sync.Mutex
	waiting map[*waiter]struct{}
	stop    chan struct{} // ends the polling loop, which runs while a reader waits; nil if none waits
	running sync.WaitGroup
}

// waiter is a reader at the end of a partition.
type waiter struct {
	partitionKey
	offset  int64
	arrived chan struct{} // closed when there may be a record at the offset
}

func newPoller(ends func(ctx context.Context) (map[partitionKey]int64, error)) *poller {
	return &poller{ends: ends, trigger: make(chan struct{}, 1), waiting: map[*waiter]struct{}{}}
}

// wait returns a channel that is closed when the partition may have a record at the offset. The reader calls leave when it
// no longer waits.
func (p *poller) wait(key partitionKey, offset int64) (arrived <-chan struct{}, leave func()) {
	reader := &waiter{partitionKey: key, offset: offset, arrived: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[reader] = struct{}{}
	if p.stop == nil {
		stop := make(chan struct{})
		p.stop = stop
		p.running.Go(func() { p.poll(stop) })
	}
	return reader.arrived, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, reader)
		p.stopIfIdle()
	}
}

// stopIfIdle ends the polling loop if no reader waits. The caller holds p.mu.
func (p *poller) stopIfIdle() {
	if len(p.waiting) == 0 && p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}

// pollNow makes the next poll come at once, after this process has appended records.
func (p *poller) pollNow() {
	select {
	case p.trigger <- struct{}{}:
	default:
	}
}

func (p *poller) poll(stop <-chan struct{}) {
	for {
		// The query has a context of its own: to cancel it together with the loop would break its connection.
		ctx, cancel := context.WithTimeout(context.Background(), pollTimeout)
		ends, err := p.ends(ctx)
		cancel()
		p.wake(ends, err)
		select {
		case <-stop:
			return
		case <-p.trigger:
		case <-time.After(pollInterval):
		}
	}
}

// wake wakes the readers whose records have arrived. After an error it wakes all readers, which then read and get the error
// themselves.
func (p *poller) wake(ends map[partitionKey]int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for reader := range p.waiting {
		if err != nil || ends[reader.partitionKey] > reader.offset {
			close(reader.arrived)
			delete(p.waiting, reader)
		}
	}
}

// close returns when the polling loop has ended. No reader may wait.
func (p *poller) close() { p.running.Wait() }

// ends returns the offset of the next record of every partition.
func (l *Log) ends(ctx context.Context) (map[partitionKey]int64, error) {
	rows, err := l.db.Pool().Query(ctx, "SELECT topic, partition, next FROM partitions")
	if err != nil {
		return nil, err
	}
	ends := map[partitionKey]int64{}
	var key partitionKey
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&key.topic, &key.partition, &next}, func() error {
		ends[key] = next
		return nil
	})
	return ends, err
}
