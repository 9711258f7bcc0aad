package load

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/lab/load/loadtest"
)

func TestRequestsBeginWhenTheyAreMeantTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var came []time.Time
		site := siteOf(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			came = append(came, time.Now())
			mu.Unlock()
			time.Sleep(300 * time.Millisecond) // which must not delay those that come meanwhile
		})
		report := measured(t, options(), site)
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
		site := siteOf(func(http.ResponseWriter, *http.Request) {
			if since := time.Since(begin); since > 2*time.Second && since < 3*time.Second {
				time.Sleep(3*time.Second - since)
			}
		})
		o := options()
		o.Connections = 1
		all := measured(t, o, site).Trial.All
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
		site := siteOf(func(http.ResponseWriter, *http.Request) {
			if time.Since(begin) < 2*time.Second {
				time.Sleep(100 * time.Millisecond)
			}
		})
		o := options()
		o.WarmUp = 4 * time.Second
		trial := measured(t, o, site).Trial
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
		site := siteOf(func(w http.ResponseWriter, r *http.Request) {
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
		})
		o := options()
		o.Connections = 1000
		report := measured(t, o, site)
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
		site := siteOf(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
		})
		o := options()
		o.Connections = 1
		trial := measured(t, o, site).Trial
		if late := trial.All.Errors["not sent in time"]; late == 0 || trial.All.Total() != 1000 || trial.TookSeconds > 15 {
			t.Errorf("%d requests were not sent and %d are accounted for in %v s, want some, 1000, and at most 15 s",
				late, trial.All.Total(), trial.TookSeconds)
		}
	})
}

func TestAnInterruptEndsWithAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := siteOf(func(http.ResponseWriter, *http.Request) {})
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		o := options()
		o.Dial = loadtest.Serve(t, site)
		report, err := Start(ctx, o, nil)
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
		site := siteOf(func(http.ResponseWriter, *http.Request) {
			turn <- struct{}{}
			time.Sleep(time.Second / capacity)
			<-turn
		})
		o := options()
		o.Find, o.Connections = true, 256
		o.Goals = []Goal{{Figure: "p99", Limit: 25 * time.Millisecond}}
		report := measured(t, o, site)
		if rate := report.Trial.Rate; !report.Held || rate < capacity/1.1 || rate > capacity*1.02 {
			t.Errorf("held %v at %v/s after %+v, want about %v/s", report.Held, rate, report.Steps, capacity)
		}
	})
}

// TestAScenarioSaysWhatItSent runs a scenario whose description and warnings are its own.
func TestAScenarioSaysWhatItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened Arrivals
		o := options()
		o.Scenario, o.WarmUp, o.Mix = visits{&opened}, 2*time.Second, Mix{visit: 3, stay: 1}
		o.Goals = []Goal{{Kind: stay, Figure: "p99", Limit: time.Second}}
		report := measured(t, o, siteOf(func(http.ResponseWriter, *http.Request) {}))
		if opened.First != 0 || opened.Count != 1100 {
			t.Errorf("the trial was opened for %d arrivals from %d on, want 1100 from 0", opened.Count, opened.First)
		}
		asked := map[Kind]int64{}
		for kind := range opened.Draws() {
			asked[kind]++
		}
		if got := report.Trial.Kinds[stay].Total(); asked[visit]+asked[stay] != 1100 || got < 200 || got > asked[stay] {
			t.Errorf("%v were announced and %d stayed", asked, got)
		}
		if len(report.Warnings) == 0 || report.Warnings[len(report.Warnings)-1] != "nobody stays" {
			t.Errorf("warnings %q lack that of the scenario", report.Warnings)
		}
		var text, site bytes.Buffer
		if err := report.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"pages": 1`, `"connections": 64`, `"stay.p99<1s"`} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("the report lacks %s", want)
			}
		}
		if err := report.WriteHTML(&site); err != nil {
			t.Fatal(err)
		}
		if want := "3 visit : 1 stay against http://site"; !strings.Contains(site.String(), want) || !strings.Contains(site.String(), "1 page,") {
			t.Errorf("the page lacks %q or %q", want, "1 page,")
		}
	})
}
