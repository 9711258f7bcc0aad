package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"agora/fault"
	"agora/telemetry"
)

// AsideOptions describe an Aside.
type AsideOptions struct {
	Name string        // the label "cache" of the metric
	TTL  time.Duration // longest time for which a value is fresh; must be positive

	// Jitter is the share of TTL, from 0 to below 1, by which the time of each value is shortened at random, so that values
	// that were loaded together do not expire together.
	Jitter float64
	// NegativeTTL is how long a NotFound is cached; 0 means not at all.
	NegativeTTL time.Duration
	// StaleFor is how long after its expiry a value is still served if its load fails by an error of the kinds
	// Unavailable, Timeout and Internal; 0 means not at all. Each such read waits for the load to fail, so that the load
	// should fail fast, for example with a circuit breaker.
	StaleFor time.Duration

	Metrics *telemetry.Metrics // agora_cache_requests_total; nil means none
}

// Load reads a value from its origin. A fault.NotFound means that there is none. It must return when its context ends.
type Load func(ctx context.Context, key string) ([]byte, error)

// Aside is a cache-aside: it returns values from its store, and loads missing ones. There is one load of a key at a time,
// which concurrent reads share. It is safe for concurrent use.
type Aside struct {
	tally
	options AsideOptions
	store   Leasing
	load    Load
	flights flights
}

// NewAside returns a cache of the values of load in a store. It panics if an option is not valid, because that is a bug.
func NewAside(store Store, o AsideOptions, load Load) *Aside {
	if o.TTL <= 0 || o.Jitter < 0 || o.Jitter >= 1 || o.NegativeTTL < 0 || o.StaleFor < 0 {
		panic(fmt.Sprintf("cache: options of %s: TTL has to be positive, Jitter from 0 to below 1, the others not negative", o.Name))
	}
	return &Aside{
		tally: newTally(o.Name, o.Metrics), options: o, store: leasing(store), load: load,
		flights: flights{byKey: make(map[string]*flight)},
	}
}

// Get returns the value of the key, which the caller must not change, or the error of its load. A cached NotFound has
// the code and the message of the load's error. If the store fails, Get loads the value. When ctx ends, Get returns; the
// load continues for other callers.
func (a *Aside) Get(ctx context.Context, key string) ([]byte, error) {
	found, lease, ok := a.find(ctx, key)
	if ok && found.fresh(time.Now()) {
		return a.answer(found)
	}
	value, err := a.flights.wait(ctx, a.flights.join(ctx, key, lease, a.fly))
	if ok && found.what == present && isAway(err) {
		a.stale.Inc()
		return found.body, nil
	}
	a.miss.Inc()
	return value, err
}

func (a *Aside) find(ctx context.Context, key string) (entry, Lease, bool) {
	b, lease, ok, err := a.store.Find(ctx, key)
	if err != nil {
		a.fail.Inc()
	}
	if err != nil || !ok {
		return entry{}, lease, false
	}
	e, ok := decode(b)
	return e, lease, ok
}

func (a *Aside) answer(e entry) ([]byte, error) {
	if e.what == absent {
		a.negative.Inc()
		return nil, e.err()
	}
	a.hit.Inc()
	return e.body, nil
}

// isAway reports whether an error means that the value could not be loaded, rather than that it does not exist.
func isAway(err error) bool {
	return fault.Passing(err) || fault.Is(err, fault.Internal)
}

// fly loads the key of a flight and, unless the key was invalidated meanwhile, writes the result to the store before the
// callers get it.
func (a *Aside) fly(ctx context.Context, f *flight) {
	f.value, f.err = a.tryLoad(ctx, f.key)
	if (f.err == nil || fault.Is(f.err, fault.NotFound)) && a.flights.mayStore(f) {
		if err := a.remember(ctx, f); err != nil {
			a.fail.Inc()
		}
	}
}

// tryLoad turns a panic of the load into an error: a panic on the goroutine of the flight would end the process, while an
// HTTP server survives one on the goroutine of a request.
func (a *Aside) tryLoad(ctx context.Context, key string) (value []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("load of %s panicked: %v\n%s", key, p, debug.Stack())
		}
	}()
	return a.load(ctx, key)
}

func (a *Aside) remember(ctx context.Context, f *flight) (err error) {
	o := a.options
	switch now := time.Now(); {
	case f.err == nil:
		ttl := o.TTL - time.Duration(rand.Float64()*o.Jitter*float64(o.TTL))
		_, err = a.store.Fill(ctx, f.key, encodeValue(f.value, now.Add(ttl)), ttl+o.StaleFor, f.lease)
	case o.NegativeTTL > 0:
		_, err = a.store.Fill(ctx, f.key, encodeAbsence(f.err, now.Add(o.NegativeTTL)), o.NegativeTTL, f.lease)
	case o.StaleFor > 0:
		// A deleted value must not be served as stale when the next load fails.
		err = a.store.Delete(ctx, f.key)
	}
	return err
}

// Invalidate drops the keys. Call it after the change: a Get that begins after Invalidate has returned does not return
// the old value, whatever loads were running. After an error some keys may stay cached until their TTL is over.
func (a *Aside) Invalidate(ctx context.Context, keys ...string) error {
	var failed []error
	for _, key := range keys {
		if err := a.flights.overtake(ctx, key); err != nil {
			failed = append(failed, err)
		}
	}
	if err := a.store.Delete(ctx, keys...); err != nil {
		a.fail.Inc()
		failed = append(failed, fmt.Errorf("invalidate %d keys of %s: %w", len(keys), a.options.Name, err))
	}
	return errors.Join(failed...)
}
