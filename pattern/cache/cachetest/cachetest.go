// Package cachetest is the conformance suite that every cache.Store passes.
package cachetest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"agora/pattern/cache"
)

// World is the environment of a store.
type World struct {
	// Test runs one test of the suite: synctest.Test for a store inside the process, and a plain call for a server.
	Test func(t *testing.T, test func(t *testing.T))
	// Open returns an empty store, which is closed at the end of the test.
	Open func(t *testing.T) cache.Store
	// Advance returns after d of the store's time.
	Advance func(d time.Duration)
}

// The suite also runs in real time: tests wait for short, and never reach long.
const (
	short = 200 * time.Millisecond
	long  = time.Hour
)

// Run tests a store.
func Run(t *testing.T, w World) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, w World, s cache.Store)
	}{
		{"what is set is there", testSet},
		{"what was not set is not there", testMissing},
		{"set replaces", testReplace},
		{"delete forgets what it names only", testDelete},
		{"entries expire one by one", testExpiry},
		{"set begins a new time", testExpiryAfterReplace},
		{"keys and values are any bytes", testBytes},
		{"all at once", testConcurrency},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Test(t, func(t *testing.T) { tt.test(t, w, w.Open(t)) })
		})
	}
}

func testSet(t *testing.T, _ World, s cache.Store) {
	set(t, s, "a", "one", long)
	set(t, s, "b", "", long)
	want(t, s, "a", "one")
	want(t, s, "b", "")
}

func testMissing(t *testing.T, _ World, s cache.Store) {
	wantNone(t, s, "a")
	set(t, s, "a", "one", long)
	wantNone(t, s, "A")
}

func testReplace(t *testing.T, _ World, s cache.Store) {
	set(t, s, "a", "one", long)
	set(t, s, "a", "two and more", long)
	want(t, s, "a", "two and more")
}

func testDelete(t *testing.T, _ World, s cache.Store) {
	for _, key := range []string{"a", "b", "c"} {
		set(t, s, key, key, long)
	}
	if err := s.Delete(t.Context(), "a", "never set", "c"); err != nil {
		t.Fatalf("Delete of three keys: %v", err)
	}
	wantNone(t, s, "a")
	want(t, s, "b", "b")
	wantNone(t, s, "c")
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("Delete of no key: %v", err)
	}
	set(t, s, "a", "again", long)
	want(t, s, "a", "again")
}

func testExpiry(t *testing.T, w World, s cache.Store) {
	set(t, s, "short", "1", short)
	set(t, s, "long", "2", long)
	w.Advance(short)
	wantNone(t, s, "short")
	want(t, s, "long", "2")
}

func testExpiryAfterReplace(t *testing.T, w World, s cache.Store) {
	set(t, s, "longer", "1", short)
	set(t, s, "longer", "2", long)
	set(t, s, "shorter", "1", long)
	set(t, s, "shorter", "2", short)
	w.Advance(short)
	want(t, s, "longer", "2")
	wantNone(t, s, "shorter")
}

func testBytes(t *testing.T, _ World, s cache.Store) {
	key := "ключ {1}\r\n\x00 *?"
	value := bytes.Repeat([]byte{0, 0xff, '\n', '"'}, 16<<10)
	set(t, s, key, string(value), long)
	want(t, s, key, string(value))
}

// testConcurrency reads, writes and deletes few keys from many goroutines: each value that is read was set under its key.
func testConcurrency(t *testing.T, _ World, s cache.Store) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				key := fmt.Sprint("key ", (worker+i)%5)
				if err := s.Set(t.Context(), key, []byte(key), long); err != nil {
					t.Errorf("Set(%q): %v", key, err)
				}
				if v, ok, err := s.Get(t.Context(), key); err != nil || ok && string(v) != key {
					t.Errorf("Get(%q) = %q, %v, %v; want the key itself, or none", key, v, ok, err)
				}
				if i%7 == 0 {
					if err := s.Delete(t.Context(), key); err != nil {
						t.Errorf("Delete(%q): %v", key, err)
					}
				}
			}
		})
	}
	all.Wait()
}

func set(t *testing.T, s cache.Store, key, value string, ttl time.Duration) {
	t.Helper()
	if err := s.Set(t.Context(), key, []byte(value), ttl); err != nil {
		t.Fatalf("Set(%q): %v", key, err)
	}
}

func want(t *testing.T, s cache.Store, key, value string) {
	t.Helper()
	got, ok, err := s.Get(t.Context(), key)
	if err != nil || !ok || string(got) != value {
		t.Errorf("Get(%q) = %.40q, %v, %v; want %.40q, true, nil", key, got, ok, err, value)
	}
}

func wantNone(t *testing.T, s cache.Store, key string) {
	t.Helper()
	if got, ok, err := s.Get(t.Context(), key); ok || err != nil {
		t.Errorf("Get(%q) = %.40q, %v, %v; want none", key, got, ok, err)
	}
}
