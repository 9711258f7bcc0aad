package feed

import (
	"hash/maphash"
	"sync"

	"agora/feed"
)

// recent has what was read of some users, decoded, until it changes. Each user has one place, which users share: the last one who
// is read has it. It is safe for concurrent use.
type recent[V any] struct {
	seed   maphash.Seed
	places []place[V]
}

type place[V any] struct {
	mu      sync.Mutex
	changes uint64 // calls of forget
	user    feed.UserID
	held    bool
	value   V
}

// newRecent returns a cache with a number of places.
func newRecent[V any](places int) *recent[V] {
	return &recent[V]{seed: maphash.MakeSeed(), places: make([]place[V], max(1, places))}
}

func (r *recent[V]) place(user feed.UserID) *place[V] {
	return &r.places[maphash.Bytes(r.seed, user[:])%uint64(len(r.places))]
}

// get returns what is held of a user, and what keep needs to know of the moment before the caller reads it.
func (r *recent[V]) get(user feed.UserID) (value V, changes uint64, ok bool) {
	p := r.place(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held && p.user == user {
		return p.value, p.changes, true
	}
	return value, p.changes, false
}

// keep holds what was read after get returned changes, unless it may have changed since.
func (r *recent[V]) keep(user feed.UserID, value V, changes uint64) {
	p := r.place(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == changes {
		p.user, p.value, p.held = user, value, true
	}
}

// forget gives up what is held of a user. A writer calls it after the write, and before it says that the write is done.
func (r *recent[V]) forget(user feed.UserID) {
	p := r.place(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	if p.user == user {
		var none V
		p.value, p.held = none, false
	}
}
