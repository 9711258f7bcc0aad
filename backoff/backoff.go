// Package backoff waits: for a fixed time, or for a delay that doubles from one failure to the next.
//
// Use it wherever work is tried again. Delays carry a random part, so that clients that failed together do
// not return together ("full jitter" and its relatives: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Sleep returns after d, or as soon as ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Jitter returns a random time from half of d up to d. It returns 0 if d is not above zero.
func Jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	half := d / 2
	return half + rand.N(d-half)
}

// Delays is a sequence of delays that doubles from First up to Longest. The zero sequence never waits.
// It is not safe for concurrent use.
type Delays struct {
	First   time.Duration // delay after the first failure, before jitter
	Longest time.Duration // bound of every later delay, before jitter

	failures int
}

// Next returns the delay after one more failure, with jitter.
func (d *Delays) Next() time.Duration {
	d.failures++
	return Jitter(After(d.failures-1, d.First, d.Longest))
}

// Reset begins the sequence again after a success.
func (d *Delays) Reset() { d.failures = 0 }

// After returns the delay, without jitter, that follows a failure before which there were so many others:
// first for none, doubled for each, and longest at most.
func After(failures int, first, longest time.Duration) time.Duration {
	delay := min(first, longest)
	for ; failures > 0 && delay > 0 && delay < longest; failures-- {
		delay = min(longest, 2*delay)
	}
	return delay
}
