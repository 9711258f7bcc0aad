package load

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"agora/fault"
	"agora/lab/load/loadtest"
)

const (
	visit Kind = "visit"
	stay  Kind = "stay"
)

// visits is the least scenario: every request asks for one page.
type visits struct{ opened *Arrivals }

func (visits) Kinds() []Kind { return []Kind{visit, stay} }

func (visits) Times() []Kind { return nil }

func (visits) ServerMetrics() []Metric {
	return []Metric{
		{Name: "visitor_age_years", Title: "age of a visitor, mean", Unit: "years", Series: "visitor_age", Type: Histogram},
		{Name: "guests_lost", Title: "guests lost", Series: "guests_lost_total", Type: Counter, Label: "on"},
	}
}

func (visits) Validate(c *fault.Collector, o Options) {
	c.Check(o.Seed != 13, "seed", "is 13")
}

func (v visits) Prepare(context.Context, Run) (Traffic, error) { return v, nil }

func (visits) Warnings(Trial) []string { return []string{"nobody stays"} }

func (visits) Describe(settings Settings) (fields any, text string) {
	return struct {
		Pages int `json:"pages"`
		Settings
	}{1, settings}, "1 page"
}

func (v visits) Open(_ context.Context, arrivals Arrivals) error {
	if v.opened != nil {
		*v.opened = arrivals
	}
	return nil
}

func (visits) Watch(ctx context.Context) { <-ctx.Done() }

func (visits) Close(context.Context) error { return nil }
func (visits) End(context.Context) error   { return nil }

func (visits) Customer(connection *Connection) Customer { return visitor{connection} }

type visitor struct{ *Connection }

func (visitor) Draw(Kind, *rand.Rand) {}

func (v visitor) Ask(ctx context.Context, _ int64, deadline time.Time) (outcome, failure string) {
	v.Get("/page", "")
	return v.Expect(ctx, "seen", deadline)
}

// options are a small load of 100 requests a second for 10 seconds.
func options() Options {
	return Options{
		Scenario: visits{}, URL: "http://site", Token: "token", Rate: 100, Duration: 10 * time.Second, Mix: Mix{visit: 1},
		Connections: 64, Timeout: 5 * time.Second, Seed: 1, Step: 2 * time.Second,
	}
}

// siteOf serves the page, and no metrics.
func siteOf(serve http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", http.NotFound)
	mux.HandleFunc("GET /page", serve)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "lost") })
	return mux
}

// measured runs a load against a server within the test.
func measured(t *testing.T, o Options, server http.Handler) Report {
	t.Helper()
	o.Dial = loadtest.Serve(t, server)
	report, err := Start(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
