package redis

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"agora/backoff"
	"agora/pattern/cache"
	"agora/pattern/guard"
)

// Cache is a cache.Store that servers share. Each call is one round trip.
//
// A cache entry is a string: 8 bytes that are unique to this state of the key, its stamp, one byte that says whether a value
// follows, and the value. A deleted key keeps its stamp for as long as a load may take, which ends the leases of current
// loads. One script makes a change and publishes it.
type Cache struct {
	client  *redis.Client
	guard   *guard.Guard
	server  *Server
	channel string
	origin  [originSize]byte // identifies the messages of this Cache
}

var _ cache.Shared = (*Cache)(nil)

const (
	cachePrefix = prefix + "cache:"
	stampSize   = 8
	headSize    = stampSize + 1
	originSize  = 16

	// leaseTime is how long a deleted key keeps its stamp. A load that takes longer may store the value before the deletion.
	leaseTime = 30 * time.Second

	cacheTimeout = 100 * time.Millisecond

	// heartbeat is how long the channel may be silent before Redis is pinged. The answer has to come within the same time,
	// so that a dead connection is noticed after twice that time.
	heartbeat = time.Second
	// resubscribeEvery is the pause before the channel is subscribed again.
	resubscribeEvery = 200 * time.Millisecond
)

const (
	deleted byte = 0
	present byte = 1
)

// Cache returns a cache on the server. A change made through one Cache is published to all others, also to those of the
// same process.
func (s *Server) Cache() *Cache {
	c := &Cache{
		client: s.client, server: s, guard: s.Guard("the Redis cache", cacheTimeout),
		// A channel spans all databases of the server, so that its name has the database in it.
		channel: fmt.Sprintf("%schanges:%d", cachePrefix, s.client.Options().DB),
	}
	rand.Read(c.origin[:]) // never fails
	return c
}

// Get implements cache.Store.
func (c *Cache) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, _, ok, err := c.Find(ctx, key)
	return value, ok, err
}

// Find implements cache.Leasing.
func (c *Cache) Find(ctx context.Context, key string) (value []byte, lease cache.Lease, ok bool, err error) {
	var stored []byte
	err = c.guard.Do(ctx, func(ctx context.Context) error {
		stored, err = c.client.Get(ctx, cachePrefix+key).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return Classify(err)
	})
	if err != nil {
		return nil, cache.Lease{}, false, err
	}
	if len(stored) < headSize {
		return nil, cache.Lease{Given: true}, false, nil
	}
	lease = cache.Lease{Given: true, Stamp: binary.BigEndian.Uint64(stored)}
	return stored[headSize:], lease, stored[stampSize] == present, nil
}

var setScript = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`)

// Set implements cache.Store.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return c.run(ctx, setScript, []string{cachePrefix + key}, entry(present, value), milliseconds(ttl), c.channel, c.message(key)).err
}

// The stamp of a missing key is empty.
var fillScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

// Fill implements cache.Leasing.
func (c *Cache) Fill(ctx context.Context, key string, value []byte, ttl time.Duration, lease cache.Lease) (bool, error) {
	if !lease.Given {
		return false, nil
	}
	var seen []byte
	if lease.Stamp != 0 {
		seen = binary.BigEndian.AppendUint64(nil, lease.Stamp)
	}
	r := c.run(ctx, fillScript, []string{cachePrefix + key}, entry(present, value), milliseconds(ttl), seen)
	return r.n == 1, r.err
}

var deleteScript = redis.NewScript(`
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`)

// Delete implements cache.Store.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	named := make([]string, len(keys))
	for i, key := range keys {
		named[i] = cachePrefix + key
	}
	return c.run(ctx, deleteScript, named, entry(deleted, nil), milliseconds(leaseTime), c.channel, c.message(keys...)).err
}

type result struct {
	n   int
	err error
}

func (c *Cache) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (r result) {
	r.err = c.guard.Do(ctx, func(ctx context.Context) (err error) {
		r.n, err = script.Run(ctx, c.client, keys, args...).Int()
		return Classify(err)
	})
	return r
}

// entry returns a cache entry with a new stamp.
func entry(what byte, value []byte) []byte {
	b := make([]byte, stampSize, headSize+len(value))
	for binary.BigEndian.Uint64(b) == 0 { // 0 stands for a missing key
		rand.Read(b)
	}
	return append(append(b, what), value...)
}

// milliseconds rounds up, because Redis refuses 0.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// message returns the message that keys have changed: the origin, and each key after its length.
func (c *Cache) message(keys ...string) []byte {
	m := append([]byte(nil), c.origin[:]...)
	for _, key := range keys {
		m = append(binary.AppendUvarint(m, uint64(len(key))), key...)
	}
	return m
}

// decodeMessage returns the origin and the keys of a message. ok is false if it is damaged.
func decodeMessage(m []byte) (origin [originSize]byte, keys []string, ok bool) {
	if len(m) < originSize {
		return origin, nil, false
	}
	copy(origin[:], m)
	for rest := m[originSize:]; len(rest) > 0; {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return origin, nil, false
		}
		end := n + int(length)
		keys = append(keys, string(rest[n:end]))
		rest = rest[end:]
	}
	return origin, keys, true
}

// Follow implements cache.Shared.
func (c *Cache) Follow(ctx context.Context, f cache.Follower) {
	log := c.server.log
	connected, logged := false, false
	logging := f
	logging.Connected = func() {
		connected, logged = true, false
		log.InfoContext(ctx, "subscribed to the changes of other servers in the cache")
		f.Connected()
	}
	for {
		err := c.listen(ctx, logging)
		if ctx.Err() != nil {
			return
		}
		if connected {
			f.Lost()
		}
		if connected = false; !logged {
			logged = true // once for all retries
			log.WarnContext(ctx, "not subscribed to the changes of other servers in the cache; retrying", "error", err)
		}
		backoff.Sleep(ctx, backoff.Jitter(resubscribeEvery))
	}
}

// listen subscribes to the channel and calls the follower for each message until an error. It ends with its connection: the
// driver would replace the connection, and what was published in between would be missed.
func (c *Cache) listen(ctx context.Context, f cache.Follower) error {
	channel := c.client.Subscribe(ctx, c.channel)
	leave := func() { _ = channel.Close() } // an error changes nothing
	defer leave()
	stop := context.AfterFunc(ctx, leave) // because ReceiveTimeout does not return when ctx ends
	defer stop()
	pinged := false
	for {
		received, err := channel.ReceiveTimeout(ctx, heartbeat)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() && !pinged {
			pinged = true
			if err := channel.Ping(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		pinged = false
		switch m := received.(type) {
		case *redis.Subscription:
			f.Connected()
		case *redis.Message:
			if err := c.handle(f, m.Payload); err != nil {
				return err
			}
		}
	}
}

// handle calls the follower for a message of another Cache.
func (c *Cache) handle(f cache.Follower, payload string) error {
	origin, keys, ok := decodeMessage([]byte(payload))
	if !ok {
		return fmt.Errorf("a message of %d bytes on %s is damaged", len(payload), c.channel)
	}
	if origin != c.origin {
		f.Changed(keys...)
	}
	return nil
}
