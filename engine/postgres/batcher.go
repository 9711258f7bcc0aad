package postgres

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// maxGroup bounds how many requests share one transaction, and with it how long the first of them waits.
	maxGroup = 256
	// maxGroups is how many groups are stored at the same time. One waits for the disk while the other is executed. More
	// groups would only be smaller, because transactions append to the journal one at a time.
	maxGroups = 2
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

// Batcher stores requests in groups. The requests that wait at the same time share one transaction and one round trip, so
// that a contended lock, such as that of a popular SKU, is taken once for all of them. This is group commit (DeWitt et al.,
// "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984). Groups that are stored at the same time have
// no resource in common, so that a group waits for locks of other servers only.
type Batcher[R Batched] struct {
	store   func(ctx context.Context, group []R) error
	running sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // a request was added, a group ended, or the batcher was closed
	waiting []R
	busy    map[string]bool // resources of the groups that are being stored
	closed  bool
}

// NewBatcher returns a batcher that stores groups with store. It sets the Err of each request that it refuses; an error
// that it returns is the error of every request in the group.
func NewBatcher[R Batched](store func(ctx context.Context, group []R) error) *Batcher[R] {
	b := &Batcher[R]{store: store, busy: map[string]bool{}}
	b.changed = sync.NewCond(&b.mu)
	for range maxGroups {
		b.running.Go(b.loop)
	}
	return b
}

// Do stores the request and returns after it is durable, or refused.
func (b *Batcher[R]) Do(ctx context.Context, value R) error {
	request := value.request()
	request.ctx, request.answer = ctx, make(chan struct{})
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed()
	}
	b.waiting = append(b.waiting, value)
	b.mu.Unlock()
	b.changed.Signal()
	// Every request is answered, so that Do does not return when ctx ends: a caller that left early would not know whether
	// its request was stored.
	<-request.answer
	return request.Err
}

// Close stores the accepted requests and refuses further ones.
func (b *Batcher[R]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.changed.Broadcast()
	b.running.Wait()
}

func (b *Batcher[R]) loop() {
	for {
		group := b.next()
		if group == nil {
			return
		}
		b.commit(group)
		b.done(group)
		for _, request := range group {
			close(request.request().answer)
		}
	}
}

// next waits for requests that need no busy resource, and returns them. It returns nil after Close when no request waits.
func (b *Batcher[R]) next() []R {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if group := b.takeGroup(); len(group) > 0 {
			return group
		}
		if b.closed && len(b.waiting) == 0 {
			return nil
		}
		b.changed.Wait()
	}
}

// takeGroup removes a group from the waiting requests, and marks its resources as busy. A request never overtakes an
// earlier one that needs the same resource, so that every request is stored in the end.
func (b *Batcher[R]) takeGroup() []R {
	var group []R
	taken, skipped := map[string]bool{}, map[string]bool{} // exclusive resources of the group; resources of those left waiting
	blocked := func(name string) bool { return b.busy[name] || skipped[name] }
	b.waiting = slices.DeleteFunc(b.waiting, func(value R) bool {
		request := value.request()
		if len(group) == maxGroup || slices.ContainsFunc(request.Shared, blocked) || slices.ContainsFunc(request.Exclusive, blocked) ||
			slices.ContainsFunc(request.Exclusive, func(name string) bool { return taken[name] }) {
			mark(skipped, request.Shared, request.Exclusive)
			return false
		}
		mark(taken, request.Exclusive)
		group = append(group, value)
		return true
	})
	for _, value := range group {
		request := value.request()
		mark(b.busy, request.Shared, request.Exclusive)
	}
	return group
}

func mark(set map[string]bool, names ...[]string) {
	for _, list := range names {
		for _, name := range list {
			set[name] = true
		}
	}
}

// done frees the resources of a group.
func (b *Batcher[R]) done(group []R) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, value := range group {
		request := value.request()
		for _, name := range slices.Concat(request.Shared, request.Exclusive) {
			delete(b.busy, name)
		}
	}
	b.changed.Broadcast()
}

// commit stores the requests of the group whose callers still wait.
func (b *Batcher[R]) commit(group []R) {
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
	if err := b.store(ctx, wanted); err != nil {
		for _, value := range wanted {
			value.request().Err = err
		}
	}
}
