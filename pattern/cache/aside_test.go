package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/cache"
	"agora/telemetry"
)

func newAside(t *testing.T, o cache.AsideOptions, load cache.Load) *cache.Aside {
	o.Name, o.TTL = "test", time.Minute
	return cache.NewAside(openMemory(t), o, load)
}

func TestAsideLoadsOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, m := &origin{value: "v"}, telemetry.NewMetrics()
		c := cache.NewAside(openMemory(t), cache.AsideOptions{Name: "test", TTL: time.Minute, Metrics: m}, o.load)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { wantValue(t, c, "v") })
		}
		all.Wait()
		wantValue(t, c, "v")
		o.wantLoads(t, 1)
		wantResults(t, m, "hit 1", "miss 100")
	})
}

func TestAsideWaitersLeaveAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v"}
		c := newAside(t, cache.AsideOptions{}, o.load)
		first, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := c.Get(first, "k")
			left <- err
		}()
		synctest.Wait()
		var second sync.WaitGroup
		second.Go(func() { wantValue(t, c, "v") })
		synctest.Wait()

		began := time.Now()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) || time.Since(began) > 0 {
			t.Errorf("who began the load left with %v after %v, want context.Canceled at once", err, time.Since(began))
		}
		second.Wait()
		o.wantLoads(t, 1)
	})
}

func TestAsideLoadEndsWithItsLastWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v"}
		var ended atomic.Int32
		c := newAside(t, cache.AsideOptions{}, func(ctx context.Context, key string) ([]byte, error) {
			defer ended.Add(1)
			return o.load(ctx, key)
		})
		ctx, cancel := context.WithTimeout(t.Context(), loadTime/2)
		defer cancel()
		if _, err := c.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want the deadline's error", err)
		}
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("the load goes on although nobody waits for it")
		}
		wantValue(t, c, "v")
		o.wantLoads(t, 2)
	})
}

func TestAsideTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v"}
		c := newAside(t, cache.AsideOptions{}, o.load)
		wantValue(t, c, "v")
		time.Sleep(time.Minute - time.Millisecond)
		wantValue(t, c, "v")
		o.wantLoads(t, 1)
		time.Sleep(time.Millisecond)
		wantValue(t, c, "v")
		o.wantLoads(t, 2)
	})
}

func TestAsideJitterSpreadsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys = 200
		var loads atomic.Int32
		c := newAside(t, cache.AsideOptions{Jitter: 0.5}, func(context.Context, string) ([]byte, error) {
			loads.Add(1)
			return nil, nil
		})
		reloaded := func() int32 {
			loads.Store(0)
			for i := range keys {
				if _, err := c.Get(t.Context(), fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			return loads.Load()
		}
		reloaded()
		time.Sleep(30*time.Second - time.Millisecond)
		if n := reloaded(); n != 0 {
			t.Errorf("%d of %d values are gone before half of the TTL", n, keys)
		}
		time.Sleep(15 * time.Second)
		if n := reloaded(); n < keys/4 || n > keys*3/4 {
			t.Errorf("%d of %d values are gone in the middle of the jitter, want about half", n, keys)
		}
	})
}

func TestAsideRemembersWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := fault.New(fault.NotFound, "product_gone", "product k was withdrawn")
		o, m := &origin{err: fmt.Errorf("load: %w", gone)}, telemetry.NewMetrics()
		c := cache.NewAside(openMemory(t), cache.AsideOptions{
			Name: "test", TTL: time.Minute, NegativeTTL: time.Second, StaleFor: time.Hour,
			Metrics: m,
		}, o.load)
		wantKind(t, c, fault.NotFound)
		if _, err := c.Get(t.Context(), "k"); fault.CodeOf(err) != gone.Code || err.Error() != gone.Message {
			t.Errorf("the remembered error is %v (%s), want %v (%s)", err, fault.CodeOf(err), gone, gone.Code)
		}
		o.wantLoads(t, 1)
		time.Sleep(time.Second)
		o.set("born", nil)
		wantValue(t, c, "born")
		wantResults(t, m, "miss 2", "negative 1")
	})
}

func TestAsideDoesNotRememberFailures(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Internal, fault.Unavailable, fault.Denied, fault.NotFound} {
		synctest.Test(t, func(t *testing.T) {
			o := &origin{err: fault.New(kind, "", "no")}
			c := newAside(t, cache.AsideOptions{}, o.load)
			wantKind(t, c, kind)
			o.set("v", nil)
			wantValue(t, c, "v")
		})
	}
}

