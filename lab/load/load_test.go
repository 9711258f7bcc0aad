package load

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/lab/verify"
	"agora/shop"
)

func TestRequestsBeginWhenTheyAreMeantTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var came []time.Time
		at := serving(t, products(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			came = append(came, time.Now())
			mu.Unlock()
			time.Sleep(300 * time.Millisecond) // which must not delay those that come meanwhile
		}))
		report := measured(t, options(), at)
		if len(came) != 1000 || report.Trial.All.Latency.Count != 1000 {
			t.Fatalf("%d requests came and %d were measured, want 1000", len(came), report.Trial.All.Latency.Count)
		}
		for i, when := range came {
			if want := time.Duration(i) * 10 * time.Millisecond; when.Sub(came[0]).Round(time.Microsecond) != want {
				t.Fatalf("request %d began after %v, want %v", i, when.Sub(came[0]), want)
			}
		}
		if !report.Held || report.Trial.Generator.Queued != 0 || report.Trial.Generator.Late.Max != 0 {
			t.Errorf("held %v, %d queued, %v ms late; want a perfect trial", report.Held, report.Trial.Generator.Queued, report.Trial.Generator.Late.Max)
		}
		if got := report.Trial.All.Latency.P99; got < 299 || got > 301 {
			t.Errorf("p99 is %v ms, want 300", got)
		}
	})
}

// TestAStallIsSeenByEverybodyWhoCame is the difference to a closed loop, in which one request waits for the
// server and all the others that should have come do not even begin.
func TestAStallIsSeenByEverybodyWhoCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		at := serving(t, products(func(http.ResponseWriter, *http.Request) {
			if since := time.Since(begin); since > 2*time.Second && since < 3*time.Second {
				time.Sleep(3*time.Second - since)
			}
		}))
		o := options()
		o.Connections = 1
		all := measured(t, o, at).Trial.All
		if all.Latency.P99 < 850 || all.Latency.P99 > 950 {
			t.Errorf("p99 is %v ms, want about 900: a second of ten in which everybody waits up to a second", all.Latency.P99)
		}
		if all.Service.P99 > 1 {
			t.Errorf("p99 once sent is %v ms, want about 0: one request alone met the stall", all.Service.P99)
		}
	})
}

func TestTheWarmUpIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		at := serving(t, products(func(http.ResponseWriter, *http.Request) {
			if time.Since(begin) < 2*time.Second {
				time.Sleep(100 * time.Millisecond)
			}
		}))
		o := options()
		o.WarmUp = 4 * time.Second
		trial := measured(t, o, at).Trial
		if trial.All.Latency.Count != 1000 || trial.All.Latency.Max > 1 {
			t.Errorf("%d requests of up to %v ms were measured, want 1000 of 0", trial.All.Latency.Count, trial.All.Latency.Max)
		}
		if first := trial.Intervals[0]; first.Max < 99 || first.Intended >= 50 {
			t.Errorf("the first interval is %+v, want slow answers at a low rate", first)
		}
	})
}

func TestFailuresAreCountedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var mu sync.Mutex
		at := serving(t, products(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			n++
			turn := n % 4
			mu.Unlock()
			switch turn {
			case 0:
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = w.Write([]byte(`{"code":"rate_limited"}`))
			case 1:
				<-r.Context().Done()
			case 2:
				panic(http.ErrAbortHandler)
			}
		}))
		o := options()
		o.Connections = 1000
		report := measured(t, o, at)
		want := map[string]int64{"429 rate_limited": 250, "timeout": 250, "connection lost": 250}
		if got := report.Trial.All.Errors; !maps.Equal(got, want) {
			t.Errorf("errors %v, want %v", got, want)
		}
		if report.Held {
			t.Error("a load with errors was held")
		}
		if !strings.Contains(strings.Join(report.Warnings, "\n"), "rate limit") {
			t.Errorf("warnings %q do not speak of the rate limit", report.Warnings)
		}
	})
}

