package guard

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Limiter says whether one more request of a key is within the rate. In any time d it allows at most
// burst + rate × d requests of a key. It is safe for concurrent use.
type Limiter interface {
	// Allow takes one request from what the key has left, if there is one. An error says nothing about the
	// key: the limiter itself could not answer.
	Allow(ctx context.Context, key string) (Decision, error)
}

// Decision is the answer of a Limiter.
type Decision struct {
	OK         bool
	Remaining  int           // requests that would be allowed right after this one
	RetryAfter time.Duration // how long a request that was not allowed has to wait; 0 if OK
}

// Local is a Limiter that counts in this process, with a token bucket a key
// (https://en.wikipedia.org/wiki/Token_bucket).
//
// It knows a bounded number of keys, so that nobody can fill the memory with new ones. Of more keys it
// forgets the buckets of those that ask seldom, which then begin anew with a full burst. Those that ask
// often, whom it is there to limit, are the ones that it keeps.
type Local struct {
	rate    rate.Limit
	burst   int
	buckets *otter.Cache[string, *rate.Limiter]
}

// NewLocal returns a limiter of perSecond requests a second and key, of which burst may come at once, for
// about maxKeys keys of some 200 bytes each. It panics if one of them is not positive, as that is a bug.
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

// wait returns how long it takes until there is a whole token, rounded up to the next millisecond so that
// a request is not a rounding error too early.
func (l *Local) wait(tokens float64) time.Duration {
	milliseconds := math.Ceil((1 - tokens) / float64(l.rate) * 1000)
	return time.Duration(max(1, milliseconds)) * time.Millisecond
}