func TestAsideServesStaleOnlyWhileTheOriginIsAway(t *testing.T) {
	for _, tt := range []struct {
		kind  fault.Kind
		stale bool
	}{
		{fault.Unavailable, true}, {fault.Timeout, true}, {fault.Internal, true},
		{fault.NotFound, false}, {fault.Denied, false}, {fault.Invalid, false}, {fault.Exhausted, false},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, m := &origin{value: "v"}, telemetry.NewMetrics()
				c := cache.NewAside(openMemory(t), cache.AsideOptions{Name: "test", TTL: time.Minute, StaleFor: time.Hour, Metrics: m}, o.load)
				wantValue(t, c, "v")
				time.Sleep(time.Minute)
				o.set("", fault.New(tt.kind, "", "no"))
				if !tt.stale {
					wantKind(t, c, tt.kind)
					return
				}
				wantValue(t, c, "v")
				wantResults(t, m, "miss 1", "stale 1")
				o.set("new", nil)
				wantValue(t, c, "new")
				time.Sleep(time.Minute + time.Hour)
				o.set("", fault.New(tt.kind, "", "no"))
				wantKind(t, c, tt.kind)
			})
		})
	}
}

func TestAsideNeverServesStaleWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v"}
		c := newAside(t, cache.AsideOptions{StaleFor: time.Hour}, o.load)
		wantValue(t, c, "v")
		time.Sleep(time.Minute)
		o.set("", fault.ErrNotFound("product", "k"))
		wantKind(t, c, fault.NotFound)
		o.set("", fault.New(fault.Unavailable, "", "away"))
		wantKind(t, c, fault.Unavailable)
	})
}

func TestAsideReadsPastABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, m := &origin{value: "v"}, telemetry.NewMetrics()
		store := &hooked{Store: openMemory(t), get: broken, set: broken, del: broken}
		c := cache.NewAside(store, cache.AsideOptions{Name: "test", TTL: time.Minute, Metrics: m}, o.load)
		wantValue(t, c, "v")
		wantResults(t, m, "error 2", "miss 1")
		if err := c.Invalidate(t.Context(), "k"); !errors.Is(err, errStore) {
			t.Errorf("Invalidate = %v, want that it did not happen", err)
		}
	})
}

func TestAsideTakesUnknownBytesAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store := &origin{value: "v"}, openMemory(t)
		c := cache.NewAside(store, cache.AsideOptions{Name: "test", TTL: time.Minute}, o.load)
		if err := store.Set(t.Context(), "k", []byte("written by somebody else"), time.Hour); err != nil {
			t.Fatal(err)
		}
		wantValue(t, c, "v")
	})
}

func TestAsideSurvivesAPanicOfTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newAside(t, cache.AsideOptions{}, func(context.Context, string) ([]byte, error) { panic("boom") })
		for range 2 {
			if _, err := c.Get(t.Context(), "k"); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "boom") {
				t.Errorf("Get = %v, want an internal error that names the panic", err)
			}
		}
	})
}

func TestAsideSurvivesALoadThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newAside(t, cache.AsideOptions{}, func(context.Context, string) ([]byte, error) {
			runtime.Goexit() // as t.FailNow does
			return nil, nil
		})
		wantKind(t, c, fault.Internal)
	})
}

func TestNewAsideRefusesNonsense(t *testing.T) {
	for _, o := range []cache.AsideOptions{
		{}, {TTL: -1}, {TTL: 1, Jitter: 1}, {TTL: 1, Jitter: -1}, {TTL: 1, NegativeTTL: -1}, {TTL: 1, StaleFor: -1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", o)
				}
			}()
			cache.NewAside(nil, o, nil)
		}()
	}
}

func BenchmarkAsideHit(b *testing.B) {
	page := make([]byte, 2<<10)
	c := cache.NewAside(openMemory(b), cache.AsideOptions{Name: "test", TTL: time.Hour, Metrics: telemetry.NewMetrics()},
		func(context.Context, string) ([]byte, error) { return page, nil })
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprint("prd_", i)
		if _, err := c.Get(b.Context(), keys[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := c.Get(b.Context(), keys[i%len(keys)]); err != nil {
				b.Error(err)
			}
		}
	})
}
