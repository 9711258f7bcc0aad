package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/fault"
	"agora/telemetry"
)

// Backing is the store of record under a Through.
type Backing interface {
	// Get returns the value, or a fault.NotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put creates or replaces the value.
	Put(ctx context.Context, key string, value []byte) error
	// Delete removes the value. A key that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Behind is the code of the error that Put and Delete return when the backing store holds the change, but
// the cache could be neither changed nor cleared and may go on answering with what was before, until its
// TTL is over.
const Behind = "cache_behind"

// ThroughOptions say how long Through keeps what.
type ThroughOptions struct {
	Name string        // the label "cache" of the metric
	TTL  time.Duration // how long a value is kept in the cache; must be positive

	Metrics *telemetry.Metrics // agora_cache_requests_total; nil means none
}

// Through is a write-through cache: a Get after a Put or Delete has returned sees what that left. What is
// not cached is read and written by one caller a key at a time, so that no read can bring back into the
// cache what a write has replaced meanwhile; hits wait for nobody. It is safe for concurrent use.
type Through struct {
	tally
	options ThroughOptions
	store   Leasing
	backing Backing
	turns   turns
}

// NewThrough returns a cache in store before backing, which nobody else may write. It panics if the
// options make no sense, as that is a bug.
func NewThrough(store Store, o ThroughOptions, backing Backing) *Through {
	if o.TTL <= 0 {
		panic(fmt.Sprintf("cache: options of %s: TTL has to be positive", o.Name))
	}
	return &Through{
		tally: newTally(o.Name, o.Metrics), options: o, store: leasing(store), backing: backing,
		turns: turns{byKey: make(map[string]*turn)},
	}
}

// Get returns the value of the key, which must not be changed, from the cache or else from the backing
// store. A cache that fails is passed by.
func (t *Through) Get(ctx context.Context, key string) ([]byte, error) {
	if value, _, ok := t.find(ctx, key); ok {
		t.hit.Inc()
		return value, nil
	}
	if err := t.turns.take(ctx, key); err != nil {
		return nil, err
	}
	defer t.turns.release(key)
	// Whoever had the turn before may have brought the value.
	value, lease, ok := t.find(ctx, key)
	if ok {
		t.hit.Inc()
		return value, nil
	}
	t.miss.Inc()
	value, err := t.backing.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	// A write that is cut off could still be carried out after the next one's turn.
	if _, err := t.store.Fill(context.WithoutCancel(ctx), key, value, t.options.TTL, lease); err != nil {
		t.fail.Inc()
	}
	return value, nil
}

func (t *Through) find(ctx context.Context, key string) ([]byte, Lease, bool) {
	value, lease, ok, err := t.store.Find(ctx, key)
	if err != nil {
		t.fail.Inc()
	}
	return value, lease, ok && err == nil
}

// Put writes the value, which belongs to the cache from then on, to the backing store and then to the
// cache. An error of the code Behind means that the value is written but may not be seen yet.
func (t *Through) Put(ctx context.Context, key string, value []byte) error {
	if err := t.turns.take(ctx, key); err != nil {
		return err
	}
	defer t.turns.release(key)
	if err := t.backing.Put(ctx, key, value); err != nil {
		return t.undecided(ctx, key, err)
	}
	if err := t.store.Set(context.WithoutCancel(ctx), key, value, t.options.TTL); err != nil {
		t.fail.Inc()
		return t.forget(ctx, key)
	}
	return nil
}

// Delete removes the value from the backing store and then from the cache. After an error of the code
// Behind it should be called again.
func (t *Through) Delete(ctx context.Context, key string) error {
	if err := t.turns.take(ctx, key); err != nil {
		return err
	}
	defer t.turns.release(key)
	if err := t.backing.Delete(ctx, key); err != nil {
		return t.undecided(ctx, key, err)
	}
	return t.forget(ctx, key)
}

// undecided clears the cache after a write that failed, because it may have been done all the same.
func (t *Through) undecided(ctx context.Context, key string, cause error) error {
	return errors.Join(cause, t.forget(ctx, key))
}

// forget removes the key from the cache, also when the caller has left: the backing store has changed.
func (t *Through) forget(ctx context.Context, key string) error {
	err := t.store.Delete(context.WithoutCancel(ctx), key)
	if err == nil {
		return nil
	}
	t.fail.Inc()
	return fmt.Errorf("cache %s is behind its backing store: %w",
		t.options.Name, errors.Join(fault.New(fault.Unavailable, Behind, "an older state may be seen for a while"), err))
}

// turns let one caller a key at a time.
type turns struct {
	mu    sync.Mutex
	byKey map[string]*turn
}

type turn struct {
	taken chan struct{} // holds one element while somebody has the turn
	users int           // who has it or waits for it, guarded by turns.mu
}

// take returns when the caller has the turn of the key, or with an error when ctx ends before.
func (ts *turns) take(ctx context.Context, key string) error {
	ts.mu.Lock()
	t, ok := ts.byKey[key]
	if !ok {
		t = &turn{taken: make(chan struct{}, 1)}
		ts.byKey[key] = t
	}
	t.users++
	ts.mu.Unlock()
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		ts.leave(key, t)
		return fmt.Errorf("wait for the turn of %s: %w", key, ctx.Err())
	}
}

// release gives the turn to the next who waits.
func (ts *turns) release(key string) {
	ts.mu.Lock()
	t := ts.byKey[key]
	ts.mu.Unlock()
	<-t.taken
	ts.leave(key, t)
}

func (ts *turns) leave(key string, t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(ts.byKey, key)
	}
}
