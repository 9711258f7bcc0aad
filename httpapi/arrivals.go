package httpapi

import (
	"io"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agora/fault"
)

// arrivals bounds the request bodies that are being received. They are counted apart from the requests in flight,
// because the sender decides how long a body takes. An address has at most arrivalsOfAddress bodies. When all addresses
// together have as many as the server receives, a new body ends the slowest body of the address that has most, so that
// slow senders cannot keep others out.
type arrivals struct {
	limit int // bodies at once, of all addresses

	mu    sync.Mutex
	count int
	from  map[netip.Addr][]*arrival // in the order in which they began; no list is empty
}

const (
	arrivalsOfAddress = 64

	// arrivalGrace is how long a body is received before it can be ended as the slowest.
	arrivalGrace = time.Second
)

var errArrivals = &fault.Error{
	Kind: fault.Exhausted, Code: "rate_limited", RetryAfter: time.Second,
	Message: "too many bodies are on their way from this address",
}

func newArrivals(limit int) *arrivals {
	return &arrivals{limit: limit, from: map[netip.Addr][]*arrival{}}
}

// arrival is one body that is being received.
type arrival struct {
	all     *arrivals
	address netip.Addr
	began   time.Time
	bytes   atomic.Int64 // received
	stop    func()       // makes the reading of the body fail
}

// begin counts a body in, or returns why it is refused. stop has to make the reading of the body fail; it is called
// at most once, and never after end. What has begun ends with end.
func (a *arrivals) begin(address netip.Addr, stop func()) (*arrival, error) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	own := len(a.from[address])
	if own >= arrivalsOfAddress {
		return nil, errArrivals
	}
	if a.count >= a.limit && !a.makeRoom(own, now) {
		return nil, errFull
	}
	body := &arrival{all: a, address: address, began: now, stop: stop}
	a.from[address] = append(a.from[address], body)
	a.count++
	return body, nil
}

// makeRoom ends the slowest body of the address that has most, if that is more than own, and reports whether it did.
// a.mu must be held.
func (a *arrivals) makeRoom(own int, now time.Time) bool {
	var slowest *arrival
	most, rate := own+1, math.Inf(1)
	for _, bodies := range a.from {
		if len(bodies) < most {
			continue
		}
		if len(bodies) > most {
			slowest, most, rate = nil, len(bodies), math.Inf(1)
		}
		for _, body := range bodies {
			age := now.Sub(body.began)
			if r := float64(body.bytes.Load()) / age.Seconds(); age >= arrivalGrace && r < rate {
				slowest, rate = body, r
			}
		}
	}
	if slowest == nil {
		return false
	}
	a.remove(slowest)
	slowest.stop()
	return true
}

// remove counts a body out, if it is still counted. a.mu must be held.
func (a *arrivals) remove(body *arrival) {
	bodies := a.from[body.address]
	i := slices.Index(bodies, body)
	if i < 0 {
		return
	}
	a.count--
	if len(bodies) == 1 {
		delete(a.from, body.address)
	} else {
		a.from[body.address] = slices.Delete(bodies, i, i+1)
	}
}

// end counts the body out. A body that was ended to make room is out already.
func (b *arrival) end() {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	b.all.remove(b)
}

// counted returns a reader of the body that counts what is received.
func (b *arrival) counted(body io.ReadCloser) io.ReadCloser { return countedBody{body, &b.bytes} }

type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

// Read implements io.Reader.
func (c countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
