package telemetry

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestMetricsAreServed(t *testing.T) {
	m := NewMetrics()
	m.Counter("agora_test_total", "Tests.", "result").Add(2, "ok")
	m.Counter("agora_test_total", "Tests.", "result").With("failed").Inc()
	m.Gauge("agora_test_depth", "Depth.").Set(7)
	m.Histogram("agora_test_seconds", "Time.", DurationBuckets, "route").With("/x").Observe(0.003)

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`agora_test_total{result="ok"} 2`, `agora_test_total{result="failed"} 1`, "agora_test_depth 7",
		`agora_test_seconds_bucket{route="/x",le="0.005"} 1`, "go_goroutines",
	} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("/metrics lacks %q", line)
		}
	}
	if v, ok := m.Value("agora_test_total"); !ok || v != 3 {
		t.Errorf("Value = %v, %v; want 3, true", v, ok)
	}
}

func TestZeroValuesDoNothing(t *testing.T) {
	Counter{}.Inc("a")
	Counter{}.With("a").Inc()
	Histogram{}.With("a").Observe(1)
	Gauge{}.Set(1, "a")
	Histogram{}.Observe(1, "a")
	ctx, span := Tracer{}.Start(t.Context(), "nothing")
	span.End(errors.New("ignored"))
	if ctx != t.Context() || TraceID(ctx) != "" {
		t.Error("the zero Tracer made a span")
	}
	var none *Metrics
	none.Counter("agora_none_total", "None.").Inc()
}

func TestTracerFollowsTheCallersTrace(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tracer := tracerWith(sdktrace.WithSpanProcessor(recorder), 0)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if ctx, _ := tracer.StartServer(r, "GET /", false); TraceID(ctx) == "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Error("a trace is followed though the caller is not trusted")
	}
	ctx, span := tracer.StartServer(r, "GET /", true)
	_, child := tracer.Start(ctx, "load", "key", "prd_1")
	child.End(errors.New("away"))
	span.End(nil)

	if got := TraceID(ctx); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("TraceID = %q", got)
	}
	ended := recorder.Ended()
	if len(ended) != 2 || ended[0].Name() != "load" || ended[0].Status().Description != "away" {
		t.Errorf("recorded %d spans, want the failed child and its parent", len(ended))
	}
}

func TestNewLoggerRefusesWhatItDoesNotKnow(t *testing.T) {
	var out bytes.Buffer
	log, _, err := NewLogger(&out, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("hidden")
	log.Warn("shown", "n", 1)
	if s := out.String(); strings.Contains(s, "hidden") || !strings.Contains(s, `"msg":"shown","n":1`) {
		t.Errorf("logged %q", s)
	}
	if _, _, err := NewLogger(&out, "xml", "info"); err == nil {
		t.Error("format xml is accepted")
	}
	if _, _, err := NewLogger(&out, "json", "loud"); err == nil {
		t.Error("level loud is accepted")
	}
}
