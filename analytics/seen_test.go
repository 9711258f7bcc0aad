package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTheHashIsSipHash compares with what Python 3.11 returns for hash(bytes) under PYTHONHASHSEED=0, which is
// SipHash-1-3 with a key of zeros.
func TestTheHashIsSipHash(t *testing.T) {
	for text, want := range map[string]uint64{
		"a": 0x407448d2b89b1813, "abcdefgh": 0x3f7b849c0b8e35ea, "agora-0123456789": 0xe7d91c3817ab288d,
	} {
		if got := new(Key).sip().sum([]byte(text)); got != want {
			t.Errorf("the hash of %q is %x, want %x", text, got, want)
		}
	}
}

// TestTheTableIsASetOfGenerations compares the table with one map a generation.
func TestTheTableIsASetOfGenerations(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := newSeen()
		generations := []map[uint64]bool{{}}
		clustered := rng.IntN(2) == 0
		for range 600 {
			marks := make([]uint64, 1+rng.IntN(100))
			for i := range marks {
				marks[i] = uint64(rng.IntN(30_000)) * 0x9e3779b97f4a7c15
				if clustered {
					marks[i] = uint64(rng.IntN(300)) // all in the first buckets
				}
			}
			known := make([]uint64, (len(marks)+63)/64)
			table.add(marks, known)
			now := generations[len(generations)-1]
			for i, mark := range marks {
				want := slices.ContainsFunc(generations, func(g map[uint64]bool) bool { return g[mark] })
				if got := known[i/64]>>(i%64)&1 == 1; got != want {
					t.Fatalf("seed %d: %x is known: %t, want %t", seed, mark, got, want)
				}
				now[mark] = true
			}
			if table.fresh != len(now) {
				t.Fatalf("seed %d: %d fresh, want %d", seed, table.fresh, len(now))
			}
			if rng.IntN(2) == 0 {
				table.begin()
				generations = append(generations, map[uint64]bool{})
				generations = generations[max(0, len(generations)-liveGenerations):]
			}
		}
		if live := len(table.buckets) * bucketSlots; table.used > live {
			t.Errorf("seed %d: %d of %d slots are used", seed, table.used, live)
		}
	}
}
