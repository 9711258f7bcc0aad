package redis

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"agora/pattern/guard"
)

// Limiter is a guard.Limiter whose counts all servers share. A decision is one round trip: a script on Redis's clock
// executes the generic cell rate algorithm (GCRA, ITU-T I.371). It stores one number for each key, the time at which the
// full burst is available again, and the key expires then, so that only recently used keys take memory.
type Limiter struct {
	client   *redis.Client
	guard    *guard.Guard
	prefix   string
	interval int64 // microseconds between requests, rounded up
	burst    int
}

var _ guard.Limiter = (*Limiter)(nil)

const limiterTimeout = 50 * time.Millisecond

// Limiter returns a limiter of perSecond requests a second for each key, at most a million, of which burst may come at
// once. Limiters with the same name share their counts, and should have the same figures. It panics if a figure is not
// positive.
func (s *Server) Limiter(name string, perSecond float64, burst int) *Limiter {
	if perSecond <= 0 || perSecond > 1e6 || burst <= 0 {
		panic(fmt.Sprintf("redis: a limiter of %v a second, %d at once: both have to be positive, and the rate at most a million", perSecond, burst))
	}
	return &Limiter{
		client: s.client, guard: s.Guard("the Redis limit by "+name, limiterTimeout), prefix: prefix + "limit:" + name + ":",
		interval: int64(math.Ceil(1e6 / perSecond)), burst: burst,
	}
}

// All times are in microseconds. After the clock was set back, a key waits for the time of its burst at most.
var allowScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = interval * burst
local free = tonumber(redis.call('GET', KEYS[1]) or now)
free = math.min(math.max(free, now), now + window) + interval
local wait = free - window - now
if wait > 0 then return {0, 0, wait} end
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
return {1, math.floor((now + window - free) / interval), 0}`)

// Allow implements guard.Limiter.
func (l *Limiter) Allow(ctx context.Context, key string) (d guard.Decision, err error) {
	err = l.guard.Do(ctx, func(ctx context.Context) error {
		answer, err := allowScript.Run(ctx, l.client, []string{l.prefix + key}, strconv.FormatInt(l.interval, 10), l.burst).Int64Slice()
		if err != nil {
			return Classify(err)
		}
		if len(answer) != 3 {
			return fmt.Errorf("the limiter's script answered %v", answer)
		}
		wait := time.Duration(milliseconds(time.Duration(answer[2])*time.Microsecond)) * time.Millisecond
		d = guard.Decision{OK: answer[0] == 1, Remaining: int(answer[1]), RetryAfter: wait}
		return nil
	})
	return d, err
}
