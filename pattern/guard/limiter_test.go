package guard

import (
	"fmt"
	"testing"
)

func TestLocalKnowsABoundedNumberOfKeys(t *testing.T) {
	const maxKeys = 1_000
	l := NewLocal(1, 1, maxKeys)
	for i := range 20 * maxKeys {
		if _, err := l.Allow(t.Context(), fmt.Sprint("192.0.2.", i)); err != nil {
			t.Fatal(err)
		}
	}
	l.buckets.CleanUp()
	if n := l.buckets.EstimatedSize(); n > maxKeys {
		t.Errorf("%d keys are known, want at most %d", n, maxKeys)
	}
}

// TestAFloodOfKeysDoesNotFreeTheGreedyOne has a client with many requests try to get a new burst by flooding the limiter
// with other keys, so that its own would be evicted.
func TestAFloodOfKeysDoesNotFreeTheGreedyOne(t *testing.T) {
	const maxKeys, requests = 1_000, 20_000
	l := NewLocal(0.001, 1, maxKeys)
	allowed := 0
	for i := range requests {
		greedy, err := l.Allow(t.Context(), "greedy")
		if err != nil {
			t.Fatal(err)
		}
		if greedy.OK {
			allowed++
		}
		if _, err := l.Allow(t.Context(), fmt.Sprint("192.0.2.", i)); err != nil {
			t.Fatal(err)
		}
	}
	if allowed > requests/100 {
		t.Errorf("%d of %d requests of one key were allowed during a flood of others, want hardly any", allowed, requests)
	}
}

func TestNewLocalRefusesNonsense(t *testing.T) {
	for _, tt := range []struct {
		perSecond      float64
		burst, maxKeys int
	}{{0, 1, 1}, {-1, 1, 1}, {1, 0, 1}, {1, 1, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", tt)
				}
			}()
			NewLocal(tt.perSecond, tt.burst, tt.maxKeys)
		}()
	}
}

func BenchmarkLocalAllow(b *testing.B) {
	l := NewLocal(1e9, 1e9, 100_000)
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprint("192.0.2.", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if d, err := l.Allow(b.Context(), keys[i%len(keys)]); err != nil || !d.OK {
				b.Errorf("Allow = %+v, %v", d, err)
			}
		}
	})
}
