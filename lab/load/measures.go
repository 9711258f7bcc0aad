package load

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Measures takes what a scenario measures besides the requests of a trial, such as the time until others see a post, and what
// it counts, such as events. It is safe for concurrent use.
type Measures struct {
	mu     sync.Mutex
	from   time.Time // the end of the warm-up; zero before the trial begins
	times  map[Kind]*hdrhistogram.Histogram
	counts map[string]int64
}

func newMeasures() *Measures {
	m := &Measures{}
	m.reset()
	return m
}

// Note adds a time that began at a moment. It is left out if that was before the end of the warm-up.
func (m *Measures) Note(name Kind, began time.Time, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.from.IsZero() || began.Before(m.from) {
		return
	}
	h := m.times[name]
	if h == nil {
		h = newHistogram(3)
		m.times[name] = h
	}
	record(h, took)
}

// Count adds to a count.
func (m *Measures) Count(name string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name] += n
}

// reset forgets the trial before.
func (m *Measures) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from, m.times, m.counts = time.Time{}, map[Kind]*hdrhistogram.Histogram{}, map[string]int64{}
}

// begin sets the end of the warm-up.
func (m *Measures) begin(from time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from = from
}

func (m *Measures) results() (map[Kind]Percentiles, map[string]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := map[Kind]Percentiles{}
	for name, h := range m.times {
		times[name] = percentiles(h)
	}
	return times, maps.Clone(m.counts)
}
