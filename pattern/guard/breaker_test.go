package guard_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/guard"
	"agora/telemetry"
)

var breaker = guard.Breaker{Ratio: 0.5, Calls: 4, Window: 10 * time.Second, Open: 5 * time.Second, Probes: 2}

func TestBreakerIgnoresAnswers(t *testing.T) {
	for _, kind := range []fault.Kind{
		fault.Invalid, fault.Unauthenticated, fault.Denied, fault.NotFound, fault.Conflict, fault.Stale,
		fault.Declined, fault.TooLarge, fault.Exhausted,
	} {
		g := guard.New(guard.Options{Name: "gateway", Breaker: breaker})
		answer := fmt.Errorf("charge: %w", away(kind))
		for range 50 {
			if err := g.Do(t.Context(), returns(answer)); err != answer {
				t.Fatalf("%s: Do = %v, want the call's own error", kind, err)
			}
		}
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	for _, failure := range []error{
		away(fault.Unavailable), away(fault.Timeout), away(fault.Internal), errors.New("connection reset"),
	} {
		synctest.Test(t, func(t *testing.T) {
			m := telemetry.NewMetrics()
			g := guard.New(guard.Options{Name: "gateway", Breaker: breaker, Metrics: m})
			wantFigures(t, m, "breaker_state 0")
			for range breaker.Calls {
				if err := g.Do(t.Context(), returns(failure)); !errors.Is(err, failure) {
					t.Fatalf("Do = %v, want %v", err, failure)
				}
			}
			wantRefused := func(retryAfter time.Duration) {
				t.Helper()
				err := g.Do(t.Context(), func(context.Context) error { t.Error("called although open"); return nil })
				wantCode(t, err, fault.Unavailable, guard.CodeOpen)
				if e, ok := errors.AsType[*fault.Error](err); ok && e.RetryAfter != retryAfter {
					t.Errorf("RetryAfter = %v, want %v", e.RetryAfter, retryAfter)
				}
			}
			wantRefused(breaker.Open)
			time.Sleep(2 * time.Second)
			wantRefused(breaker.Open - 2*time.Second)

			time.Sleep(breaker.Open - 2*time.Second)
			if err := g.Do(t.Context(), returns(failure)); !errors.Is(err, failure) {
				t.Errorf("the probe = %v, want %v", err, failure)
			}
			wantRefused(breaker.Open)

			time.Sleep(breaker.Open)
			if err := g.Do(t.Context(), returns(nil)); err != nil {
				t.Errorf("the first probe = %v", err)
			}
			if err := g.Do(t.Context(), returns(nil)); err != nil {
				t.Errorf("the second probe = %v", err)
			}
			for range breaker.Calls - 1 { // closed, with an empty window
				if err := g.Do(t.Context(), returns(failure)); !errors.Is(err, failure) {
					t.Errorf("Do = %v, want %v", err, failure)
				}
			}
		})
	}
}

func TestBreakerLetsNoMoreThanItsProbesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		g := guard.New(guard.Options{Name: "gateway", Breaker: breaker, Timeout: time.Second, Metrics: m})
		for range breaker.Calls {
			wantCode(t, g.Do(t.Context(), hang), fault.Timeout, "timeout")
		}
		wantFigures(t, m, "breaker_state 2", "calls_total timeout 4")
		time.Sleep(breaker.Open)
		var made atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_ = g.Do(t.Context(), func(context.Context) error {
					made.Add(1)
					time.Sleep(time.Second / 2)
					return nil
				})
			})
		}
		synctest.Wait()
		wantFigures(t, m, "breaker_state 1", "calls_total open 8", "calls_total timeout 4")
		all.Wait()
		if n := made.Load(); n != int32(breaker.Probes) {
			t.Errorf("%d probes at one time, want %d", n, breaker.Probes)
		}
		wantFigures(t, m, "breaker_state 0", "calls_total ok 2", "calls_total open 8", "calls_total timeout 4")
	})
}

func TestBreakerStaysClosedBelowItsRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{Name: "gateway", Breaker: breaker})
		failure := away(fault.Unavailable)
		for i := range 60 {
			var err error
			if i%3 == 2 {
				err = failure
			}
			if got := g.Do(t.Context(), returns(err)); !errors.Is(got, err) {
				t.Fatalf("call %d: Do = %v, want %v", i, got, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestBreakerIsNotOpenedByCallersWhoCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		g := guard.New(guard.Options{Name: "gateway", Breaker: breaker, Metrics: m})
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			wantCode(t, g.Do(ctx, hang), fault.Timeout, "timeout")
		}
		wantFigures(t, m, "breaker_state 0", "calls_total cancelled 20")
		for range breaker.Calls { // while calls that exceed deadlines are failures
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			wantCode(t, g.Do(ctx, hang), fault.Timeout, "timeout")
			cancel()
		}
		wantCode(t, g.Do(t.Context(), hang), fault.Unavailable, guard.CodeOpen)
	})
}
