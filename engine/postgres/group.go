package postgres

import (
	"context"
	"slices"
	"sync"
	"time"

	"agora/shop"
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

// write is one caller's transition of an order.
type write struct {
	shop.Transition
	placed      bool // the order is new
	key         string
	requestHash []byte
	body        []byte // the order as JSON

	shared []string // SKUs, which the writes of a group may have in common
	own    []string // order and key, which can be in a group once only

	ctx    context.Context
	claim  *shop.Claim
	err    error
	answer chan struct{}
}

// writer carries transitions to the database in groups: those that wait at the same time share one
// transaction and one round trip, so that the locks of a SKU that everybody wants are held once for all of
// them. It is group commit (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD
// 1984) as package sqlite has it, with more than one group under way as long as they touch different SKUs: a
// group never waits for another one of this process, only for those of other servers.
type writer struct {
	keep    func(ctx context.Context, group []*write) error
	running sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // waiting grew, a group ended, or the writer closed
	waiting []*write
	busy    map[string]bool // the SKUs, orders and keys of the groups under way
	closed  bool
}

// newWriter returns a writer that stores groups with keep. keep sets each write's claim and err; an error of
// its own fails the whole group.
func newWriter(keep func(ctx context.Context, group []*write) error) *writer {
	w := &writer{keep: keep, busy: map[string]bool{}}
	w.changed = sync.NewCond(&w.mu)
	for range lanes {
		w.running.Go(w.loop)
	}
	return w
}

// do stores the write and returns after it is durable, or refused.
func (w *writer) do(request *write) error {
	request.answer = make(chan struct{})
	request.name()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return closed()
	}
	w.waiting = append(w.waiting, request)
	w.mu.Unlock()
	w.changed.Signal()
	// The writer always answers, so there is no early return here: a caller that left while its write was
	// under way would not know whether it was kept.
	<-request.answer
	return request.err
}

// close finishes what was accepted.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.changed.Broadcast()
	w.running.Wait()
}

func (w *writer) loop() {
	for {
		group := w.next()
		if group == nil {
			return
		}
		w.commit(group)
		w.done(group)
		for _, request := range group {
			close(request.answer)
		}
	}
}

// next waits for writes that nothing under way is in the way of, and takes them. It returns nil when the
// writer is closed and everything is done or taken.
func (w *writer) next() []*write {
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
func (w *writer) gather() []*write {
	var group []*write
	alone, skipped := map[string]bool{}, map[string]bool{}
	inTheWay := func(name string) bool { return w.busy[name] || skipped[name] }
	w.waiting = slices.DeleteFunc(w.waiting, func(request *write) bool {
		if len(group) == maxGroup || slices.ContainsFunc(request.shared, inTheWay) || slices.ContainsFunc(request.own, inTheWay) ||
			slices.ContainsFunc(request.own, func(name string) bool { return alone[name] }) {
			mark(skipped, request.shared, request.own)
			return false
		}
		mark(alone, request.own)
		group = append(group, request)
		return true
	})
	for _, request := range group {
		mark(w.busy, request.shared, request.own)
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
func (w *writer) done(group []*write) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, request := range group {
		for _, name := range slices.Concat(request.shared, request.own) {
			delete(w.busy, name)
		}
	}
	w.changed.Broadcast()
}

// name notes what the write is about, for gather. The prefixes keep SKUs, orders and keys apart.
func (r *write) name() {
	for _, m := range r.Moves {
		r.shared = append(r.shared, "sku "+m.SKU)
	}
	r.own = []string{"order " + r.Order.ID}
	if r.key != "" {
		r.own = append(r.own, "key "+r.key)
	}
}

// commit stores what of the group still has somebody who waits for it.
func (w *writer) commit(group []*write) {
	wanted := make([]*write, 0, len(group))
	for _, request := range group {
		if request.err = request.ctx.Err(); request.err == nil {
			wanted = append(wanted, request)
		}
	}
	if len(wanted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	if err := w.keep(ctx, wanted); err != nil {
		for _, request := range wanted {
			request.claim, request.err = nil, err
		}
	}
}
