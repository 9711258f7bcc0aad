package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"agora/accounts"
	"agora/pattern/guard"
)

// Sessions is an accounts.SessionStore. Redis deletes each session some time after its end, even if DeleteExpired is never
// called.
//
// A session is a Redis hash with its user and its JSON. The sessions of a user and the ends of all sessions are sorted
// sets of token hashes. Scripts change the three together.
type Sessions struct {
	client *redis.Client
	guard  *guard.Guard
}

var _ accounts.SessionStore = (*Sessions)(nil)

const (
	sessionPrefix = prefix + "session:"
	userPrefix    = prefix + "sessions:"
	endsKey       = prefix + "session-ends"

	// sessionGrace is how long a session is stored after its end, for servers whose clocks are slow. The service decides
	// whether a session has ended.
	sessionGrace = time.Hour

	sessionTimeout = time.Second
)

// Sessions returns the server's sessions.
func (s *Server) Sessions() *Sessions {
	return &Sessions{client: s.client, guard: s.Guard("the Redis sessions", sessionTimeout)}
}

// do makes a guarded call.
func (s *Sessions) do(ctx context.Context, call func(ctx context.Context) error) error {
	return s.guard.Do(ctx, func(ctx context.Context) error { return Classify(call(ctx)) })
}

// GT alone does not set the expiry of a key that has none.
var createScript = redis.NewScript(`
local session, user, ends = KEYS[1], KEYS[2], KEYS[3]
local hash, id, body, expires, gone = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('EXISTS', session) == 1 then return 0 end
redis.call('HSET', session, 'user', id, 'body', body)
redis.call('PEXPIREAT', session, gone)
redis.call('ZADD', user, expires, hash)
redis.call('PEXPIREAT', user, gone, 'NX')
redis.call('PEXPIREAT', user, gone, 'GT')
redis.call('ZADD', ends, expires, hash)
return 1`)

// Create implements accounts.SessionStore.
func (s *Sessions) Create(ctx context.Context, hash accounts.TokenHash, session accounts.Session) error {
	body, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	gone := later(session.ExpiresAt, time.Now()).Add(sessionGrace)
	created := 0
	err = s.do(ctx, func(ctx context.Context) (err error) {
		created, err = createScript.Run(ctx, s.client,
			[]string{sessionPrefix + string(hash[:]), userPrefix + session.UserID, endsKey},
			hash[:], session.UserID, body, session.ExpiresAt.UnixMilli(), gone.UnixMilli()).Int()
		return err
	})
	if err == nil && created == 0 {
		return accounts.ErrSessionExists()
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Session implements accounts.SessionStore.
func (s *Sessions) Session(ctx context.Context, hash accounts.TokenHash) (session accounts.Session, err error) {
	var body []byte
	missing := false
	err = s.do(ctx, func(ctx context.Context) (err error) {
		body, err = s.client.HGet(ctx, sessionPrefix+string(hash[:]), "body").Bytes()
		if missing = errors.Is(err, redis.Nil); missing {
			return nil
		}
		return err
	})
	if err != nil {
		return accounts.Session{}, err
	}
	if missing {
		return accounts.Session{}, accounts.ErrSessionUnknown()
	}
	if err := json.Unmarshal(body, &session); err != nil {
		return accounts.Session{}, fmt.Errorf("decode session: %w", err)
	}
	return session, nil
}

// remove is the part of the scripts that deletes the session of a token hash.
const remove = `
local function remove(hash, sessions, users, ends)
	local user = redis.call('HGET', sessions .. hash, 'user')
	if user then redis.call('ZREM', users .. user, hash) end
	redis.call('DEL', sessions .. hash)
	redis.call('ZREM', ends, hash)
end
`

var deleteSessionScript = redis.NewScript(remove + `
remove(ARGV[1], ARGV[2], ARGV[3], KEYS[1])
return 1`)

// Delete implements accounts.SessionStore.
func (s *Sessions) Delete(ctx context.Context, hash accounts.TokenHash) error {
	return s.do(ctx, func(ctx context.Context) error {
		return deleteSessionScript.Run(ctx, s.client, []string{endsKey}, hash[:], sessionPrefix, userPrefix).Err()
	})
}

// OfUser implements accounts.SessionStore.
func (s *Sessions) OfUser(ctx context.Context, userID string) (hashes []accounts.TokenHash, err error) {
	err = s.do(ctx, func(ctx context.Context) error {
		members, err := s.client.ZRange(ctx, userPrefix+userID, 0, -1).Result()
		if err != nil {
			return err
		}
		hashes = nil
		for _, m := range members {
			if len(m) != len(accounts.TokenHash{}) {
				return fmt.Errorf("a stored token hash has %d bytes", len(m))
			}
			hashes = append(hashes, accounts.TokenHash([]byte(m)))
		}
		return nil
	})
	return hashes, err
}

var deleteExpiredScript = redis.NewScript(remove + `
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, hash in ipairs(expired) do remove(hash, ARGV[3], ARGV[4], KEYS[1]) end
return #expired`)

// DeleteExpired implements accounts.SessionStore.
func (s *Sessions) DeleteExpired(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.do(ctx, func(ctx context.Context) (err error) {
		n, err = deleteExpiredScript.Run(ctx, s.client, []string{endsKey}, now.UnixMilli(), limit, sessionPrefix, userPrefix).Int()
		return err
	})
	return n, err
}
