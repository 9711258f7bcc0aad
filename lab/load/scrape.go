package load

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Server is what the servers say of a trial themselves, by their metrics.
type Server struct {
	Cores    float64          `json:"cpu_cores"`    // processors that were busy with the servers, on average
	Resident float64          `json:"memory_bytes"` // at the end
	SyncLag  float64          `json:"inventory_sync_lag_seconds"`
	Caches   map[string]Cache `json:"caches"`
	Failed   map[string]int64 `json:"orders_failed"` // by reason
}

// Megabytes is the memory at the end.
func (s Server) Megabytes() float64 { return s.Resident / 1e6 }

// Cache is what became of the requests to a cache.
type Cache struct {
	Requests int64            `json:"requests"`
	HitRatio float64          `json:"hit_ratio"` // share of the requests that were served by the cache
	Results  map[string]int64 `json:"results"`
}

// samples are the figures of the servers by name and labels, summed up over the servers.
type samples map[string]float64

// scrape reads the metrics of the servers. nil if one cannot be read: the rest would say something else.
func (l *load) scrape(ctx context.Context) samples {
	urls := l.Metrics
	if len(urls) == 0 {
		urls = []string{l.API.base + "/metrics"}
	}
	all := samples{}
	for _, url := range urls {
		asker := l.API
		if !strings.HasPrefix(url, l.API.base+"/") {
			asker.token = "" // it is for the server under load; others have a listener for operators (ops.listen)
		}
		text, err := asker.fetch(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil
		}
		all.read(text)
	}
	return all
}

// read adds what stands in the Prometheus text format.
func (s samples) read(text []byte) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		if value, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			s[line[:space]] += value
		}
	}
}

// label returns the value of a label of a series, or "".
func label(series, name string) string {
	_, rest, _ := strings.Cut(series, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// serverFigures returns what changed between two readings.
func serverFigures(before, after samples, took time.Duration) *Server {
	if before == nil || after == nil {
		return nil
	}
	s := &Server{
		Cores:    increase(before, after, "process_cpu_seconds_total") / took.Seconds(),
		Resident: after["process_resident_memory_bytes"], SyncLag: after["agora_inventory_sync_lag_seconds"],
		Caches: map[string]Cache{}, Failed: map[string]int64{},
	}
	for series := range after {
		grown := int64(increase(before, after, series))
		switch name, _, _ := strings.Cut(series, "{"); {
		case grown == 0:
		case name == "agora_cache_requests_total":
			s.cached(label(series, "cache"), label(series, "result"), grown)
		case name == "agora_orders_failed_total":
			s.Failed[label(series, "reason")] += grown
		}
	}
	return s
}

// increase is how much a counter grew, which began again at 0 if its server did.
func increase(before, after samples, series string) float64 {
	if after[series] < before[series] {
		return after[series]
	}
	return after[series] - before[series]
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
