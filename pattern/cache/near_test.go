package cache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/cache"
	"agora/pattern/cache/cachetest"
	"agora/telemetry"
)

const blind = 2 * time.Second

func openNear(t testing.TB, far cache.Shared, m *telemetry.Metrics) *cache.Near {
	n := cache.NewNear(far, cache.NewMemory(64<<20), cache.NearOptions{Name: "test", MaxAge: time.Minute, Blind: blind, Metrics: m})
	t.Cleanup(n.Close)
	return n
}

// openNears returns two processes' stores over one hub, both connected.
func openNears(t *testing.T) (h *hub, one, other *cache.Near) {
	h = newHub()
	one, other = openNear(t, h.side(), nil), openNear(t, h.side(), nil)
	synctest.Wait()
	return h, one, other
}

func TestNear(t *testing.T) {
	cachetest.Run(t, cachetest.World{
		Test:    synctest.Test,
		Open:    func(t *testing.T) cache.Store { return openNear(t, newHub().side(), nil) },
		Advance: time.Sleep,
	})
}

func TestHub(t *testing.T) {
	cachetest.Shared(t, cachetest.SharedWorld{
		Test: synctest.Test,
		Open: func(*testing.T) (one, other cache.Shared) { h := newHub(); return h.side(), h.side() },
		Wait: func(t *testing.T, what string, ok func() bool) {
			if synctest.Wait(); !ok() {
				t.Errorf("waited for %s in vain", what)
			}
		},
	})
}

func wantStored(t *testing.T, s cache.Store, want string) {
	t.Helper()
	got, ok, err := s.Get(t.Context(), "k")
	if string(got) != want || ok != (want != "") || err != nil {
		t.Errorf("Get = %q, %v, %v; want %q", got, ok, err, want)
	}
}

func setTo(t *testing.T, s cache.Store, value string) {
	t.Helper()
	if err := s.Set(t.Context(), "k", []byte(value), time.Hour); err != nil {
		t.Fatal(err)
	}
}

func TestNearAnswersFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		h := newHub()
		n := openNear(t, h.side(), m)
		synctest.Wait()
		setTo(t, n, "v")
		for range 3 {
			wantStored(t, n, "v")
		}
		h.put("k", stamped{value: framedForever("changed behind its back"), present: true, end: time.Now().Add(time.Hour)})
		wantStored(t, n, "v")
		time.Sleep(time.Minute)
		wantStored(t, n, "changed behind its back")
	})
}

// framedForever is a value in the form of the far store.
func framedForever(value string) []byte {
	return append([]byte{0, 1, 0, 0, 0, 0, 0, 0}, value...)
}

func TestNearSeesWhatOthersChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, other := openNears(t)
		for _, change := range []struct {
			of, seen cache.Store
			value    string
		}{{one, other, "1"}, {other, one, "2"}, {one, one, "3"}, {one, other, "4"}} {
			setTo(t, change.of, change.value)
			wantStored(t, change.seen, change.value)
			wantStored(t, change.of, change.value)
		}
		if err := other.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		wantStored(t, one, "")
		wantStored(t, other, "")
	})
}

// TestNearDoesNotKeepMoreThanItsTime reads a value that another process set with a short TTL.
func TestNearDoesNotKeepMoreThanItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, other := openNears(t)
		if err := one.Set(t.Context(), "k", []byte("v"), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		wantStored(t, other, "v")
		time.Sleep(time.Second)
		wantStored(t, other, "")
	})
}

// TestALoadOfOneProcessDoesNotOutliveAChangeByAnother tests the race that leases resolve.
func TestALoadOfOneProcessDoesNotOutliveAChangeByAnother(t *testing.T) {
	for _, near := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub()
			stores := []cache.Store{h.side(), h.side()}
			if near {
				stores = []cache.Store{openNear(t, h.side(), nil), openNear(t, h.side(), nil)}
			}
			o := &origin{value: "old"}
			options := cache.AsideOptions{Name: "test", TTL: time.Minute}
			one, other := cache.NewAside(stores[0], options, o.load), cache.NewAside(stores[1], options, o.load)
			var loading sync.WaitGroup
			loading.Go(func() { wantValue(t, one, "old") })
			time.Sleep(loadTime / 2)
			o.set("new", nil)
			if err := other.Invalidate(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			loading.Wait()
			wantValue(t, one, "new")
			wantValue(t, other, "new")
			o.wantLoads(t, 2)
		})
	}
}

// TestNearRefreshesWhatIsStale tests the leases of values in memory: a load replaces a stale value in all processes.
func TestNearRefreshesWhatIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		o := &origin{value: "1"}
		options := cache.AsideOptions{Name: "test", TTL: 10 * time.Second, StaleFor: time.Hour}
		one := cache.NewAside(openNear(t, h.side(), nil), options, o.load)
		other := cache.NewAside(openNear(t, h.side(), nil), options, o.load)
		for range 2 { // into the far store, and into both memories
			wantValue(t, one, "1")
			wantValue(t, other, "1")
		}
		time.Sleep(10 * time.Second)
		o.set("2", nil)
		for range 3 {
			wantValue(t, one, "2")
			wantValue(t, other, "2")
		}
		if o.loads > 3 {
			t.Errorf("%d loads, want one at first and at most one a process later", o.loads)
		}
	})
}

func TestNearWhileTheFarStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, one, other := openNears(t)
		o := &origin{value: "1"}
		options := cache.AsideOptions{Name: "test", TTL: time.Hour}
		a, b := cache.NewAside(one, options, o.load), cache.NewAside(other, options, o.load)
		for range 2 {
			wantValue(t, a, "1")
			wantValue(t, b, "1")
		}

		h.setAway(true)
		for range 5 { // each process loads once, and stores the value for Blind
			wantValue(t, a, "1")
			wantValue(t, b, "1")
		}
		o.wantLoads(t, 3)
		o.set("2", nil)
		if err := a.Invalidate(t.Context(), "k"); err == nil {
			t.Error("an invalidation that others do not hear of is no error")
		}
		wantValue(t, a, "2") // at once in the process that changed it,
		time.Sleep(blind)
		wantValue(t, b, "2") // and soon in the other

		h.setAway(false)
		wantValue(t, a, "2") // although the far store has the old one
		time.Sleep(time.Second)
		synctest.Wait()
		wantValue(t, b, "2") // because the deletion was retried
		wantValue(t, a, "2")
	})
}

func TestNearForgetsWhatItReadWhileItWasDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, one, other := openNears(t)
		setTo(t, one, "1")
		wantStored(t, other, "1")
		deaf := h.followers
		for _, f := range deaf {
			f.Lost()
		}
		wantStored(t, other, "1")
		h.followers = nil
		setTo(t, one, "2")
		wantStored(t, other, "1")
		time.Sleep(blind)
		wantStored(t, other, "2")

		setTo(t, one, "3")
		h.followers = deaf
		for _, f := range deaf {
			f.Connected()
		}
		wantStored(t, other, "3")
	})
}

// TestNearNeverGoesBack has readers and writers of two processes race. Here a message arrives before the change returns,
// so that each later read has to return the newest completed change or a newer one.
func TestNearNeverGoesBack(t *testing.T) {
	const changes = 2_000
	h := newHub()
	var truth, visible atomic.Int64
	load := func(context.Context, string) ([]byte, error) { return fmt.Append(nil, truth.Load()), nil }
	options := cache.AsideOptions{Name: "test", TTL: time.Minute}
	sides := []*cache.Aside{
		cache.NewAside(openNear(t, h.side(), nil), options, load), cache.NewAside(openNear(t, h.side(), nil), options, load),
	}
	cachetest.Eventually(t, "both to hear of changes", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.followers) == len(sides)
	})
	var all sync.WaitGroup
	all.Go(func() {
		for i := range changes {
			v := truth.Add(1)
			if err := sides[i%2].Invalidate(t.Context(), "k"); err != nil {
				t.Error(err)
			}
			visible.Store(v)
		}
	})
	for i := range 4 {
		all.Go(func() {
			for visible.Load() < changes {
				least := visible.Load()
				b, err := sides[i%2].Get(t.Context(), "k")
				var got int64
				if _, scanErr := fmt.Sscan(string(b), &got); err != nil || scanErr != nil || got < least {
					t.Errorf("Get = %q, %v; want at least %d", b, err, least)
					return
				}
			}
		})
	}
	all.Wait()
	for _, a := range sides {
		wantValue(t, a, fmt.Sprint(changes))
	}
}

func TestThroughDoesNotReviveWhatAnotherProcessEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, other := openNears(t)
		b := newBacking()
		b.values["k"] = "session"
		here, there := newThrough(one, b, nil), newThrough(other, b, nil)
		var reading sync.WaitGroup
		reading.Go(func() { wantValue(t, here, "session") }) // it takes a second and has read already
		synctest.Wait()
		delete(b.values, "k") // there.Delete takes a second too; this is its first half
		if err := other.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		reading.Wait()
		for _, c := range []*cache.Through{here, there} {
			if _, err := c.Get(t.Context(), "k"); err == nil {
				t.Error("a session that was ended came back")
			}
		}
	})
}

func TestNewNearRefusesNonsense(t *testing.T) {
	for _, o := range []cache.NearOptions{{MaxAge: time.Second}, {Blind: time.Second}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", o)
				}
			}()
			cache.NewNear(newHub().side(), nil, o)
		}()
	}
}

func BenchmarkNearHit(b *testing.B) {
	n := openNear(b, newHub().side(), telemetry.NewMetrics())
	if err := n.Set(b.Context(), "k", make([]byte, 1024), time.Hour); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok, _ := n.Get(b.Context(), "k"); !ok {
				b.Error("no hit")
			}
		}
	})
}
