package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTheOrderOfAFileIsThatOfTheLogAtOneTime sorts short and long spans of time, with repeats.
func TestTheOrderOfAFileIsThatOfTheLogAtOneTime(t *testing.T) {
	for _, span := range []int64{1, 10, 1 << 40, 1 << 44, 1 << 60} {
		rng := rand.New(rand.NewPCG(uint64(span), 1))
		var list []rowRef
		for i := range 1000 {
			list = append(list, rowRef{time: Micros(rng.Int64N(span) - span/2), batch: int32(i / 100), row: int32(i % 100)})
		}
		list = append(list, rowRef{time: Micros(-span), batch: 10}, rowRef{time: Micros(span), batch: 11})
		want := slices.SortedStableFunc(slices.Values(list), func(a, b rowRef) int { return int(min(1, max(-1, a.time-b.time))) })
		got := make([]rowRef, len(list))
		if sortByTime(list, got); !slices.Equal(got, want) {
			t.Errorf("a span of %d is in another order", span)
		}
	}
}
