package postgres

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// maxGroup bounds how many transitions share one transaction, and with it how long the first of them waits.
	maxGroup = 256
	// lanes is how many groups are under way at the same time. While one waits for the disk the next is worked
	// on; more would only make the groups smaller, as the journal is written by one after the other.
	lanes = 2
	// groupTimeout ends a group that the database does not answer. No caller waits longer.
	groupTimeout = 10 * time.Second
)

// Request is embedded in what a Batcher stores.
type Request struct {
	Shared    []string // resources that the requests of a group may have in common, such as SKUs
	Exclusive []string // resources that only one request of a group may have, such as an order
	Err       error    // why the request was not stored, set by the function that stores groups

	ctx    context.Context
	answer chan struct{} // closed when the request is stored or refused
}

func (r *Request) request() *Request { return r }

// Batched is a pointer to a struct that embeds Request.
type Batched interface{ request() *Request }

// Batcher carries requests to the database in groups: those that wait at the same time share one
// transaction and one round trip, so that the locks of a SKU that everybody wants are held once for all of
// them. It is group commit (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD
// 1984) as package sqlite has it, with more than one group under way as long as they touch different SKUs: a
// group never waits for another one of this process, only for those of other servers.
type Batcher[R Batched] struct {
	store   func(ctx context.Context, group []R) error
	running sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // waiting grew, a group ended, or the writer closed
	waiting []R
	busy    map[string]bool // the SKUs, orders and keys of the groups under way
	closed  bool
}

// NewBatcher returns a batcher that stores groups with store, which sets the Err of each request that it refuses; an
// error that it returns is the error of the whole group.
func NewBatcher[R Batched](store func(ctx context.Context, group []R) error) *Batcher[R] {
	w := &Batcher[R]{store: store, busy: map[string]bool{}}
	w.changed = sync.NewCond(&w.mu)
	for range lanes {
		w.running.Go(w.loop)
	}
	return w
}

// Do stores the request and returns after it is durable, or refused.
func (w *Batcher[R]) Do(ctx context.Context, value R) error {
	request := value.request()
	request.ctx, request.answer = ctx, make(chan struct{})
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed()
	}
	w.waiting = append(w.waiting, value)
	w.mu.Unlock()
	w.changed.Signal()
	// The writer always answers, so there is no early return here: a caller that left while its write was
	// under way would not know whether it was kept.
	<-request.answer
	return request.Err
}

// Close finishes what was accepted.
func (w *Batcher[R]) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.changed.Broadcast()
	w.running.Wait()
}

func (w *Batcher[R]) loop() {
	for {
		group := w.next()
		if group == nil {
			return
		}
		w.commit(group)
		w.done(group)
		for _, request := range group {
			close(request.request().answer)
		}
	}
}

// next waits for writes that nothing under way is in the way of, and takes them. It returns nil when the
// writer is closed and everything is done or taken.
func (w *Batcher[R]) next() []R {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if group := w.gather(); len(group) > 0 {
			return group
		}
		if w.closed && len(w.waiting) == 0 {
			return nil
		}
		w.changed.Wait()
	}
}

// gather takes a group off the queue. Writes of one SKU share a group; those of one order or key follow each
// other. A write that has to wait lets none overtake it that wants the same, so that each gets its turn.
func (w *Batcher[R]) gather() []R {
	var group []R
	alone, skipped := map[string]bool{}, map[string]bool{}
	inTheWay := func(name string) bool { return w.busy[name] || skipped[name] }
	w.waiting = slices.DeleteFunc(w.waiting, func(value R) bool {
		request := value.request()
		if len(group) == maxGroup || slices.ContainsFunc(request.Shared, inTheWay) || slices.ContainsFunc(request.Exclusive, inTheWay) ||
			slices.ContainsFunc(request.Exclusive, func(name string) bool { return alone[name] }) {
			mark(skipped, request.Shared, request.Exclusive)
			return false
		}
		mark(alone, request.Exclusive)
		group = append(group, value)
		return true
	})
	for _, value := range group {
		request := value.request()
		mark(w.busy, request.Shared, request.Exclusive)
	}
	return group
}

func mark(in map[string]bool, names ...[]string) {
	for _, list := range names {
		for _, name := range list {
			in[name] = true
		}
	}
}

// done says that a group is no longer under way.
func (w *Batcher[R]) done(group []R) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, value := range group {
		request := value.request()
		for _, name := range slices.Concat(request.Shared, request.Exclusive) {
			delete(w.busy, name)
		}
	}
	w.changed.Broadcast()
}

// commit stores what of the group still has somebody who waits for it.
func (w *Batcher[R]) commit(group []R) {
	wanted := make([]R, 0, len(group))
	for _, value := range group {
		request := value.request()
		if request.Err = request.ctx.Err(); request.Err == nil {
			wanted = append(wanted, value)
		}
	}
	if len(wanted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	if err := w.store(ctx, wanted); err != nil {
		for _, value := range wanted {
			value.request().Err = err
		}
	}
}
