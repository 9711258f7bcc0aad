package cache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/cache"
	"agora/pattern/cache/cachetest"
)

func openMemory(t testing.TB) cache.Store {
	m := cache.NewMemory(64 << 20)
	t.Cleanup(m.Close)
	return m
}

func TestMemory(t *testing.T) {
	cachetest.Run(t, cachetest.World{
		Test:    synctest.Test,
		Open:    func(t *testing.T) cache.Store { return openMemory(t) },
		Advance: time.Sleep,
	})
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxBytes, size, sets = 1 << 20, 4 << 10, 2_000
		m := cache.NewMemory(maxBytes)
		defer m.Close()
		for i := range sets {
			if err := m.Set(t.Context(), fmt.Sprint("key ", i), make([]byte, size), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // eviction runs concurrently with the writes
		kept := 0
		for i := range sets {
			if _, ok, _ := m.Get(t.Context(), fmt.Sprint("key ", i)); ok {
				kept++
			}
		}
		if kept == 0 || kept*size > maxBytes {
			t.Errorf("%d values of %d bytes are kept, want some and at most %d bytes", kept, size, maxBytes)
		}
	})
}
