package cache

import (
	"context"
	"time"
)

// Lease is the right to fill a key with a value that is loaded now. A store that processes share gives one with
// each read, and a change of the key by any of them ends it, so that a value that was loaded before a change is
// not kept after it. The idea is that of "Scaling Memcache at Facebook" (Nishtala et al., NSDI 2013).
//
// The zero Lease, which a store gives that could not be asked, fills nothing.
type Lease struct {
	Given bool   // false only for the zero Lease
	Stamp uint64 // what the shared store knows the state by that it answered with; 0 if it held nothing

	sight uint64 // how often Near had seen the key change
}

// same reports whether nobody is known to have changed the key between the leases.
func (l Lease) same(other Lease) bool { return l.Given == other.Given && l.Stamp == other.Stamp }

// Leasing is a Store that several processes share.
type Leasing interface {
	Store
	// Find is Get, and gives a lease on the key whether or not there is a value.
	Find(ctx context.Context, key string) (value []byte, lease Lease, ok bool, err error)
	// Fill is Set under a lease. It keeps nothing and reports false if somebody has set, filled or deleted the
	// key since the lease was given. A value that expired by itself does not end a lease.
	Fill(ctx context.Context, key string, value []byte, ttl time.Duration, lease Lease) (kept bool, err error)
}

// leasing returns a store with leases. Those of a store that one process has for itself are always good, as
// Aside and Through settle the races of one process themselves.
func leasing(s Store) Leasing {
	if l, ok := s.(Leasing); ok {
		return l
	}
	return unshared{s}
}

type unshared struct{ Store }

func (u unshared) Find(ctx context.Context, key string) ([]byte, Lease, bool, error) {
	value, ok, err := u.Get(ctx, key)
	return value, Lease{}, ok, err
}

func (u unshared) Fill(ctx context.Context, key string, value []byte, ttl time.Duration, _ Lease) (bool, error) {
	return true, u.Set(ctx, key, value, ttl)
}

// Shared is a store that several processes share, and that tells each of them what the others change.
type Shared interface {
	Leasing
	// Follow tells f of the changes that other processes make, until ctx ends. It connects again by itself. The
	// functions of f are called one after the other.
	Follow(ctx context.Context, f Follower)
}

// Follower is told of changes.
type Follower struct {
	Connected func()               // every change from here on is told
	Changed   func(keys ...string) // others have set or deleted the keys; a fill is not told, as it replaces nothing that is right
	Lost      func()               // changes may be missed until the next Connected
}
