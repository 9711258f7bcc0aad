package shop

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/lab/load"
	"agora/shop"
)

// TestTheReportHasItsForm holds the names that programs read, not the values.
func TestTheReportHasItsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t, shop.SimulatedOptions{})
		o := m.options()
		o.Goals = []load.Goal{{Kind: Order, Figure: "p99.9", Limit: time.Second}}
		report := measured(t, o, m.handler)
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
			"trial.server.memory_bytes", "trial.server.inventory_sync_lag_seconds", "trial.server.orders_failed",
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

// TestTheReportShowsTheMetricsOfTheShop holds the names of the metrics against a shop.
func TestTheReportShowsTheMetricsOfTheShop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t, shop.SimulatedOptions{Decline: 0.2})
		trial := measured(t, m.options(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/metrics" {
				m.syncInventory(r.Context(), t)
			}
			m.handler.ServeHTTP(w, r)
		})).Trial
		lag, failed := trial.Server.Figures[0], trial.Server.Figures[1]
		if lag.Values[""] <= 0 || lag.Values[""] >= trial.TookSeconds {
			t.Errorf("the inventory lagged by %v s on average, want a part of the %v s of the trial", lag.Values[""], trial.TookSeconds)
		}
		declined := trial.Kinds[Order].Outcomes["declined"]
		if got := failed.Values["payment_declined"]; got != float64(declined) || declined == 0 {
			t.Errorf("the shop declined %v orders, and customers saw %d", got, declined)
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
