package httpapi

import (
	"net/netip"
	"sync"
	"time"

	"agora/fault"
	"agora/telemetry"
)

// streams bounds the number of open streams, in all and by address.
type streams struct {
	limit, ofAddress int
	opened           telemetry.Gauge
	dropped          telemetry.Counter

	mu       sync.Mutex
	all      map[*exchange]struct{}
	from     map[netip.Addr]int // open streams by address, without zeros
	stopping bool
}

var (
	errStreams = &fault.Error{
		Kind: fault.Exhausted, Code: "rate_limited", RetryAfter: 10 * time.Second, Message: "too many streams are open from this address",
	}
	errStopping = &fault.Error{
		Kind: fault.Unavailable, Code: "stopping", RetryAfter: time.Second, Message: "the server is about to stop",
	}
)

func newStreams(o Options) *streams {
	return &streams{
		limit: o.MaxStreams, ofAddress: o.MaxStreamsPerAddress,
		opened:  o.Metrics.Gauge("agora_http_streams", "Streams of events that are open.", "route"),
		dropped: o.Metrics.Counter("agora_http_streams_dropped_total", "Streams that ended because the client did not read their events.", "route"),
		all:     map[*exchange]struct{}{}, from: map[netip.Addr]int{},
	}
}

// begin counts a stream, or returns why it is refused. The caller calls end after the stream.
func (s *streams) begin(x *exchange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return errStopping
	case s.from[x.address] >= s.ofAddress:
		return errStreams
	case len(s.all) >= s.limit:
		return errFull
	}
	s.all[x] = struct{}{}
	s.from[x.address]++
	s.opened.Add(1, x.route.pattern)
	return nil
}

func (s *streams) end(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, x)
	if s.from[x.address]--; s.from[x.address] == 0 {
		delete(s.from, x.address)
	}
	s.opened.Add(-1, x.route.pattern)
}

// stop ends all streams and refuses new ones. A client sees the end of its stream and reconnects to another server.
func (s *streams) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for x := range s.all {
		x.stream.stop(errStopping)
	}
}
