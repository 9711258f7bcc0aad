package cachetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"agora/pattern/cache"
)

// SharedWorld is the environment of a shared store.
type SharedWorld struct {
	// Test runs one test of the suite: synctest.Test, or a plain call for a server.
	Test func(t *testing.T, test func(t *testing.T))
	// Open returns one empty store as two processes have it.
	Open func(t *testing.T) (one, other cache.Shared)
	// Wait returns when ok returns true, which it does soon.
	Wait func(t *testing.T, what string, ok func() bool)
}

// Shared tests the leases and messages of a store that processes share.
func Shared(t *testing.T, w SharedWorld) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, w SharedWorld)
	}{
		{"a fill is kept under a lease that is good", testFill},
		{"a lease ends with a change by anybody", testLeaseEnds},
		{"one of many fills is kept", testOneFill},
		{"the others hear of a change", testChanges},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Test(t, func(t *testing.T) { tt.test(t, w) })
		})
	}
}

func lease(t *testing.T, s cache.Shared, key string) cache.Lease {
	t.Helper()
	_, l, _, err := s.Find(t.Context(), key)
	if err != nil || !l.Given {
		t.Fatalf("Find(%q) gave the lease %+v, %v; want one", key, l, err)
	}
	return l
}

func wantFill(t *testing.T, s cache.Shared, key, value string, l cache.Lease, want bool) {
	t.Helper()
	kept, err := s.Fill(t.Context(), key, []byte(value), long, l)
	if err != nil || kept != want {
		t.Errorf("Fill(%q, %q) = %v, %v; want %v", key, value, kept, err, want)
	}
}

func testFill(t *testing.T, w SharedWorld) {
	one, other := w.Open(t)
	wantFill(t, one, "new", "1", lease(t, one, "new"), true)
	want(t, other, "new", "1")
	wantFill(t, other, "new", "2", lease(t, other, "new"), true) // the value may be out of date
	want(t, one, "new", "2")
	wantFill(t, one, "none", "1", cache.Lease{}, false)
	wantNone(t, one, "none")
	set(t, one, "", "", long)
	wantFill(t, one, "", "1", lease(t, one, ""), true)
	want(t, one, "", "1")
}

func testLeaseEnds(t *testing.T, w SharedWorld) {
	for name, change := range map[string]func(t *testing.T, s cache.Shared){
		"deleted": func(t *testing.T, s cache.Shared) {
			if err := s.Delete(t.Context(), "other", "k"); err != nil {
				t.Fatal(err)
			}
		},
		"set":    func(t *testing.T, s cache.Shared) { set(t, s, "k", "theirs", long) },
		"filled": func(t *testing.T, s cache.Shared) { wantFill(t, s, "k", "theirs", lease(t, s, "k"), true) },
	} {
		for _, before := range []string{"nothing", "a value", "a deletion"} {
			one, other := w.Open(t)
			switch before {
			case "a value":
				set(t, one, "k", "before", long)
			case "a deletion":
				if err := one.Delete(t.Context(), "k"); err != nil {
					t.Fatal(err)
				}
			}
			for _, changer := range []cache.Shared{one, other} {
				l := lease(t, one, "k")
				change(t, changer)
				_, _, there, _ := one.Find(t.Context(), "k")
				wantFill(t, one, "k", "mine", l, false)
				if v, ok, _ := one.Get(t.Context(), "k"); ok != there || string(v) == "mine" {
					t.Errorf("%s before, then %s: Get = %q, %v; want what the change left", before, name, v, ok)
				}
			}
		}
	}
}

func testOneFill(t *testing.T, w SharedWorld) {
	one, other := w.Open(t)
	var mu sync.Mutex
	var kept []string
	var all sync.WaitGroup
	first := lease(t, one, "k")
	for i := range 8 {
		s := []cache.Shared{one, other}[i%2]
		value := string(rune('a' + i))
		all.Go(func() {
			if ok, err := s.Fill(t.Context(), "k", []byte(value), long, first); err != nil {
				t.Error(err)
			} else if ok {
				mu.Lock()
				defer mu.Unlock()
				kept = append(kept, value)
			}
		})
	}
	all.Wait()
	if len(kept) != 1 {
		t.Fatalf("%q are kept under one lease, want one of them", kept)
	}
	want(t, one, "k", kept[0])
}

func testChanges(t *testing.T, w SharedWorld) {
	one, other := w.Open(t)
	var mu sync.Mutex
	connected := 0
	heard := map[string][]string{}
	follow := func(name string) cache.Follower {
		return cache.Follower{
			Connected: func() { mu.Lock(); defer mu.Unlock(); connected++ },
			Lost:      func() {},
			Changed:   func(keys ...string) { mu.Lock(); defer mu.Unlock(); heard[name] = append(heard[name], keys...) },
		}
	}
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	all.Go(func() { one.Follow(ctx, follow("one")) })
	all.Go(func() { other.Follow(ctx, follow("other")) })
	locked := func(ok func() bool) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return ok() }
	}
	w.Wait(t, "both to be connected", locked(func() bool { return connected == 2 }))

	wantFill(t, one, "filled", "1", lease(t, one, "filled"), true)
	set(t, one, "set\x00by one", "1", long)
	if err := one.Delete(t.Context(), "", "deleted by one"); err != nil {
		t.Fatal(err)
	}
	set(t, other, "set by other", "1", long)
	w.Wait(t, "the messages", locked(func() bool { return len(heard["other"]) >= 3 && len(heard["one"]) >= 1 }))
	mu.Lock()
	defer mu.Unlock()
	if got := heard["other"]; !slices.Equal(got, []string{"set\x00by one", "", "deleted by one"}) {
		t.Errorf("other heard of %q, want what one set and deleted", got)
	}
	if got := heard["one"]; !slices.Equal(got, []string{"set by other"}) {
		t.Errorf("one heard of %q, want what other set", got)
	}
}

// Eventually is a Wait for a server: it polls ok until the deadline of the test.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		if t.Context().Err() != nil {
			t.Fatalf("waited for %s in vain", what)
		}
		time.Sleep(time.Millisecond)
	}
}