// TestAnOverloadEnds gives a server a hundred times what it can do.
func TestAnOverloadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := serving(t, products(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
		}))
		o := options()
		o.Connections = 1
		trial := measured(t, o, at).Trial
		if late := trial.All.Errors["not sent in time"]; late == 0 || trial.All.Total() != 1000 || trial.TookSeconds > 15 {
			t.Errorf("%d requests were not sent and %d are accounted for in %v s, want some, 1000, and at most 15 s",
				late, trial.All.Total(), trial.TookSeconds)
		}
	})
}

func TestAnInterruptEndsWithAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := serving(t, products(func(http.ResponseWriter, *http.Request) {}))
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		report, err := run(ctx, options(), at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := report.Trial.All.Total(); n < 245 || n > 255 || report.Trial.Ended != "interrupted" || report.Held {
			t.Errorf("%d requests, ended %q, held %v; want 250, interrupted", n, report.Trial.Ended, report.Held)
		}
	})
}

func TestFindTheHighestRate(t *testing.T) {
	const capacity = 400.0 // a second, one after the other
	synctest.Test(t, func(t *testing.T) {
		turn := make(chan struct{}, 1)
		at := serving(t, products(func(http.ResponseWriter, *http.Request) {
			turn <- struct{}{}
			time.Sleep(time.Second / capacity)
			<-turn
		}))
		o := options()
		o.Find, o.Connections = true, 256
		o.Goals = []Goal{{Figure: "p99", Limit: 25 * time.Millisecond}}
		report := measured(t, o, at)
		if rate := report.Trial.Rate; !report.Held || rate < capacity/1.1 || rate > capacity*1.02 {
			t.Errorf("held %v at %v/s after %+v, want about %v/s", report.Held, rate, report.Steps, capacity)
		}
	})
}

// verified reads a history and holds it against the marketplace.
func (m *market) verified(t *testing.T, written *bytes.Buffer) []verify.Operation {
	t.Helper()
	history, err := verify.ReadHistory(written)
	if err != nil {
		t.Fatal(err)
	}
	found, err := verify.Check(t.Context(), history, m.orders)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := found.Print(&text); err != nil {
		t.Fatal(err)
	}
	if !found.OK() {
		t.Error("\n" + text.String())
	}
	return history
}

func count(history []verify.Operation, kind verify.Kind, outcome verify.Outcome) int64 {
	var n int64
	for _, op := range history {
		if op.Kind == kind && op.Output.Outcome == outcome {
			n++
		}
	}
	return n
}

func TestTheHistoryIsThatOfTheShop(t *testing.T) {
	for name, restock := range map[string]bool{"as it is": false, "restocked": true} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, shop.SimulatedOptions{Decline: 0.1, Latency: time.Millisecond})
			var history bytes.Buffer
			o := m.recorded(&history)
			o.Mix, o.Rate, o.Restock, o.Hot = map[Kind]float64{View: 1, Order: 4, Search: 0.2, Orders: 0.2}, 1500, restock, 0.9
			trial := measured(t, o, serving(t, m.handler)).Trial
			told := m.verified(t, &history)
			outcomes := trial.Kinds[Order].Outcomes
			for outcome, name := range map[verify.Outcome]string{
				verify.OK: "confirmed", verify.Cancelled: "declined", verify.Short: "out of stock",
			} {
				if got := count(told, verify.Place, outcome); got != outcomes[name] {
					t.Errorf("the history has %d orders that were %s, and the report %d", got, name, outcomes[name])
				}
			}
			if outcomes["declined"] == 0 || (outcomes["out of stock"] == 0) != restock {
				t.Errorf("orders were %v; want some declined, and some out of stock only if nothing is filled up", outcomes)
			}
			if restocks := count(told, verify.Restock, verify.OK); (restocks > 0) != restock {
				t.Errorf("%d restocks", restocks)
			}
			if trial.All.Failed() > 0 || len(trial.Kinds) != 4 {
				t.Errorf("errors %v in %d kinds of requests, want none in 4", trial.All.Errors, len(trial.Kinds))
			}
		})
	}
}

// recorded are options for a trial that writes a history. It runs in real time: the history tells what came
// first by the clock, which stands still within a bubble.
func (m *market) recorded(history *bytes.Buffer) Options {
	o := m.options()
	o.History, o.Mix, o.Rate, o.Duration, o.Timeout = history, map[Kind]float64{Order: 1}, 500, time.Second, time.Minute
	return o
}

