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
	// Delete removes the value. A missing key is no error.
	Delete(ctx context.Context, key string) error
}

// CodeBehind is the code of the error that Put and Delete return when the backing store has the change, but the cache could
// be neither changed nor cleared and may return the old value until its TTL is over.
const CodeBehind = "cache_behind"

// ThroughOptions describe a Through.
type ThroughOptions struct {
	Name string        // the label "cache" of the metric
	TTL  time.Duration // longest time of a value in the cache; must be positive

	Metrics *telemetry.Metrics // agora_cache_requests_total; nil means none
}

// Through is a write-through cache: a Get that begins after a Put or Delete has returned sees its result. Misses and
// writes of a key exclude each other, so that no read can put an old value back into the cache; hits never wait. It is
// safe for concurrent use.
type Through struct {
	tally
	options ThroughOptions
	store   Leasing
	backing Backing
	locks   locks
}

// NewThrough returns a cache of backing in store. Nobody else may write to backing. It panics if an option is not valid,
// because that is a bug.
func NewThrough(store Store, o ThroughOptions, backing Backing) *Through {
	if o.TTL <= 0 {
		panic(fmt.Sprintf("cache: options of %s: TTL has to be positive", o.Name))
	}
	return &Through{
		tally: newTally(o.Name, o.Metrics), options: o, store: leasing(store), backing: backing,
		locks: locks{byKey: make(map[string]*lock)},
	}
}

// Get returns the value of the key, which the caller must not change, from the cache, or from the backing store if the
// cache lacks it or fails.
func (t *Through) Get(ctx context.Context, key string) ([]byte, error) {
	if value, _, ok := t.find(ctx, key); ok {
		t.hit.Inc()
		return value, nil
	}
	if err := t.locks.take(ctx, key); err != nil {
		return nil, err
	}
	defer t.locks.release(key)
	// The caller that had the lock before may have cached the value.
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
	// A canceled write could still take effect after a later write of the key.
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

// Put writes the value to the backing store and then to the cache. The caller must not change the value afterwards. An
// error of the code CodeBehind means that the value is written, but reads may return the old one for a while.
func (t *Through) Put(ctx context.Context, key string, value []byte) error {
	if err := t.locks.take(ctx, key); err != nil {
		return err
	}
	defer t.locks.release(key)
	if err := t.backing.Put(ctx, key, value); err != nil {
		return t.undecided(ctx, key, err)
	}
	if err := t.store.Set(context.WithoutCancel(ctx), key, value, t.options.TTL); err != nil {
		t.fail.Inc()
		return t.forget(ctx, key)
	}
	return nil
}

// Delete removes the value from the backing store and then from the cache. Call it again after an error of the code
// CodeBehind.
func (t *Through) Delete(ctx context.Context, key string) error {
	if err := t.locks.take(ctx, key); err != nil {
		return err
	}
	defer t.locks.release(key)
	if err := t.backing.Delete(ctx, key); err != nil {
		return t.undecided(ctx, key, err)
	}
	return t.forget(ctx, key)
}

// undecided clears the cache after a failed write, because the write may have taken effect.
func (t *Through) undecided(ctx context.Context, key string, cause error) error {
	return errors.Join(cause, t.forget(ctx, key))
}

// forget removes the key from the cache, also after ctx has ended, because the backing store has changed.
func (t *Through) forget(ctx context.Context, key string) error {
	err := t.store.Delete(context.WithoutCancel(ctx), key)
	if err == nil {
		return nil
	}
	t.fail.Inc()
	return fmt.Errorf("cache %s lags its backing store: %w",
		t.options.Name, errors.Join(fault.New(fault.Unavailable, CodeBehind, "an older state may be seen for a while"), err))
}

// locks is a set of mutexes by key.
type locks struct {
	mu    sync.Mutex
	byKey map[string]*lock
}

type lock struct {
	taken chan struct{} // holds an element while the lock is held
	users int           // holders and waiters, guarded by locks.mu
}

// take locks the key. It returns an error if ctx ends before.
func (ls *locks) take(ctx context.Context, key string) error {
	ls.mu.Lock()
	t, ok := ls.byKey[key]
	if !ok {
		t = &lock{taken: make(chan struct{}, 1)}
		ls.byKey[key] = t
	}
	t.users++
	ls.mu.Unlock()
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		ls.leave(key, t)
		return fmt.Errorf("wait for the lock of %s: %w", key, ctx.Err())
	}
}

// release unlocks the key.
func (ls *locks) release(key string) {
	ls.mu.Lock()
	t := ls.byKey[key]
	ls.mu.Unlock()
	<-t.taken
	ls.leave(key, t)
}

func (ls *locks) leave(key string, t *lock) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(ls.byKey, key)
	}
}
