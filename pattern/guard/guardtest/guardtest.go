// Package guardtest is the conformance suite that every guard.Limiter passes.
package guardtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agora/pattern/guard"
)

// World is the environment of a limiter.
type World struct {
	// Test runs one test of the suite: synctest.Test for a limiter inside the process, and a plain call for a server.
	Test func(t *testing.T, test func(t *testing.T))
	// Open returns a limiter without keys, of perSecond requests a second for each key, of which burst may come at once. It
	// is closed at the end of the test.
	Open func(t *testing.T, perSecond float64, burst int) guard.Limiter
	// Advance returns when d has passed, for the limiter and for time.Now.
	Advance func(d time.Duration)
}

// seldom is a rate that allows no further request during a test, also in real time.
const seldom = 0.01

// Limiter tests a limiter.
func Limiter(t *testing.T, w World) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, w World)
	}{
		{"a burst is counted down", testBurst},
		{"keys do not count for one another", testKeys},
		{"after RetryAfter there is one more", testRetryAfter},
		{"what is not used adds up to a burst only", testRefill},
		{"all at once is not more", testConcurrency},
		{"the first ones of a key share one burst", testFirst},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Test(t, func(t *testing.T) { tt.test(t, w) })
		})
	}
}

func testBurst(t *testing.T, w World) {
	const burst = 5
	l := w.Open(t, seldom, burst)
	for i := range burst {
		if d := allow(t, l, "key"); !d.OK || d.Remaining != burst-1-i || d.RetryAfter != 0 {
			t.Errorf("request %d of a burst of %d: %+v, want it allowed and %d remaining", i+1, burst, d, burst-1-i)
		}
	}
	d := allow(t, l, "key")
	if most := time.Duration(float64(time.Second) / seldom); d.OK || d.Remaining != 0 || d.RetryAfter <= 0 || d.RetryAfter > most {
		t.Errorf("the request after the burst: %+v, want it refused for at most %v", d, most)
	}
}

func testKeys(t *testing.T, w World) {
	l := w.Open(t, seldom, 1)
	for _, key := range []string{"a", "A", "", "2001:db8::1", "ключ\x00 {x}"} {
		if d := allow(t, l, key); !d.OK {
			t.Errorf("the first request of %q: %+v, want it allowed", key, d)
		}
		if d := allow(t, l, key); d.OK {
			t.Errorf("the second request of %q: %+v, want it refused", key, d)
		}
	}
}

func testRetryAfter(t *testing.T, w World) {
	l := w.Open(t, 7, 1)
	allow(t, l, "key")
	for range 3 {
		d := allow(t, l, "key")
		if d.OK {
			continue // in real time, tokens may have been added
		}
		w.Advance(d.RetryAfter)
		if again := allow(t, l, "key"); !again.OK {
			t.Errorf("%v after a request was refused for %v: %+v, want it allowed", d.RetryAfter, d.RetryAfter, again)
		}
	}
}

func testRefill(t *testing.T, w World) {
	const perSecond, burst = 10, 3
	l := w.Open(t, perSecond, burst)
	allow(t, l, "key")
	w.Advance(time.Second)
	began, allowed := time.Now(), 0
	for range 10 * burst {
		if allow(t, l, "key").OK {
			allowed++
		}
	}
	if most := burst + perSecond*time.Since(began).Seconds(); allowed < burst || float64(allowed) > most {
		t.Errorf("%d requests were allowed at once, want %d to %.1f", allowed, burst, most)
	}
}

func testConcurrency(t *testing.T, w World) {
	const perSecond, burst, workers, requests = 50, 20, 8, 50
	l := w.Open(t, perSecond, burst)
	var allowed, others atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for range requests {
				if allow(t, l, "key").OK {
					allowed.Add(1)
				}
				if allow(t, l, fmt.Sprint("key of ", worker)).OK {
					others.Add(1)
				}
				w.Advance(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	most := burst + perSecond*time.Since(began).Seconds()
	if n := allowed.Load(); n < burst || float64(n) > most {
		t.Errorf("%d of %d requests of one key were allowed, want %d to %.1f", n, workers*requests, burst, most)
	}
	if n := others.Load(); n < workers*burst {
		t.Errorf("%d requests of %d other keys were allowed, want at least %d", n, workers, workers*burst)
	}
}

func testFirst(t *testing.T, w World) {
	const keys, askers = 100, 4
	l := w.Open(t, seldom, 1)
	for key := range keys {
		var allowed atomic.Int64
		var all sync.WaitGroup
		start := make(chan struct{})
		for range askers {
			all.Go(func() {
				<-start
				if allow(t, l, fmt.Sprint(key)).OK {
					allowed.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		if n := allowed.Load(); n != 1 {
			t.Errorf("%d of the first %d requests of a key were allowed, want 1", n, askers)
		}
	}
}

func allow(t *testing.T, l guard.Limiter, key string) guard.Decision {
	t.Helper()
	d, err := l.Allow(t.Context(), key)
	if err != nil {
		t.Errorf("Allow(%q): %v", key, err)
	}
	return d
}
