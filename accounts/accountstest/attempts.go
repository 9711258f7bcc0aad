package accountstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agora/accounts"
)

// AttemptsWorld is what the suite of AttemptStore needs to know about where a store lives.
type AttemptsWorld struct {
	// Test runs one test of the suite: synctest.Test for a store whose time is the process's own, and a plain call for a
	// server.
	Test func(t *testing.T, test func(t *testing.T))
	// Open returns an empty store.
	Open func(t *testing.T) accounts.AttemptStore
	// Advance returns when d has passed for the store.
	Advance func(d time.Duration)
}

// Attempts is the suite of AttemptStore.
func Attempts(t *testing.T, w AttemptsWorld) {
	for name, test := range map[string]func(*testing.T, AttemptsWorld){
		"waits longer after each attempt":     waitsLonger,
		"counts nothing if one key waits":     countsNothing,
		"forgets attempts after a time":       forgetsAttempts,
		"a success forgets and is known":      successIsKnown,
		"attempts at once are no more":        attemptsAtOnce,
		"keys do not count for one another":   keysAreApart,
		"does not wait longer than it should": waitsAtMost,
	} {
		t.Run(name, func(t *testing.T) { w.Test(t, func(t *testing.T) { test(t, w) }) })
	}
}

// slow is a pace at which nothing may be tried again while a test runs, also where time is real.
var slow = accounts.Pace{Free: 3, First: time.Hour, Longest: 4 * time.Hour, Memory: 24 * time.Hour}

// attempt makes an attempt and returns how long it has to wait.
func attempt(t *testing.T, store accounts.AttemptStore, paced ...accounts.Paced) time.Duration {
	t.Helper()
	wait, err := store.Attempt(t.Context(), paced...)
	ok(t, err)
	return wait
}

func wantFree(t *testing.T, store accounts.AttemptStore, n int, paced ...accounts.Paced) {
	t.Helper()
	for i := range n {
		if wait := attempt(t, store, paced...); wait != 0 {
			t.Errorf("attempt %d has to wait for %v, want none", i, wait)
		}
	}
}

func wantWait(t *testing.T, store accounts.AttemptStore, most time.Duration, paced ...accounts.Paced) {
	t.Helper()
	if wait := attempt(t, store, paced...); wait <= 0 || wait > most {
		t.Errorf("the attempt has to wait for %v, want more than none and at most %v", wait, most)
	}
}

func waitsLonger(t *testing.T, w AttemptsWorld) {
	store, pace := w.Open(t), accounts.Pace{Free: 2, First: 20 * time.Millisecond, Longest: time.Hour, Memory: time.Hour}
	wantFree(t, store, 2, accounts.Paced{Key: "a", Pace: pace})
	for i := range 5 {
		w.Advance(pace.First << i)
		wantFree(t, store, 1, accounts.Paced{Key: "a", Pace: pace})
	}
	wantWait(t, store, pace.First<<5, accounts.Paced{Key: "a", Pace: pace})
}

func waitsAtMost(t *testing.T, w AttemptsWorld) {
	store, pace := w.Open(t), accounts.Pace{Free: 1, First: 10 * time.Millisecond, Longest: 15 * time.Millisecond, Memory: time.Hour}
	for range 8 {
		wantFree(t, store, 1, accounts.Paced{Key: "a", Pace: pace})
		w.Advance(pace.Longest)
	}
}

func countsNothing(t *testing.T, w AttemptsWorld) {
	store := w.Open(t)
	a, b := accounts.Paced{Key: "a", Pace: slow}, accounts.Paced{Key: "b", Pace: slow}
	wantFree(t, store, 3, a)
	for range 5 {
		wantWait(t, store, slow.First, b, a)
	}
	wantFree(t, store, 3, b)
	wantWait(t, store, slow.First, b)
}

func forgetsAttempts(t *testing.T, w AttemptsWorld) {
	pace := slow
	pace.First, pace.Longest, pace.Memory = 50*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond
	store, a := w.Open(t), accounts.Paced{Key: "a", Pace: pace}
	for range 2 {
		wantFree(t, store, 3, a)
		w.Advance(pace.Memory)
	}
}

func successIsKnown(t *testing.T, w AttemptsWorld) {
	store, a := w.Open(t), accounts.Paced{Key: "a", Pace: slow}
	got(t, false)(store.Known(t.Context(), "a"))
	wantFree(t, store, 3, a)
	wantWait(t, store, slow.First, a)
	ok(t, store.Succeeded(t.Context(), "a", time.Hour))
	got(t, true)(store.Known(t.Context(), "a"))
	got(t, false)(store.Known(t.Context(), "b"))
	wantFree(t, store, 3, a)
	wantWait(t, store, slow.First, a)
	ok(t, store.Succeeded(t.Context(), "a", 50*time.Millisecond))
	w.Advance(50 * time.Millisecond)
	got(t, false)(store.Known(t.Context(), "a"))
}

func attemptsAtOnce(t *testing.T, w AttemptsWorld) {
	store, a, b := w.Open(t), accounts.Paced{Key: "a", Pace: slow}, accounts.Paced{Key: "b", Pace: slow}
	var made atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			wait, err := store.Attempt(t.Context(), a, b)
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				made.Add(1)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != int32(slow.Free) {
		t.Errorf("%d attempts at once need not wait, want %d", n, slow.Free)
	}
}

func keysAreApart(t *testing.T, w AttemptsWorld) {
	store := w.Open(t)
	for _, key := range []string{"a", "b", "a@192.0.2.1", "a@2001:db8::"} {
		wantFree(t, store, 3, accounts.Paced{Key: key, Pace: slow})
		wantWait(t, store, slow.First, accounts.Paced{Key: key, Pace: slow})
	}
}
