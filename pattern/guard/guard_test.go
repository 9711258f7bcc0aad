package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/guard"
	"agora/pattern/guard/guardtest"
	"agora/telemetry"
)

func TestLocal(t *testing.T) {
	guardtest.Limiter(t, guardtest.World{
		Test: synctest.Test,
		Open: func(_ *testing.T, perSecond float64, burst int) guard.Limiter {
			return guard.NewLocal(perSecond, burst, 1_000)
		},
		Advance: time.Sleep,
	})
}

func returns(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// hang waits for the end of its context, like a call to a part that does not answer.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func away(kind fault.Kind) error { return fault.New(kind, "", "gateway says "+kind.String()) }

func wantCode(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if !fault.Is(err, kind) || fault.CodeOf(err) != code {
		t.Errorf("Do = %v (%s, %s), want %s, %s", err, fault.KindOf(err), fault.CodeOf(err), kind, code)
	}
}

// wantFigures compares the metrics of the guard named "gateway", as `name{label="value"} figure` without that label.
func wantFigures(t *testing.T, m *telemetry.Metrics, want ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var got []string
	for line := range strings.Lines(w.Body.String()) {
		if name, rest, ok := strings.Cut(line, `{guard="gateway"`); ok {
			got = append(got, strings.TrimPrefix(name, "agora_guard_")+strings.NewReplacer(`,result="`, " ", `"}`, "", "}", "").Replace(strings.TrimSpace(rest)))
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("/metrics says %q, want %q", got, want)
	}
}

func TestTheZeroGuardOnlyCalls(t *testing.T) {
	g := guard.New(guard.Options{Name: "gateway"})
	declined := away(fault.Declined)
	if err := g.Do(t.Context(), returns(declined)); err != declined {
		t.Errorf("Do = %v, want the very error of the call", err)
	}
	if err := g.Do(t.Context(), returns(nil)); err != nil {
		t.Errorf("Do = %v", err)
	}
}

func TestTimeout(t *testing.T) {
	late := func(err error) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			return err
		}
	}
	for _, tt := range []struct {
		name string
		call func(context.Context) error
		want string // the code; "" for no error
	}{
		{"a call that ends with its context", hang, "timeout"},
		{"a driver's own error for that", late(errors.New("i/o timeout")), "timeout"},
		{"an answer that came late", late(away(fault.Conflict)), "conflict"},
		{"a success that came late", late(nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own := guard.New(guard.Options{Name: "gateway", Timeout: 2 * time.Second})
				wantAfterTwoSeconds(t.Context(), t, own, tt.call, tt.want)

				callers := guard.New(guard.Options{Name: "gateway", Timeout: time.Minute, Retries: 2})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				wantAfterTwoSeconds(ctx, t, callers, tt.call, tt.want)
			})
		})
	}
}

// wantAfterTwoSeconds wants an error of the code, or none if that is empty.
func wantAfterTwoSeconds(ctx context.Context, t *testing.T, g *guard.Guard, call func(context.Context) error, code string) {
	t.Helper()
	began := time.Now()
	err := g.Do(ctx, call)
	if took := time.Since(began); took != 2*time.Second {
		t.Errorf("Do took %v, want 2s", took)
	}
	if code == "" && err != nil || code != "" && fault.CodeOf(err) != code {
		t.Errorf("Do = %v, want the code %q", err, code)
	}
}

func TestBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := telemetry.NewMetrics()
		g := guard.New(guard.Options{Name: "gateway", MaxConcurrent: 2, MaxWait: time.Second, Metrics: m})
		work := func(d time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return nil }
		}
		var all sync.WaitGroup
		for _, d := range []time.Duration{1500 * time.Millisecond, 3 * time.Second} {
			all.Go(func() {
				if err := g.Do(t.Context(), work(d)); err != nil {
					t.Errorf("a call of %v: %v", d, err)
				}
			})
		}
		synctest.Wait()
		wantCode(t, g.Do(t.Context(), work(0)), fault.Unavailable, guard.CodeFull)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantCode(t, g.Do(ctx, work(0)), fault.Timeout, "timeout")
		if err := g.Do(t.Context(), work(0)); err != nil { // another call ends in time
			t.Errorf("Do = %v", err)
		}
		all.Wait()
		wantFigures(t, m, "calls_total full 1", "calls_total ok 3", "calls_total timeout 1")
	})
}

func TestBulkheadHoldsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 3
		g := guard.New(guard.Options{Name: "gateway", MaxConcurrent: places, MaxWait: time.Minute, Breaker: breaker})
		var now, calls atomic.Int32
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() {
				err := g.Do(t.Context(), func(context.Context) error {
					if n := now.Add(1); n > places {
						t.Errorf("%d calls at one time, want at most %d", n, places)
					}
					time.Sleep(time.Millisecond)
					now.Add(-1)
					calls.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := calls.Load(); n != 60 {
			t.Errorf("%d calls were made, want 60", n)
		}
	})
}

