package feed

import (
	"time"

	"agora/telemetry"
)

// Monitor holds the metrics of the feed's fan-out. A nil Monitor measures nothing.
type Monitor struct {
	fanout     telemetry.Histogram
	took       telemetry.Histogram
	deliveries telemetry.Counter
	lag        telemetry.Gauge
	reads      telemetry.Histogram
	skew       telemetry.Gauge
}

var (
	fanoutBounds = []float64{.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	readBounds   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
	runBounds    = []float64{.005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

// NewMonitor returns a Monitor of a registry.
func NewMonitor(m *telemetry.Metrics) *Monitor {
	return &Monitor{
		fanout: m.Histogram("agora_fanout_duration_seconds",
			"Time from the append of a post until readers have it: push until it is in all timelines, pull until it is in the tail of this server.",
			fanoutBounds, "mode"),
		took:       m.Histogram("agora_feed_run_duration_seconds", "Time that a run of the builder took.", runBounds).With(),
		deliveries: m.Counter("agora_feed_deliveries_total", "Posts that were written into timelines of followers.").With(),
		reads:      m.Histogram("agora_feed_read_duration_seconds", "Time that a page of a home timeline took, by how complete it is.", readBounds, "state"),
		lag:        m.Gauge("agora_feed_run_lag_seconds", "Age of the oldest post that is not in all timelines yet; 0 without one."),
		skew: m.Gauge("agora_feed_id_skew_seconds",
			"Time in the identifier of the newest post, less the time of its append: far from 0 if a server's clock is wrong."),
	}
}

// ran counts a run of the builder.
func (m *Monitor) ran(stats RunStats, took time.Duration) {
	if m == nil {
		return
	}
	m.took.Observe(took.Seconds())
	m.deliveries.Add(float64(stats.Deliveries))
	now := time.Now()
	for _, appended := range stats.Pushed {
		m.fanout.With(string(Push)).Observe(now.Sub(appended).Seconds())
	}
}

// waiting sets the age of the oldest post that is not in all timelines. Each server sets it, because a leader that hangs sets nothing.
func (m *Monitor) waiting(oldest time.Time) {
	switch {
	case m == nil:
	case oldest.IsZero():
		m.lag.Set(0)
	default:
		m.lag.Set(max(0, time.Since(oldest).Seconds()))
	}
}

// read counts a page of a home timeline.
func (m *Monitor) read(state State, took time.Duration) {
	if m != nil {
		m.reads.With(string(state)).Observe(took.Seconds())
	}
}

// visible counts a record that the tail of this server has reached.
func (m *Monitor) visible(r Record, pulled bool) {
	if m == nil || r.Post == nil {
		return
	}
	if pulled {
		m.fanout.With(string(Pull)).Observe(time.Since(r.Appended).Seconds())
	}
	m.skew.Set(r.Post.ID.Made().Sub(r.Appended).Seconds())
}