// losing is a handler that does what it is asked for, and loses every twentieth answer to an order that it
// hears of for the first time.
func (m *market) losing() http.Handler {
	var mu sync.Mutex
	heard := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.handler.ServeHTTP(w, r)
		key := r.Header.Get("Idempotency-Key")
		mu.Lock()
		defer mu.Unlock()
		if key != "" && !heard[key] {
			heard[key] = true
			if len(heard)%20 == 0 {
				panic(http.ErrAbortHandler)
			}
		}
	})
}

func TestRetriesMakeOneOrder(t *testing.T) {
	m := newMarket(t, shop.SimulatedOptions{})
	var history bytes.Buffer
	o := m.recorded(&history)
	o.Retry, o.Restock = true, true
	all := measured(t, o, serving(t, m.losing())).Trial.All
	if n := count(m.verified(t, &history), verify.Place, verify.OK); n != 500 || all.Failed() > 0 {
		t.Errorf("%d of 500 orders are confirmed, with errors %v", n, all.Errors)
	}
}

// TestALostAnswerIsUnknown is the same without retries: what nobody knows does not make the history wrong.
func TestALostAnswerIsUnknown(t *testing.T) {
	m := newMarket(t, shop.SimulatedOptions{})
	var history bytes.Buffer
	o := m.recorded(&history)
	o.Rate = 40
	lost := measured(t, o, serving(t, m.losing())).Trial.All.Errors["connection lost"]
	if n := count(m.verified(t, &history), verify.Place, verify.Unknown); lost != 2 || n != lost {
		t.Errorf("%d answers were lost and %d are unknown to the history, want 2", lost, n)
	}
}

// TestTheReportHasItsForm holds the names that programs read, not the values.
func TestTheReportHasItsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t, shop.SimulatedOptions{})
		o := m.options()
		o.Goals = []Goal{{Kind: Order, Figure: "p99.9", Limit: time.Second}}
		report := measured(t, o, serving(t, m.handler))
		var written bytes.Buffer
		if err := report.WriteJSON(&written); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"url", "started", "held", "warnings", "traffic.mix.view", "traffic.goals", "traffic.seed", "traffic.connections",
			"trial.rate", "trial.duration_s", "trial.took_s", "trial.held", "trial.verdicts.goal", "trial.verdicts.got", "trial.verdicts.held",
			"trial.all.rate", "trial.all.latency.p50_ms", "trial.all.latency.p99_ms", "trial.all.latency.p999_ms", "trial.all.latency.max_ms",
			"trial.all.service.p99_ms", "trial.all.outcomes.confirmed", "trial.all.errors", "trial.kinds.order.latency.p99_ms",
			"trial.intervals.at_s", "trial.intervals.intended_rate", "trial.intervals.answered_rate", "trial.intervals.kind_p99_ms.view",
			"trial.distribution.share", "trial.distribution.ms", "trial.generator.late.p99_ms", "trial.generator.queued",
			"trial.generator.cpu_share", "trial.generator.cpu_us_request", "trial.server.caches.products.hit_ratio", "trial.server.cpu_cores",
		} {
			if got := namesIn(t, written.Bytes()); !slices.Contains(got, want) {
				t.Errorf("the report lacks %s; it has %v", want, got)
			}
		}
		var page bytes.Buffer
		if err := report.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(page.String(), `role="img"`); n != 4 {
			t.Errorf("the page has %d plots, want 4", n)
		}
		if outside := regexp.MustCompile(`(?i)<script|<link|src=|url\(|NaN|Inf`).FindString(page.String()); outside != "" {
			t.Errorf("the page has %q", outside)
		}
	})
}

// namesIn returns the paths of everything in a JSON text, without the places in lists.
func namesIn(t *testing.T, text []byte) []string {
	t.Helper()
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		names[strings.TrimPrefix(path, ".")] = true
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				walk(path+"."+name, inner)
			}
		case []any:
			for _, inner := range value {
				walk(path, inner)
			}
		}
	}
	walk("", document)
	return slices.Sorted(maps.Keys(names))
}
