// Package telemetry provides Prometheus metrics, OpenTelemetry traces and structured logs, and is the only importer of their
// libraries. There is no global registry, tracer or logger: they are passed to where they are used. The zero Tracer and a nil
// *Metrics do nothing. Each package declares its own metrics.
package telemetry

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a registry of Prometheus metrics. Declaring a name again with the same labels returns the same metric; with
// other labels it panics, because that is a bug.
type Metrics struct{ registry *prometheus.Registry }

// NewMetrics returns a registry that holds the Go runtime's and the process's own metrics.
func NewMetrics() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Metrics{registry: r}
}

// Handler serves the registry in the Prometheus exposition formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// register adds a collector, or returns the registered one of the same name and labels.
func register[C prometheus.Collector](m *Metrics, c C) C {
	if m == nil {
		return c
	}
	if err := m.registry.Register(c); err != nil {
		if dup, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			if same, ok := dup.ExistingCollector.(C); ok {
				return same
			}
		}
		panic("telemetry: " + err.Error())
	}
	return c
}

// Counter is a number that only grows. The zero Counter does nothing.
type Counter struct {
	vec *prometheus.CounterVec
	one prometheus.Counter // set when all labels have their values
}

// Counter declares a counter with the names of its labels.
func (m *Metrics) Counter(name, help string, labels ...string) Counter {
	return Counter{vec: register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))}
}

// With returns the counter for the values of all labels, for hot paths: the values are looked up once.
func (c Counter) With(values ...string) Counter {
	if c.vec == nil {
		return c
	}
	return Counter{one: c.vec.WithLabelValues(values...)}
}

// Inc adds one for the values of the labels.
func (c Counter) Inc(values ...string) { c.Add(1, values...) }

// Add adds n, which must not be negative, for the values of the labels.
func (c Counter) Add(n float64, values ...string) {
	switch {
	case c.one != nil:
		c.one.Add(n)
	case c.vec != nil:
		c.vec.WithLabelValues(values...).Add(n)
	}
}

// Gauge is a number that goes up and down. The zero Gauge does nothing.
type Gauge struct{ vec *prometheus.GaugeVec }

// Gauge declares a gauge with the names of its labels.
func (m *Metrics) Gauge(name, help string, labels ...string) Gauge {
	return Gauge{register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))}
}

// Set replaces the number for the values of the labels.
func (g Gauge) Set(v float64, values ...string) {
	if g.vec != nil {
		g.vec.WithLabelValues(values...).Set(v)
	}
}

// Add changes the number by n for the values of the labels.
func (g Gauge) Add(n float64, values ...string) {
	if g.vec != nil {
		g.vec.WithLabelValues(values...).Add(n)
	}
}

// Unset removes the number for the values of the labels until the next Set.
func (g Gauge) Unset(values ...string) {
	if g.vec != nil {
		g.vec.DeleteLabelValues(values...)
	}
}

// Histogram counts observations in buckets. The zero Histogram does nothing.
type Histogram struct {
	vec *prometheus.HistogramVec
	one prometheus.Observer // set when all labels have their values
}

// DurationBuckets are bounds in seconds from 100 µs to 30 s, fine enough for the p99 of a fast route.
var DurationBuckets = []float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
}

// Histogram declares a histogram with its upper bounds and the names of its labels.
func (m *Metrics) Histogram(name, help string, bounds []float64, labels ...string) Histogram {
	return Histogram{vec: register(m, prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels))}
}

// With returns the histogram for the values of all labels, for hot paths: the values are looked up once.
func (h Histogram) With(values ...string) Histogram {
	if h.vec == nil {
		return h
	}
	return Histogram{one: h.vec.WithLabelValues(values...)}
}

// Observe records v for the values of the labels.
func (h Histogram) Observe(v float64, values ...string) {
	switch {
	case h.one != nil:
		h.one.Observe(v)
	case h.vec != nil:
		h.vec.WithLabelValues(values...).Observe(v)
	}
}

// Value returns the sum of a metric over all its label values (of a histogram, the number of observations), and whether it has a
// value. It is for pages and tests.
func (m *Metrics) Value(name string) (float64, bool) {
	families, err := m.registry.Gather()
	if err != nil {
		return 0, false
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		var sum float64
		for _, metric := range f.GetMetric() {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() +
				float64(metric.GetHistogram().GetSampleCount())
		}
		return sum, true
	}
	return 0, false
}
