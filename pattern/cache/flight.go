package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// flights are the loads under way, at most one a key. A load belongs to all who wait for it: it goes on
// while one of them is left, whoever began it, and is cancelled when the last one leaves.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
}

// errLost is what waiters get if a load ends its goroutine instead of returning.
var errLost = errors.New("the load did not return")

// flight is one load. It lives in one of three ways, guarded by flights.mu:
//
//	loading ──> storing ──> landed     the result is written to the cache
//	   └──────────────────> landed     overtaken by an invalidation, or abandoned: the result is not kept
//
// An overtaken flight is no longer in the map, so that later readers do not get what it brings.
type flight struct {
	key       string
	lease     Lease // from before the load
	cancel    context.CancelFunc
	waiters   int
	storing   bool
	overtaken bool

	landed chan struct{} // closed when value and err are set, and after the cache was written
	value  []byte
	err    error
}

// join makes the caller wait for the flight of the key, which run begins if there is none, or none under the
// same lease: another one may have read what was there before another process changed it. run is called on a
// goroutine of its own with a context that has the values of ctx, but not its end.
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

// wait returns what the flight brought, or the error of ctx if that ends before.
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

// drop makes sure that the result of a flight that is not yet storing will never be stored.
func (fs *flights) drop(f *flight) {
	f.overtaken = true
	if fs.byKey[f.key] == f {
		delete(fs.byKey, f.key)
	}
}

// mayStore reports whether the result may be written to the cache, and if so holds back every overtake
// of the key until the flight has landed.
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

// overtake returns when no load that began before can write the key to the cache any more. It waits only
// for a write that has already begun.
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
