package eventlog

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookEvery is how often a server that has readers at the end of the log asks whether there is more. All its
// readers share one question, which reads one page; who has nobody waiting asks nothing. LISTEN and NOTIFY would
// cost a connection for each server, which has to be watched and made again, and every commit that
// notifies waits for that of the one before it, whatever database of the server it is in.
const lookEvery = 25 * time.Millisecond

// lookTimeout is after which the readers go and see for themselves what is wrong.
const lookTimeout = 3 * time.Second

// place is a partition of a topic.
type place struct {
	topic, partition int32
}

// watch wakes readers when records arrive, whoever appends them.
type watch struct {
	nexts func(ctx context.Context) (map[place]int64, error) // the offset of the next record of every partition
	now   chan struct{}                                      // holds one element if it is worth looking before the time

	mu      sync.Mutex
	waiting map[*waiter]struct{}
	stop    chan struct{} // ends the loop that looks, which runs while somebody waits; else nil
	running sync.WaitGroup
}

// waiter is a reader at the end of a partition.
type waiter struct {
	place
	offset  int64
	arrived chan struct{} // closed when the record at the offset may be there
}

func newWatch(nexts func(ctx context.Context) (map[place]int64, error)) *watch {
	return &watch{nexts: nexts, now: make(chan struct{}, 1), waiting: map[*waiter]struct{}{}}
}

// wait returns what is closed when the partition may hold a record at the offset, and what to call when nobody
// waits for that any more.
func (w *watch) wait(at place, offset int64) (arrived <-chan struct{}, leave func()) {
	waiting := &waiter{place: at, offset: offset, arrived: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[waiting] = struct{}{}
	if w.stop == nil {
		stop := make(chan struct{})
		w.stop = stop
		w.running.Go(func() { w.run(stop) })
	}
	return waiting.arrived, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting, waiting)
		w.rest()
	}
}

// rest ends the loop if nobody waits. The caller holds w.mu.
func (w *watch) rest() {
	if len(w.waiting) == 0 && w.stop != nil {
		close(w.stop)
		w.stop = nil
	}
}

// look has the loop look at once, as this process has appended something.
func (w *watch) look() {
	select {
	case w.now <- struct{}{}:
	default:
	}
}

func (w *watch) run(stop <-chan struct{}) {
	for {
		// Not stopped together with the loop, since to interrupt a question breaks the connection.
		ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
		nexts, err := w.nexts(ctx)
		cancel()
		w.wake(nexts, err)
		select {
		case <-stop:
			return
		case <-w.now:
		case <-time.After(lookEvery):
		}
	}
}

// wake tells those whose records are there. Where that cannot be known it wakes everybody: they read, and learn of
// the error themselves.
func (w *watch) wake(nexts map[place]int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for waiting := range w.waiting {
		if err != nil || nexts[waiting.place] > waiting.offset {
			close(waiting.arrived)
			delete(w.waiting, waiting)
		}
	}
}

// close returns when nothing looks any more. Nobody may wait.
func (w *watch) close() { w.running.Wait() }

// nexts returns the offset of the next record of every partition.
func (l *Log) nexts(ctx context.Context) (map[place]int64, error) {
	rows, err := l.db.Pool().Query(ctx, "SELECT topic, partition, next FROM partitions")
	if err != nil {
		return nil, err
	}
	nexts := map[place]int64{}
	var at place
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&at.topic, &at.partition, &next}, func() error {
		nexts[at] = next
		return nil
	})
	return nexts, err
}
