package cache

import (
	"context"
	"time"
)

// Lease is the right to fill a key with a value that is loaded after the lease was given. A store that processes share
// gives one with each read, and a change of the key by any process ends it, so that a value that was loaded before a
// change is not stored after it. The idea is that of "Scaling Memcache at Facebook" (Nishtala et al., NSDI 2013).
//
// The zero Lease, which is the result of a failed read, fills nothing.
type Lease struct {
	Given bool   // false only for the zero Lease
	Stamp uint64 // version stamp of the key when it was read; 0 if absent

	sight uint64 // changes of the key's group that Near had seen
}

// same reports whether no change of the key between the leases is known.
func (l Lease) same(other Lease) bool { return l.Given == other.Given && l.Stamp == other.Stamp }

// Leasing is a Store that several processes share.
type Leasing interface {
	Store
	// Find is Get, and gives a lease of the key, also if there is no value.
	Find(ctx context.Context, key string) (value []byte, lease Lease, ok bool, err error)
	// Fill is Set under a lease. It stores nothing and reports false if the key was set, filled or deleted since the lease
	// was given. The expiry of a value does not end a lease.
	Fill(ctx context.Context, key string, value []byte, ttl time.Duration, lease Lease) (kept bool, err error)
}

// leasing returns a store with leases. Those of a store of one process are always valid, because Aside and Through
// resolve the races within a process.
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

// Shared is a store that several processes share, and that notifies each of them of the changes of the others.
type Shared interface {
	Leasing
	// Follow notifies f of the changes by other processes, until ctx ends. It reconnects by itself. The functions of f are
	// not called concurrently.
	Follow(ctx context.Context, f Follower)
}

// Follower receives notifications of changes.
type Follower struct {
	Connected func()               // every later change will be notified
	Changed   func(keys ...string) // others have set or deleted the keys; fills are not notified, as they replace no valid value
	Lost      func()               // notifications may be missing until the next Connected
}
