package httpapi

import (
	"net/netip"
	"sync"
	"time"

	"agora/fault"
)

// arrivals bounds the request bodies that are on their way. They are counted apart from the requests at
// work, because how long a body takes is up to its sender: who sends slowly takes room from those who send
// at the same time, a share of it at most, and none from those who read.
type arrivals struct {
	room int // bodies at once, from all addresses

	mu    sync.Mutex
	count int
	from  map[netip.Addr]int // the part of count that is an address's own; none is 0
}

const arrivalsOfAddress = 64

var errArrivals = &fault.Error{
	Kind: fault.Exhausted, Code: "rate_limited", RetryAfter: time.Second,
	Message: "too many bodies are on their way from this address",
}

func newArrivals(room int) *arrivals {
	return &arrivals{room: room, from: map[netip.Addr]int{}}
}

// begin counts a body in, or says why it may not come. An address that has its share learns of its own
// limit, however full the server is. What has begun ends with end.
func (a *arrivals) begin(address netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.from[address] >= arrivalsOfAddress:
		return errArrivals
	case a.count >= a.room:
		return errFull
	}
	a.from[address]++
	a.count++
	return nil
}

func (a *arrivals) end(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count--
	a.from[address]--
	if a.from[address] == 0 {
		delete(a.from, address)
	}
}
