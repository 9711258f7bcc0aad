package guard

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Limiter limits the rate of the requests of each key: in any time d it allows at most burst + rate × d of them. It is safe
// for concurrent use.
type Limiter interface {
	// Allow counts one request of the key if it is within the rate. An error means that the limiter failed.
	Allow(ctx context.Context, key string) (Decision, error)
}

// Decision is the result of a Limiter.
type Decision struct {
	OK         bool
	Remaining  int           // requests that would be allowed right after this one
	RetryAfter time.Duration // time until the next request is allowed; 0 if OK
}

// Local is a Limiter that counts in this process, with a token bucket for each key
// (https://en.wikipedia.org/wiki/Token_bucket).
//
// It stores a bounded number of keys, so that new keys cannot fill the memory. Beyond that it evicts the buckets of keys with
// few requests, which then start again with a full burst. Keys with many requests, which need the limit, stay.
type Local struct {
	rate    rate.Limit
	burst   int
	buckets *otter.Cache[string, *rate.Limiter]
}

// NewLocal returns a limiter of perSecond requests a second for each key, of which burst may come at once, for about
// maxKeys keys of some 200 bytes each. It panics if an argument is not positive, because that is a bug.
func NewLocal(perSecond float64, burst, maxKeys int) *Local {
	if perSecond <= 0 || burst <= 0 || maxKeys <= 0 {
		panic(fmt.Sprintf("guard: a limiter of %v a second, %d at once, for %d keys: all have to be positive", perSecond, burst, maxKeys))
	}
	return &Local{
		rate:    rate.Limit(perSecond),
		burst:   burst,
		buckets: otter.Must(&otter.Options[string, *rate.Limiter]{MaximumSize: maxKeys}),
	}
}

// Allow implements Limiter. It never fails.
func (l *Local) Allow(_ context.Context, key string) (Decision, error) {
	bucket, ok := l.buckets.GetIfPresent(key)
	if !ok {
		bucket, _ = l.buckets.SetIfAbsent(key, rate.NewLimiter(l.rate, l.burst))
	}
	now := time.Now()
	allowed := bucket.AllowN(now, 1)
	tokens := bucket.TokensAt(now)
	if allowed {
		return Decision{OK: true, Remaining: max(0, int(tokens))}, nil
	}
	return Decision{RetryAfter: l.wait(tokens)}, nil
}

// wait returns the time until there is a whole token, rounded up to the next millisecond, so that no rounding error makes
// the next request too early.
func (l *Local) wait(tokens float64) time.Duration {
	milliseconds := math.Ceil((1 - tokens) / float64(l.rate) * 1000)
	return time.Duration(max(1, milliseconds)) * time.Millisecond
}
