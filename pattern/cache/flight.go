package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// flights are the running loads, at most one for each key. All callers that wait for a load share it: it continues while
// one of them waits, and is canceled when the last one has left.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
}

// errLost is the error of a load that ends its goroutine instead of returning.
var errLost = errors.New("the load did not return")

// flight is one load. Its states, guarded by flights.mu, are:
//
//	loading ──> storing ──> landed     the result is written to the cache
//	   └──────────────────> landed     overtaken by an invalidation, or left by all callers: the result is dropped
//
// An overtaken flight is not in the map, so that later readers do not get its result.
type flight struct {
	key       string
	lease     Lease // given before the load
	cancel    context.CancelFunc
	waiters   int
	storing   bool
	overtaken bool

	landed chan struct{} // closed when value and err are set, and after the cache was written
	value  []byte
	err    error
}

// join adds the caller to the flight of the key. If there is none, or none under the same lease, join starts one with run:
// a flight under another lease may have read a value that another process has changed since. run is called on its
// own goroutine with a context that has the values of ctx, but does not end with it.
func (fs *flights) join(ctx context.Context, key string, lease Lease, run func(context.Context, *flight)) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f, ok := fs.byKey[key]; ok && f.lease.same(lease) {
		f.waiters++
		return f
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{key: key, lease: lease, cancel: cancel, waiters: 1, landed: make(chan struct{}), err: errLost}
	fs.byKey[key] = f
	go func() {
		defer fs.land(f)
		run(ctx, f)
	}()
	return f
}

// wait returns the result of the flight, or the error of ctx if ctx ends before.
func (fs *flights) wait(ctx context.Context, f *flight) ([]byte, error) {
	select {
	case <-f.landed:
		return f.value, f.err
	case <-ctx.Done():
		fs.leave(f)
		return nil, fmt.Errorf("wait for the load of %s: %w", f.key, ctx.Err())
	}
}

func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.waiters--
	if f.waiters > 0 || f.storing {
		return
	}
	fs.drop(f)
	f.cancel()
}

// drop prevents a flight that is loading from storing its result.
func (fs *flights) drop(f *flight) {
	f.overtaken = true
	if fs.byKey[f.key] == f {
		delete(fs.byKey, f.key)
	}
}

// mayStore reports whether the result may be written to the cache. If so, each overtake of the key waits until the flight
// has landed.
func (fs *flights) mayStore(f *flight) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.storing = !f.overtaken
	return f.storing
}

func (fs *flights) land(f *flight) {
	fs.mu.Lock()
	if fs.byKey[f.key] == f {
		delete(fs.byKey, f.key)
	}
	fs.mu.Unlock()
	f.cancel()
	close(f.landed)
}

// overtake returns when no load that began before can write the key to the cache. It waits only for a write that has
// begun.
func (fs *flights) overtake(ctx context.Context, key string) error {
	fs.mu.Lock()
	f, ok := fs.byKey[key]
	if ok && !f.storing {
		fs.drop(f)
	}
	wait := ok && f.storing
	fs.mu.Unlock()
	if !wait {
		return nil
	}
	select {
	case <-f.landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the cache write of %s: %w", key, ctx.Err())
	}
}
