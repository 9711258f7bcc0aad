package load

import (
	"context"
	"math"
	"time"
)

// schedule says when each arrival is to begin. During the warm-up the rate grows evenly from nothing to the
// full one, so that a cold server does not begin with a backlog.
type schedule struct {
	rate     float64 // arrivals a second
	warmUp   time.Duration
	duration time.Duration // at the full rate, after the warm-up
}

// ramped is how many arrivals the warm-up has: the area under a rate that grows from 0.
func (s schedule) ramped() float64 { return s.rate * s.warmUp.Seconds() / 2 }

// arrivals is how many there are in all.
func (s schedule) arrivals() int64 {
	return int64(s.ramped() + s.rate*s.duration.Seconds())
}

// at returns the intended start of an arrival, from the beginning of the schedule.
func (s schedule) at(arrival int64) time.Duration {
	n, ramped := float64(arrival), s.ramped()
	if n < ramped {
		return time.Duration(math.Sqrt(2*n*s.warmUp.Seconds()/s.rate) * float64(time.Second))
	}
	return s.warmUp + time.Duration((n-ramped)/s.rate*float64(time.Second))
}

// due returns how many arrivals are to have begun after a time.
func (s schedule) due(after time.Duration) int64 {
	t := min(after, s.warmUp).Seconds()
	n := s.rate * max(0, after-s.warmUp).Seconds()
	if s.warmUp > 0 {
		n += s.rate * t * t / s.warmUp.Seconds() / 2
	}
	return min(int64(n), s.arrivals())
}

// measured reports whether an arrival comes after the warm-up.
func (s schedule) measured(arrival int64) bool { return float64(arrival) >= s.ramped() }

// shortWait is the longest wait that the end of a context does not shorten.
const shortWait = 20 * time.Millisecond

// wait returns false if ctx ended before the time had passed.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= shortWait {
		time.Sleep(d)
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
