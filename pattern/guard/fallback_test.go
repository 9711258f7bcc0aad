package guard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/guard"
	"agora/pattern/guard/guardtest"
	"agora/telemetry"
)

// shared is a limiter that can fail.
type shared struct {
	guard.Limiter
	away bool
}

func (s *shared) Allow(ctx context.Context, key string) (guard.Decision, error) {
	if s.away {
		return guard.Decision{}, away(fault.Unavailable)
	}
	return s.Limiter.Allow(ctx, key)
}

func TestFallback(t *testing.T) {
	for _, away := range []bool{false, true} {
		guardtest.Limiter(t, guardtest.World{
			Test: synctest.Test,
			Open: func(_ *testing.T, perSecond float64, burst int) guard.Limiter {
				local := func() guard.Limiter { return guard.NewLocal(perSecond, burst, 1_000) }
				return guard.NewFallback(&shared{local(), away}, local(), guard.FallbackOptions{Name: "test"})
			},
			Advance: time.Sleep,
		})
	}
}

func TestFallbackCountsWhatItDecidesAlone(t *testing.T) {
	m := telemetry.NewMetrics()
	far := &shared{Limiter: guard.NewLocal(0.01, 1, 10)}
	f := guard.NewFallback(far, guard.NewLocal(0.01, 2, 10), guard.FallbackOptions{Name: "test", Metrics: m})
	var allowed []bool
	for i := range 6 {
		far.away = i == 2 || i == 3 || i == 4
		d, err := f.Allow(t.Context(), "key")
		if err != nil {
			t.Fatal(err)
		}
		allowed = append(allowed, d.OK)
	}
	for i, want := range []bool{true, false, true, true, false, false} {
		if allowed[i] != want {
			t.Errorf("request %d is allowed: %v, want %v", i, allowed[i], want)
		}
	}
	if n, _ := m.Value("agora_limiter_fallback_total"); n != 3 {
		t.Errorf("%v requests are counted, want 3", n)
	}
}
