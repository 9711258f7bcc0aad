package load

import (
	"encoding/json"
	"iter"
	"time"
)

// Server is what the metrics of the servers say of a trial.
type Server struct {
	Cores    float64          // processors that were busy with the servers, on average
	Resident float64          // bytes of memory at the end
	Caches   map[string]Cache // by name
	Figures  []ServerFigure   // of the scenario's metrics
}

// Cache counts the requests to a cache.
type Cache struct {
	Requests int64            `json:"requests"`
	HitRatio float64          `json:"hit_ratio"` // share of the requests that were served by the cache
	Results  map[string]int64 `json:"results"`
}

// Metric is a metric of one system's servers that the reports of its Scenario show.
type Metric struct {
	Name   string // of the member of "server" in the JSON report
	Title  string // on the page
	Unit   string // on the page, such as "s"; "" for numbers of things
	Series string // as the servers call it
	Type   MetricType
	Label  string // the report shows a number for each of its values; "" for one number
}

// MetricType says what a report shows of a metric.
type MetricType uint8

const (
	Counter   MetricType = iota // how much it grew during the trial, by the values of a label
	Histogram                   // the mean of what it observed during the trial
	Gauge                       // its value at the end, on average of the servers
)

// ServerFigure is the measured value of a Metric.
type ServerFigure struct {
	Metric
	Values map[string]float64 // by the value of the label, or of "" if there is none
}

// serverFigures compares two readings, one before and one after a trial. It returns nil if one of them is missing.
func serverFigures(before, after samples, took time.Duration, metrics []Metric) *Server {
	if before == nil || after == nil {
		return nil
	}
	s := &Server{
		Cores:    increase(before, after, "process_cpu_seconds_total") / took.Seconds(),
		Resident: after["process_resident_memory_bytes"],
		Caches:   map[string]Cache{},
	}
	for series, n := range increases(before, after, "agora_cache_requests_total") {
		s.cached(label(series, "cache"), label(series, "result"), int64(n))
	}
	for _, m := range metrics {
		s.Figures = append(s.Figures, m.figure(before, after))
	}
	return s
}

func (s *Server) cached(cache, result string, n int64) {
	c := s.Caches[cache]
	if c.Results == nil {
		c.Results = map[string]int64{}
	}
	c.Results[result] += n
	served := c.Results["hit"] + c.Results["negative"] + c.Results["stale"]
	if c.Requests = served + c.Results["miss"]; c.Requests > 0 {
		c.HitRatio = float64(served) / float64(c.Requests)
	}
	s.Caches[cache] = c
}

func (m Metric) figure(before, after samples) ServerFigure {
	f := ServerFigure{m, map[string]float64{}}
	switch m.Type {
	case Counter:
		f.Values = m.sums(increases(before, after, m.Series))
	case Histogram:
		f.Values = m.sums(increases(before, after, m.Series+"_sum"))
		for value, n := range m.sums(increases(before, after, m.Series+"_count")) {
			f.Values[value] /= n
		}
	case Gauge:
		f.Values = m.sums(increases(nil, after, m.Series))
		for value := range f.Values {
			f.Values[value] /= after[servers]
		}
	}
	if m.Label == "" && len(f.Values) == 0 {
		f.Values[""] = 0
	}
	return f
}

// sums adds up series by the value of the label.
func (m Metric) sums(of iter.Seq2[string, float64]) map[string]float64 {
	sums := map[string]float64{}
	for series, n := range of {
		value := ""
		if m.Label != "" {
			value = label(series, m.Label)
		}
		sums[value] += n
	}
	return sums
}

// MarshalJSON implements json.Marshaler. Each figure is a member of its own, besides those that every server has.
func (s Server) MarshalJSON() ([]byte, error) {
	members := map[string]any{}
	for _, f := range s.Figures {
		if f.Label == "" {
			members[f.Name] = f.Values[""]
		} else {
			members[f.Name] = f.Values
		}
	}
	members["cpu_cores"], members["memory_bytes"], members["caches"] = s.Cores, s.Resident, s.Caches
	return json.Marshal(members)
}

// megabytes is the memory at the end.
func (s Server) megabytes() float64 { return s.Resident / 1e6 }
