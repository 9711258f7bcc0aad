package load

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestTheScheduleIsARampAndThenEven(t *testing.T) {
	s := schedule{rate: 1000, warmUp: 2 * time.Second, duration: 3 * time.Second}
	if got := s.arrivals(); got != 4000 {
		t.Errorf("%d arrivals, want 1000 in the warm-up and 3000 after it", got)
	}
	for arrival, want := range map[int64]time.Duration{
		0: 0, 250: time.Second, 1000: 2 * time.Second, 1001: 2001 * time.Millisecond, 3999: 4999 * time.Millisecond,
	} {
		if got := s.at(arrival); got.Round(time.Microsecond) != want {
			t.Errorf("arrival %d is at %v, want %v", arrival, got, want)
		}
	}
	for after, want := range map[time.Duration]int64{0: 0, time.Second: 250, 2 * time.Second: 1000, 4 * time.Second: 3000, time.Hour: 4000} {
		if got := s.due(after); got != want {
			t.Errorf("%d arrivals are due after %v, want %v", got, after, want)
		}
	}
	if s.measured(999) || !s.measured(1000) {
		t.Error("what is measured does not begin with arrival 1000")
	}
	if got := (schedule{rate: 10, duration: time.Second}).at(5); got != 500*time.Millisecond {
		t.Errorf("without a warm-up arrival 5 is at %v, want 500ms", got)
	}
}

func TestTheMixIsThatOfTheWeights(t *testing.T) {
	const n = 20_000
	arrivals := NewArrivals(0, n, 5, Mix{visit: 3, stay: 1}, visits{}.Kinds())
	counts := map[Kind]int{}
	for kind := range arrivals.Draws() {
		counts[kind]++
	}
	for kind, want := range map[Kind]float64{visit: .75, stay: .25} {
		if got := float64(counts[kind]) / n; math.Abs(got-want) > .02 {
			t.Errorf("%s has a share of %.3f, want %.3f", kind, got, want)
		}
	}
}

func TestAnArrivalIsDrawnFromItsNumberAlone(t *testing.T) {
	mix, kinds := Mix{visit: 1, stay: 1}, visits{}.Kinds()
	all := NewArrivals(0, 100, 5, mix, kinds)
	var drawn []float64
	for _, random := range all.Draws() {
		drawn = append(drawn, random.Float64())
	}
	late, n := NewArrivals(60, 40, 5, mix, kinds), 60
	for _, random := range late.Draws() {
		if got := random.Float64(); got != drawn[n] {
			t.Fatalf("arrival %d draws %v and then %v", n, drawn[n], got)
		}
		n++
	}
	for _, random := range NewArrivals(0, 1, 6, mix, kinds).Draws() {
		if random.Float64() == drawn[0] {
			t.Error("another seed draws the same")
		}
	}
}

func TestFractionsAreDividedTheSameInEachRun(t *testing.T) {
	mix, kinds := Mix{"a": .1, "b": .2, "c": .3}, []Kind{"a", "b", "c"}
	want := mix.shares(kinds)
	for range 200 {
		if got := mix.shares(kinds); !slices.Equal(got, want) {
			t.Fatalf("shares %v and then %v", want, got)
		}
	}
}