func TestRetry(t *testing.T) {
	failed := away(fault.Unavailable)
	for _, tt := range []struct {
		name     string
		results  []error // of the attempts, in order; the last one also of all further attempts
		attempts int
		want     error
	}{
		{"success needs none", []error{nil}, 1, nil},
		{"until success", []error{failed, away(fault.Timeout), nil}, 3, nil},
		{"until there are none left", []error{failed}, 4, failed},
		{"not after an answer", []error{failed, away(fault.Conflict)}, 2, away(fault.Conflict)},
		{"not after what nobody classified", []error{errors.New("bug")}, 1, errors.New("bug")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard.New(guard.Options{Name: "gateway", Retries: 3})
				attempts := 0
				err := g.Do(t.Context(), func(context.Context) error {
					attempts++
					return tt.results[min(attempts, len(tt.results))-1]
				})
				if attempts != tt.attempts || fmt.Sprint(err) != fmt.Sprint(tt.want) {
					t.Errorf("%d attempts gave %v, want %d and %v", attempts, err, tt.attempts, tt.want)
				}
			})
		})
	}
}

func TestBackoffDoublesWithJitterUpToABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, retries = 100 * time.Millisecond, 8
		g := guard.New(guard.Options{Name: "gateway", Retries: retries, Backoff: first})
		var at []time.Time
		wantCode(t, g.Do(t.Context(), func(context.Context) error {
			at = append(at, time.Now())
			return away(fault.Unavailable)
		}), fault.Unavailable, "unavailable")
		exact := 0
		for i := range retries {
			want, got := first<<min(i, 4), at[i+1].Sub(at[i])
			if got < want*3/4 || got > want*5/4 {
				t.Errorf("wait %d was %v, want %v ± 25 %%", i+1, got, want)
			}
			if got == want {
				exact++
			}
		}
		if exact == retries {
			t.Error("the waits have no jitter")
		}
	})
}

func TestRetriesEndWithTheCallersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{Name: "gateway", Retries: 5, Backoff: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		wantCode(t, g.Do(ctx, returns(away(fault.Unavailable))), fault.Timeout, "timeout")
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("Do took %v, want the 100ms that it was given", took)
		}
	})
}

func TestARefusalIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{Name: "gateway", Retries: 100, Breaker: breaker})
		attempts := 0
		wantCode(t, g.Do(t.Context(), func(context.Context) error {
			attempts++
			return away(fault.Unavailable)
		}), fault.Unavailable, guard.CodeOpen)
		if attempts != breaker.Calls {
			t.Errorf("%d attempts, want that they end when the breaker opens after %d", attempts, breaker.Calls)
		}
	})
}

func TestAPanicGivesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{Name: "gateway", MaxConcurrent: 1, Breaker: breaker, Retries: 1})
		panics := func() {
			defer func() {
				if p := recover(); p != "boom" {
					t.Errorf("recovered %v, want the panic of the call", p)
				}
			}()
			_ = g.Do(t.Context(), func(context.Context) error { panic("boom") })
		}
		for range breaker.Calls {
			panics()
		}
		wantCode(t, g.Do(t.Context(), returns(nil)), fault.Unavailable, guard.CodeOpen)
		time.Sleep(breaker.Open)
		for range 2 * breaker.Probes {
			if err := g.Do(t.Context(), returns(nil)); err != nil {
				t.Errorf("Do after the panics = %v", err)
			}
		}
	})
}

func TestAnInnerGuardsRefusalIsAFailureHere(t *testing.T) {
	m := telemetry.NewMetrics()
	inner := guard.New(guard.Options{Name: "engine", Breaker: guard.Breaker{Ratio: 1, Calls: 1}})
	outer := guard.New(guard.Options{Name: "gateway", Retries: 3, Metrics: m})
	call := func(ctx context.Context) error { return inner.Do(ctx, returns(away(fault.Internal))) }
	wantCode(t, outer.Do(t.Context(), call), fault.Internal, "internal")
	wantCode(t, outer.Do(t.Context(), call), fault.Unavailable, guard.CodeOpen)
	wantFigures(t, m, "calls_total failed 2")
}

func TestNewRefusesNonsense(t *testing.T) {
	for _, o := range []guard.Options{
		{Timeout: -1}, {MaxConcurrent: -1}, {MaxWait: -1}, {Retries: -1}, {Backoff: -1},
		{Breaker: guard.Breaker{Ratio: 1.1}}, {Breaker: guard.Breaker{Ratio: -1}}, {Breaker: guard.Breaker{Calls: -1}},
		{Breaker: guard.Breaker{Window: -1}}, {Breaker: guard.Breaker{Open: -1}}, {Breaker: guard.Breaker{Probes: -1}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", o)
				}
			}()
			guard.New(o)
		}()
	}
}

func BenchmarkDo(b *testing.B) {
	g := guard.New(guard.Options{Name: "gateway", Timeout: time.Second, MaxConcurrent: 100, Breaker: breaker, Metrics: telemetry.NewMetrics()})
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Do(b.Context(), returns(nil)); err != nil {
			b.Fatal(err)
		}
	}
}
