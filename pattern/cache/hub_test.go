package cache_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"agora/pattern/cache"
)

// hub is a store in memory that several processes of a test share.
type hub struct {
	mu        sync.Mutex
	stamp     uint64
	entries   map[string]stamped
	followers map[*side]cache.Follower
	away      bool
}

type stamped struct {
	stamp   uint64
	value   []byte
	present bool
	end     time.Time
}

func newHub() *hub {
	return &hub{entries: map[string]stamped{}, followers: map[*side]cache.Follower{}}
}

// side is the hub as one process has it. Messages arrive before the call that made the change returns.
type side struct{ hub *hub }

func (h *hub) side() *side { return &side{h} }

// setAway makes all operations fail and stops the messages, or ends that.
func (h *hub) setAway(away bool) {
	h.mu.Lock()
	h.away = away
	var tell []func()
	for _, f := range h.followers {
		if away {
			tell = append(tell, f.Lost)
		} else {
			tell = append(tell, f.Connected)
		}
	}
	h.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

func (s *side) Follow(ctx context.Context, f cache.Follower) {
	s.hub.mu.Lock()
	s.hub.followers[s] = f
	s.hub.mu.Unlock()
	f.Connected()
	<-ctx.Done()
}

func (s *side) Find(_ context.Context, key string) ([]byte, cache.Lease, bool, error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.hub.away {
		return nil, cache.Lease{}, false, errStore
	}
	e := s.hub.entries[key]
	if !e.end.After(time.Now()) {
		e = stamped{}
	}
	return e.value, cache.Lease{Given: true, Stamp: e.stamp}, e.present, nil
}

func (s *side) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, _, ok, err := s.Find(ctx, key)
	return value, ok, err
}

func (s *side) Fill(_ context.Context, key string, value []byte, ttl time.Duration, lease cache.Lease) (bool, error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.hub.away {
		return false, errStore
	}
	e := s.hub.entries[key]
	if !e.end.After(time.Now()) {
		e = stamped{}
	}
	if !lease.Given || e.stamp != lease.Stamp {
		return false, nil
	}
	s.hub.put(key, stamped{value: slices.Clone(value), present: true, end: time.Now().Add(ttl)})
	return true, nil
}

func (h *hub) put(key string, e stamped) {
	h.stamp++
	e.stamp = h.stamp
	h.entries[key] = e
}

func (s *side) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	return s.change(stamped{value: slices.Clone(value), present: true, end: time.Now().Add(ttl)}, key)
}

func (s *side) Delete(_ context.Context, keys ...string) error {
	return s.change(stamped{end: time.Now().Add(time.Minute)}, keys...)
}

func (s *side) change(e stamped, keys ...string) error {
	s.hub.mu.Lock()
	if s.hub.away {
		s.hub.mu.Unlock()
		return errStore
	}
	var tell []func(...string)
	for other, f := range s.hub.followers {
		if other != s {
			tell = append(tell, f.Changed)
		}
	}
	for _, key := range keys {
		s.hub.put(key, e)
	}
	s.hub.mu.Unlock()
	for _, changed := range tell {
		changed(keys...)
	}
	return nil
}
