package cache_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/cache"
	"agora/telemetry"
)

// backing is a store whose operations take a second: a read returns the value at its begin, and a write takes effect
// after half of the second.
type backing struct {
	mu     sync.Mutex
	values map[string]string
	reads  int
	err    error // of writes, after they took effect
}

func newBacking() *backing { return &backing{values: map[string]string{}} }

func (b *backing) Get(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	b.reads++
	value, ok := b.values[key]
	b.mu.Unlock()
	time.Sleep(time.Second)
	if !ok {
		return nil, fault.ErrNotFound("session", key)
	}
	return []byte(value), nil
}

func (b *backing) write(change func()) error {
	time.Sleep(time.Second / 2)
	b.mu.Lock()
	change()
	err := b.err
	b.mu.Unlock()
	time.Sleep(time.Second / 2)
	return err
}

func (b *backing) Put(_ context.Context, key string, value []byte) error {
	return b.write(func() { b.values[key] = string(value) })
}

func (b *backing) Delete(_ context.Context, key string) error {
	return b.write(func() { delete(b.values, key) })
}

func newThrough(store cache.Store, b *backing, m *telemetry.Metrics) *cache.Through {
	return cache.NewThrough(store, cache.ThroughOptions{Name: "test", TTL: time.Minute, Metrics: m}, b)
}

func put(t *testing.T, c *cache.Through, value string) {
	t.Helper()
	if err := c.Put(t.Context(), "k", []byte(value)); err != nil {
		t.Errorf("Put: %v", err)
	}
}

func TestThroughWritesBothAndReadsNearFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := newBacking(), telemetry.NewMetrics()
		c := newThrough(openMemory(t), b, m)
		put(t, c, "v")
		wantValue(t, c, "v")
		if b.reads != 0 || b.values["k"] != "v" {
			t.Errorf("after Put and Get the backing store holds %v and was read %d times, want v and 0", b.values, b.reads)
		}
		time.Sleep(time.Minute)
		wantValue(t, c, "v")
		wantValue(t, c, "v")
		if b.reads != 1 {
			t.Errorf("after the TTL the backing store was read %d times by two reads, want 1", b.reads)
		}
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, c, fault.NotFound)
		wantResults(t, m, "hit 2", "miss 2")
	})
}

// TestADeletedSessionNeverComesBack starts a read, and a delete or a put, with each difference in time that changes the
// order of their steps, and reads again after both.
func TestADeletedSessionNeverComesBack(t *testing.T) {
	const step = time.Second / 4
	for _, tt := range []struct {
		name  string
		other func(ctx context.Context, c *cache.Through) error
	}{
		{"get", func(ctx context.Context, c *cache.Through) error { _, err := c.Get(ctx, "k"); return err }},
		{"put", func(ctx context.Context, c *cache.Through) error { return c.Put(ctx, "k", []byte("put")) }},
	} {
		for offset := -6 * step; offset <= 6*step; offset += step {
			synctest.Test(t, func(t *testing.T) {
				b := newBacking()
				b.values["k"] = "old"
				slow := &hooked{Store: openMemory(t), set: func() error { time.Sleep(step / 2); return nil }}
				c := newThrough(slow, b, nil)
				var all sync.WaitGroup
				all.Go(func() {
					time.Sleep(max(0, offset))
					if err := tt.other(t.Context(), c); err != nil && !fault.Is(err, fault.NotFound) {
						t.Errorf("%s: %v", tt.name, err)
					}
				})
				all.Go(func() {
					time.Sleep(max(0, -offset))
					if err := c.Delete(t.Context(), "k"); err != nil {
						t.Errorf("Delete: %v", err)
					}
				})
				all.Wait()
				stored, exists := b.values["k"]
				got, err := c.Get(t.Context(), "k")
				if exists != (err == nil) || string(got) != stored {
					t.Errorf("%s %v after the delete: the cache answers %q, %v; the backing store holds %q, %v",
						tt.name, offset, got, err, stored, exists)
				}
			})
		}
	}
}

func TestThroughFollowsTheLastOfManyWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacking()
		c := newThrough(openMemory(t), b, nil)
		var all sync.WaitGroup
		for _, v := range []string{"a", "b", "c", "d"} {
			all.Go(func() { put(t, c, v) })
		}
		all.Wait()
		wantValue(t, c, b.values["k"])
	})
}

func TestThroughAfterAWriteOfUnknownOutcome(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(ctx context.Context, c *cache.Through) error
		want  map[string]string
	}{
		{"put", func(ctx context.Context, c *cache.Through) error { return c.Put(ctx, "k", []byte("new")) }, map[string]string{"k": "new"}},
		{"delete", func(ctx context.Context, c *cache.Through) error { return c.Delete(ctx, "k") }, map[string]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBacking()
				c := newThrough(openMemory(t), b, nil)
				put(t, c, "old")
				b.err = fault.New(fault.Timeout, "", "no answer")
				if err := tt.write(t.Context(), c); !fault.Is(err, fault.Timeout) {
					t.Errorf("%s = %v, want the backing store's error", tt.name, err)
				}
				if !maps.Equal(b.values, tt.want) {
					t.Fatalf("the backing store holds %v, want %v", b.values, tt.want)
				}
				if v, ok := tt.want["k"]; ok {
					wantValue(t, c, v)
				} else {
					wantKind(t, c, fault.NotFound)
				}
			})
		})
	}
}

func TestThroughSaysWhenTheCacheIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := newBacking(), telemetry.NewMetrics()
		store := &hooked{Store: openMemory(t)}
		c := newThrough(store, b, m)
		put(t, c, "old")

		store.set = broken
		put(t, c, "new") // the key could be deleted from the cache instead
		wantValue(t, c, "new")

		store.del = broken
		for name, err := range map[string]error{
			"Put": c.Put(t.Context(), "k", []byte("newer")), "Delete": c.Delete(t.Context(), "k"),
		} {
			if !fault.Is(err, fault.Unavailable) || fault.CodeOf(err) != cache.CodeBehind || !errors.Is(err, errStore) {
				t.Errorf("%s = %v (%s), want the code %s", name, err, fault.CodeOf(err), cache.CodeBehind)
			}
		}

		store.get = broken
		wantKind(t, c, fault.NotFound)
		wantResults(t, m, "error 7", "miss 2")
	})
}

func TestThroughFinishesTheCacheStepOfACallerWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacking()
		c := newThrough(&endable{Store: openMemory(t)}, b, nil)
		put(t, c, "v")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := c.Delete(ctx, "k"); err != nil {
			t.Errorf("Delete = %v, want that it was finished", err)
		}
		wantKind(t, c, fault.NotFound)
	})
}

// endable is a store whose operations fail when their context has ended, like those over a network.
type endable struct{ cache.Store }

func (e *endable) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.Store.Delete(ctx, keys...)
}

func TestThroughWaitersCanLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacking()
		c := newThrough(openMemory(t), b, nil)
		var writer sync.WaitGroup
		writer.Go(func() { put(t, c, "v") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want the deadline's error", err)
		}
		if err := c.Put(ctx, "k", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put = %v, want the deadline's error", err)
		}
		writer.Wait()
		wantValue(t, c, "v")
	})
}
