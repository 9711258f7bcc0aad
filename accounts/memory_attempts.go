package accounts

import (
	"context"
	"sync"
	"time"
)

// MemoryAttempts is an AttemptStore in the memory of this process. It has room for a number of keys. For a new key beyond
// that it forgets the one with the fewest attempts among a few: keys that were made up have few, and those that the limit
// is for have many.
type MemoryAttempts struct {
	room int

	mu       sync.Mutex
	attempts map[string]attemptsOf
	known    map[string]time.Time // until when
}

type attemptsOf struct {
	count int
	next  time.Time // earliest time of the next attempt
	until time.Time // when the attempts are forgotten
}

var _ AttemptStore = (*MemoryAttempts)(nil)

// NewMemoryAttempts returns an empty store with room for a number of keys of some 200 bytes each.
func NewMemoryAttempts(room int) *MemoryAttempts {
	return &MemoryAttempts{room: room, attempts: map[string]attemptsOf{}, known: map[string]time.Time{}}
}

// Attempt implements AttemptStore.
func (m *MemoryAttempts) Attempt(_ context.Context, paced ...Paced) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var wait time.Duration
	for _, p := range paced {
		wait = max(wait, m.attempts[p.Key].next.Sub(now))
	}
	if wait > 0 {
		return wait, nil
	}
	for _, p := range paced {
		was, there := m.attempts[p.Key]
		if !now.Before(was.until) {
			was = attemptsOf{}
		}
		if !there && len(m.attempts) >= m.room {
			m.forgetOne(now)
		}
		m.attempts[p.Key] = attemptsOf{count: was.count + 1, next: now.Add(p.Pace.after(was.count + 1)), until: now.Add(p.Pace.Memory)}
	}
	return 0, nil
}

// after is the wait after a number of attempts.
func (p Pace) after(attempts int) time.Duration {
	if attempts < p.Free {
		return 0
	}
	wait := p.First
	for range attempts - p.Free {
		if wait >= p.Longest {
			break
		}
		wait *= 2
	}
	return min(wait, p.Longest)
}

const forgetAmong = 16

// forgetOne makes room for a key. m.mu must be held.
func (m *MemoryAttempts) forgetOne(now time.Time) {
	fewest, looked := "", 0
	for key, of := range m.attempts { // in random order
		if !now.Before(of.until) {
			fewest = key
			break
		}
		if looked == 0 || of.count < m.attempts[fewest].count {
			fewest = key
		}
		if looked++; looked == forgetAmong {
			break
		}
	}
	delete(m.attempts, fewest)
}

// Succeeded implements AttemptStore.
func (m *MemoryAttempts) Succeeded(_ context.Context, key string, known time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.attempts, key)
	if _, there := m.known[key]; !there && len(m.known) >= m.room {
		for other := range m.known {
			delete(m.known, other)
			break
		}
	}
	m.known[key] = time.Now().Add(known)
	return nil
}

// Known implements AttemptStore.
func (m *MemoryAttempts) Known(_ context.Context, key string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until, there := m.known[key]
	if there && !time.Now().Before(until) {
		delete(m.known, key)
		there = false
	}
	return there, nil
}
