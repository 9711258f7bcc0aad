package accounts

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"agora/fault"
	"agora/pattern/cache"
	"agora/telemetry"
)

// CachedSessions is a SessionStore with a write-through cache. A session that ended is removed from the cache before Delete
// returns.
type CachedSessions struct {
	SessionStore
	cache   *cache.Through
	decoded [decodedSessions]atomic.Pointer[decodedSession] // by the beginning of the token's hash
}

// decodedSession is what a cached value was decoded to last: every request of a token would decode the same value.
type decodedSession struct {
	encoded []byte
	Session
}

const decodedSessions = 1 << 14

var _ SessionStore = (*CachedSessions)(nil)

// NewCachedSessions returns a store that caches sessions for at most ttl.
func NewCachedSessions(sessions SessionStore, store cache.Store, ttl time.Duration, metrics *telemetry.Metrics) *CachedSessions {
	options := cache.ThroughOptions{Name: "sessions", TTL: ttl, Metrics: metrics}
	return &CachedSessions{SessionStore: sessions, cache: cache.NewThrough(store, options, sessionBacking{sessions})}
}

// Create implements SessionStore.
func (c *CachedSessions) Create(ctx context.Context, hash TokenHash, session Session) error {
	encoded, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	err = c.cache.Put(ctx, cacheKey(hash), encoded)
	if fault.CodeOf(err) == cache.CodeBehind {
		return nil // no cache has another state of a new token
	}
	return err
}

// Session implements SessionStore.
func (c *CachedSessions) Session(ctx context.Context, hash TokenHash) (Session, error) {
	encoded, err := c.cache.Get(ctx, cacheKey(hash))
	if err != nil {
		return Session{}, err
	}
	place := &c.decoded[binary.BigEndian.Uint16(hash[:])%decodedSessions]
	if known := place.Load(); known != nil && bytes.Equal(known.encoded, encoded) {
		return known.Session, nil
	}
	session, err := decodeSession(encoded)
	if err == nil {
		place.Store(&decodedSession{encoded, session})
	}
	return session, err
}

// Delete implements SessionStore.
func (c *CachedSessions) Delete(ctx context.Context, hash TokenHash) error {
	return c.cache.Delete(ctx, cacheKey(hash))
}

// sessionKey is the prefix of the keys of sessions in a cache that is shared with other values.
const sessionKey = "session/"

func cacheKey(hash TokenHash) string { return sessionKey + hex.EncodeToString(hash[:]) }

func decodeSession(encoded []byte) (Session, error) {
	var session Session
	if err := json.Unmarshal(encoded, &session); err != nil {
		return Session{}, fmt.Errorf("decode session: %w", err)
	}
	return session, nil
}

// sessionBacking adapts a SessionStore to the store of cache.Through.
type sessionBacking struct{ sessions SessionStore }

func (b sessionBacking) Get(ctx context.Context, key string) ([]byte, error) {
	hash, err := hashOfKey(key)
	if err != nil {
		return nil, err
	}
	session, err := b.sessions.Session(ctx, hash)
	if err != nil {
		return nil, err
	}
	return json.Marshal(session)
}

func (b sessionBacking) Put(ctx context.Context, key string, value []byte) error {
	hash, err := hashOfKey(key)
	if err != nil {
		return err
	}
	session, err := decodeSession(value)
	if err != nil {
		return err
	}
	return b.sessions.Create(ctx, hash, session)
}

func (b sessionBacking) Delete(ctx context.Context, key string) error {
	hash, err := hashOfKey(key)
	if err != nil {
		return err
	}
	return b.sessions.Delete(ctx, hash)
}

func hashOfKey(key string) (hash TokenHash, err error) {
	_, err = hex.Decode(hash[:], []byte(key[len(sessionKey):]))
	return hash, err
}
