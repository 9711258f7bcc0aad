package feed

import "agora/telemetry"

// HubMonitor holds the metrics of a hub. A nil HubMonitor measures nothing.
type HubMonitor struct {
	open    telemetry.Gauge
	events  telemetry.Counter
	dropped telemetry.Counter
	resets  telemetry.Counter
}

// NewHubMonitor returns a HubMonitor of a registry.
func NewHubMonitor(m *telemetry.Metrics) *HubMonitor {
	h := &HubMonitor{
		open:    m.Gauge("agora_feed_streams", "Live streams of feeds that are open."),
		events:  m.Counter("agora_feed_stream_events_total", "Events that live streams of feeds were given.", "event"),
		dropped: m.Counter("agora_feed_streams_dropped_total", "Live streams of feeds that were closed because their readers were too slow.").With(),
		resets:  m.Counter("agora_feed_stream_resets_total", "Live streams of feeds that could not be continued.").With(),
	}
	h.opened(0)
	return h
}

func (m *HubMonitor) opened(n int) {
	if m != nil {
		m.open.Add(float64(n))
	}
}

func (m *HubMonitor) told(kind EventKind, n int) {
	if m != nil && n > 0 {
		m.events.Add(float64(n), string(kind))
	}
}

func (m *HubMonitor) droppedOne() {
	if m != nil {
		m.dropped.Inc()
	}
}

func (m *HubMonitor) reset() {
	if m != nil {
		m.resets.Inc()
	}
}
