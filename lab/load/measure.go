package load

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the highest latency that is measured. A longer one counts as this.
const longest = 10 * time.Minute

// Percentiles are latencies in milliseconds, to three digits.
type Percentiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Figures are the measurements of one kind of request, or of all requests.
type Figures struct {
	Rate     float64          `json:"rate"`     // answers a second
	Latency  Percentiles      `json:"latency"`  // from the intended start to the end of the answer
	Service  Percentiles      `json:"service"`  // from the moment of sending; the wait before that is not in it
	Outcomes map[string]int64 `json:"outcomes"` // correct answers, by their outcome
	Errors   map[string]int64 `json:"errors"`   // by kind
}

// Failed is the number of requests without a correct answer.
func (f Figures) Failed() int64 {
	var n int64
	for _, count := range f.Errors {
		n += count
	}
	return n
}

// Total is the number of requests, failed or not.
func (f Figures) Total() int64 {
	n := f.Failed()
	for _, count := range f.Outcomes {
		n += count
	}
	return n
}

// Interval is what happened in a part of a trial.
type Interval struct {
	At       float64            `json:"at_s"`          // its end, in seconds since the beginning, warm-up included
	Intended float64            `json:"intended_rate"` // arrivals a second
	Answered float64            `json:"answered_rate"` // answers a second
	Errors   map[string]int64   `json:"errors,omitempty"`
	P50      float64            `json:"p50_ms"`
	P99      float64            `json:"p99_ms"`
	Max      float64            `json:"max_ms"`
	KindP99  map[string]float64 `json:"kind_p99_ms"`
}

// observation is the measurement of one arrival.
type observation struct {
	kind     Kind
	latency  time.Duration
	service  time.Duration // 0 if it was never sent
	outcome  string        // "" if it failed
	failure  string        // "" if it did not
	measured bool          // it came after the warm-up
	late     time.Duration // how long after its intended start it was sent, if it did not wait for a connection
	queued   bool          // it waited for a connection, because all had a request under way
}

// meter collects observations. Its memory does not grow with their number.
type meter struct {
	mu       sync.Mutex
	kinds    map[Kind]*series
	all      *series
	interval *hdrhistogram.Histogram // of all kinds, since the last cut
	byKind   map[Kind]*hdrhistogram.Histogram
	failed   map[string]int64 // since the last cut
	late     *hdrhistogram.Histogram
	queued   int64
}

// series are the observations of one kind.
type series struct {
	latency, service *hdrhistogram.Histogram
	outcomes, errors map[string]int64
}

func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

func newSeries() *series {
	return &series{newHistogram(3), newHistogram(3), map[string]int64{}, map[string]int64{}}
}

func newMeter(kinds []Kind) *meter {
	m := &meter{
		kinds: map[Kind]*series{}, all: newSeries(), interval: newHistogram(2),
		byKind: map[Kind]*hdrhistogram.Histogram{}, failed: map[string]int64{},
		late: newHistogram(3),
	}
	for _, k := range kinds {
		m.kinds[k], m.byKind[k] = newSeries(), newHistogram(2)
	}
	return m
}

// note adds an observation. Failures are counted, and their latency is left out, because fast refusals would make a
// broken server look fast.
func (m *meter) note(o observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.failure != "" {
		m.failed[o.failure]++
	} else {
		record(m.interval, o.latency)
		record(m.byKind[o.kind], o.latency)
	}
	if !o.measured {
		return
	}
	if o.queued {
		m.queued++
	} else {
		record(m.late, o.late)
	}
	m.kinds[o.kind].note(o)
	m.all.note(o)
}

func (s *series) note(o observation) {
	if o.failure != "" {
		s.errors[o.failure]++
		return
	}
	s.outcomes[o.outcome]++
	record(s.latency, o.latency)
	record(s.service, o.service)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d, 0), longest).Microseconds()) // it fails only beyond longest
}

// cut returns the interval since the last cut. took is its length, and intended the number of arrivals that were due in it.
func (m *meter) cut(at, took time.Duration, intended int64) Interval {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.interval
	cut := Interval{
		At: at.Seconds(), Intended: float64(intended) / took.Seconds(), Answered: float64(h.TotalCount()) / took.Seconds(),
		Errors: maps.Clone(m.failed), P50: millis(h.ValueAtPercentile(50)), P99: millis(h.ValueAtPercentile(99)), Max: millis(h.Max()),
		KindP99: map[string]float64{},
	}
	for kind, h := range m.byKind {
		if h.TotalCount() > 0 {
			cut.KindP99[string(kind)] = millis(h.ValueAtPercentile(99))
		}
		h.Reset()
	}
	h.Reset()
	clear(m.failed)
	return cut
}

// figures returns what was measured of each kind that was asked for, and of all, in the time.
func (m *meter) figures(took time.Duration) (all Figures, byKind map[Kind]Figures) {
	m.mu.Lock()
	defer m.mu.Unlock()
	byKind = map[Kind]Figures{}
	for kind, s := range m.kinds {
		if f := s.figures(took); f.Total() > 0 {
			byKind[kind] = f
		}
	}
	return m.all.figures(took), byKind
}

func (s *series) figures(took time.Duration) Figures {
	f := Figures{Latency: percentiles(s.latency), Service: percentiles(s.service), Outcomes: maps.Clone(s.outcomes), Errors: maps.Clone(s.errors)}
	if took > 0 {
		f.Rate = float64(f.Latency.Count) / took.Seconds()
	}
	return f
}

func percentiles(h *hdrhistogram.Histogram) Percentiles {
	at := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return Percentiles{
		Count: h.TotalCount(), Mean: h.Mean() / 1000,
		P50: millis(at[0]), P90: millis(at[1]), P99: millis(at[2]), P999: millis(at[3]), Max: millis(h.Max()),
	}
}

// sends returns how late requests were sent for which a connection was free, and how many waited for a connection.
func (m *meter) sends() (late Percentiles, queued int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return percentiles(m.late), m.queued
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

// Point is one point of a distribution: the share of the answers took at most so long.
type Point struct {
	Share float64 `json:"share"`
	Upto  float64 `json:"ms"`
}

// distribution returns the latencies of all answers, with more points where answers are rare.
func (m *meter) distribution() []Point {
	m.mu.Lock()
	defer m.mu.Unlock()
	var points []Point
	for _, b := range m.all.latency.CumulativeDistributionWithTicks(2) {
		points = append(points, Point{b.Quantile / 100, millis(b.ValueAt)})
	}
	return points
}
