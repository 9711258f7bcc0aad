package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/cache"
)

// TestInvalidateOvertakesALoad changes the value while a load that has read the old one is running.
func TestInvalidateOvertakesALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "old"}
		c := newAside(t, cache.AsideOptions{}, o.load)
		var before sync.WaitGroup
		before.Go(func() { wantValue(t, c, "old") }) // it began before the change
		synctest.Wait()

		time.Sleep(loadTime / 2)
		o.set("new", nil)
		began := time.Now()
		if err := c.Invalidate(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("Invalidate waited %v for the load", waited)
		}
		wantValue(t, c, "new") // the old load lands before this one
		before.Wait()
		wantValue(t, c, "new")
		o.wantLoads(t, 2)
	})
}

// TestInvalidateWaitsForACacheWrite changes the value while the old one is being written to the cache.
func TestInvalidateWaitsForACacheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "old"}
		store := &hooked{Store: openMemory(t), set: func() error { time.Sleep(time.Second); return nil }}
		c := cache.NewAside(store, cache.AsideOptions{Name: "test", TTL: time.Minute}, o.load)
		var before sync.WaitGroup
		before.Go(func() { wantValue(t, c, "old") })
		time.Sleep(loadTime + time.Second/2)

		o.set("new", nil)
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.Invalidate(impatient, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Invalidate = %v, want that it could not wait", err)
		}
		if err := c.Invalidate(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		wantValue(t, c, "new")
		before.Wait()
	})
}

// TestAsideNeverGoesBack has writers and readers race: a read that begins after an invalidation has returned must not
// return an older value.
func TestAsideNeverGoesBack(t *testing.T) {
	var truth atomic.Int64
	c := cache.NewAside(openMemory(t), cache.AsideOptions{Name: "test", TTL: time.Minute},
		func(context.Context, string) ([]byte, error) { return fmt.Append(nil, truth.Load()), nil })
	var all sync.WaitGroup
	var visible atomic.Int64 // the newest value whose invalidation has returned
	all.Go(func() {
		for range 2_000 {
			v := truth.Add(1)
			if err := c.Invalidate(t.Context(), "k"); err != nil {
				t.Error(err)
			}
			visible.Store(v)
		}
	})
	for range 4 {
		all.Go(func() {
			for visible.Load() < 2_000 {
				least := visible.Load()
				b, err := c.Get(t.Context(), "k")
				var got int64
				if _, scanErr := fmt.Sscan(string(b), &got); err != nil || scanErr != nil || got < least {
					t.Errorf("Get = %q, %v; want at least %d", b, err, least)
					return
				}
			}
		})
	}
	all.Wait()
}
