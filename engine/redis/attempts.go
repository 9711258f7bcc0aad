package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"agora/accounts"
	"agora/pattern/guard"
)

// Attempts is an accounts.AttemptStore that all servers share. A key is a hash of the number of its attempts and the time of
// the next one, on the server's clock. It expires when the attempts are to be forgotten.
type Attempts struct {
	client *redis.Client
	guard  *guard.Guard
}

var _ accounts.AttemptStore = (*Attempts)(nil)

const (
	attemptPrefix = prefix + "attempts:"
	knownPrefix   = prefix + "known:"
)

// Attempts returns the attempts to sign in that the server knows.
func (s *Server) Attempts() *Attempts {
	return &Attempts{client: s.client, guard: s.Guard("the Redis attempts to sign in", limiterTimeout)}
}

// All times are in milliseconds. A clock that was set back must not close a key for longer than its pace says.
var attemptScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = 0
for i, key in ipairs(KEYS) do
  local longest = tonumber(ARGV[4 * i - 1])
  local next = tonumber(redis.call('HGET', key, 'next') or now)
  wait = math.max(wait, math.min(next - now, longest))
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local free, first, longest, memory = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1]), ARGV[4 * i]
  local count = redis.call('HINCRBY', key, 'count', 1)
  local after = 0
  if count >= free then after = math.min(first * 2 ^ math.min(count - free, 40), longest) end
  redis.call('HSET', key, 'next', string.format('%.0f', now + after))
  redis.call('PEXPIRE', key, memory)
end
return 0`)

// Attempt implements accounts.AttemptStore.
func (a *Attempts) Attempt(ctx context.Context, paced ...accounts.Paced) (wait time.Duration, err error) {
	keys, args := make([]string, len(paced)), make([]any, 0, 4*len(paced))
	for i, p := range paced {
		keys[i] = attemptPrefix + p.Key
		args = append(args, p.Pace.Free, milliseconds(p.Pace.First), milliseconds(p.Pace.Longest), milliseconds(p.Pace.Memory))
	}
	err = a.guard.Do(ctx, func(ctx context.Context) error {
		n, err := attemptScript.Run(ctx, a.client, keys, args...).Int64()
		wait = time.Duration(n) * time.Millisecond
		return Classify(err)
	})
	return wait, err
}

// Succeeded implements accounts.AttemptStore.
func (a *Attempts) Succeeded(ctx context.Context, key string, known time.Duration) error {
	return a.guard.Do(ctx, func(ctx context.Context) error {
		_, err := a.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, attemptPrefix+key)
			p.Set(ctx, knownPrefix+key, "", known)
			return nil
		})
		return Classify(err)
	})
}

// Known implements accounts.AttemptStore.
func (a *Attempts) Known(ctx context.Context, key string) (known bool, err error) {
	err = a.guard.Do(ctx, func(ctx context.Context) error {
		n, err := a.client.Exists(ctx, knownPrefix+key).Result()
		known = n == 1
		return Classify(err)
	})
	return known, err
}
