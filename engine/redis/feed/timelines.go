// Package feed stores the timelines of the feed in Redis. Use it when several servers share timelines: reads take one round
// trip, and what Redis loses is rebuilt.
//
// Redis may lose all keys or some, be flushed, or return to an older state. Each timeline is one key, so that it is there as a
// whole or not at all, and so is the head with all rows. A script checks the row and makes the change. Redis persists and replicates
// scripts in their order: where a row has survived, all merges before it have.
//
// A timeline expires some time after the last write, so that those of an epoch that is over disappear. With the memory policy
// volatile-lru, Redis evicts timelines that are read least, and never the head.
//
// A cluster of Redis does not work: each script uses the head and timelines, which would have to be in one slot. A
// single server or a primary with replicas works.
package feed

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"agora/engine/redis"
	"agora/feed"
	"agora/pattern/guard"
)

// Options describe Timelines.
type Options struct {
	Trim feed.Trim
	// SortedSets stores a timeline as a sorted set, the form that textbooks have, instead of packed entries. It takes
	// several times the memory. Timelines of one form are not those of the other.
	SortedSets bool
	// Expiry is how long a timeline is stored after the last write to it, a week if 0. A user who reads later gets a new one.
	Expiry time.Duration
}

// Timelines is a feed.TimelineStore that servers share.
type Timelines struct {
	client *goredis.Client
	reads  *guard.Guard
	writes *guard.Guard
	form   form
	prefix string // of all keys
	expiry time.Duration

	epoch atomic.Uint64 // of the head that was read last; 0 for none
}

var _ feed.TimelineStore = (*Timelines)(nil)

const (
	packedPrefix = "agora:timeline:p:"
	sortedPrefix = "agora:timeline:z:"

	defaultExpiry = 7 * 24 * time.Hour

	readTimeout  = time.Second
	writeTimeout = 3 * time.Second // of a pipeline of scripts
)

// form is how a timeline is stored.
type form interface {
	// mergeScript merges operands, see Timelines.Merge.
	mergeScript() *goredis.Script
	// bounds returns arguments of mergeScript.
	bounds() []any
	// encode appends an operand as mergeScript takes it.
	encode(to []byte, o feed.Timeline) []byte
	// settle does what is left to do for timelines that mergeScript has named.
	settle(ctx context.Context, fence feed.Fence, users []feed.UserID) error

	// read adds the commands that read a part of a timeline to a transaction. Each try reads more than the one before.
	// answer decodes what they return. It reports false if the part is too small.
	read(ctx context.Context, tx goredis.Pipeliner, key string, before feed.PostID, limit, try int) (answer func() (feed.Timeline, bool, error))
}

// NewTimelines returns the timelines on a server.
func NewTimelines(s *redis.Server, o Options) *Timelines {
	t := &Timelines{
		client: s.Client(), expiry: cmp.Or(o.Expiry, defaultExpiry),
		reads: s.Guard("the Redis timelines", readTimeout), writes: s.Guard("the writes of Redis timelines", writeTimeout),
	}
	if o.SortedSets {
		t.prefix, t.form = sortedPrefix, &sorted{trim: o.Trim}
	} else {
		t.prefix, t.form = packedPrefix, &packed{store: t, trim: o.Trim, operands: defaultOperands, foldBytes: defaultFoldBytes, newest: defaultNewest}
	}
	return t
}

func (t *Timelines) headKey() string { return t.prefix + "head" }

// key returns the key of a timeline: its epoch and user in bytes.
func (t *Timelines) key(epoch uint64, user feed.UserID) string {
	k := make([]byte, 0, len(sortedPrefix)+wordBytes+len(user))
	k = binary.BigEndian.AppendUint64(append(k, t.prefix...), epoch)
	return string(append(k, user[:]...))
}

// read makes a guarded call that changes nothing.
func (t *Timelines) read(ctx context.Context, call func(ctx context.Context) error) error {
	return t.reads.Do(ctx, func(ctx context.Context) error { return redis.Classify(call(ctx)) })
}

// write makes a guarded call.
func (t *Timelines) write(ctx context.Context, call func(ctx context.Context) error) error {
	return t.writes.Do(ctx, func(ctx context.Context) error { return redis.Classify(call(ctx)) })
}

// change runs a script that returns 1, or 0 if the row or the epoch is another one.
func (t *Timelines) change(ctx context.Context, script *goredis.Script, keys []string, args ...any) error {
	var changed int
	err := t.write(ctx, func(ctx context.Context) (err error) {
		changed, err = script.Run(ctx, t.client, keys, args...).Int()
		return err
	})
	if err == nil && changed == 0 {
		return feed.ErrStale()
	}
	return err
}

// Head implements feed.TimelineStore.
func (t *Timelines) Head(ctx context.Context) (head feed.Head, ok bool, err error) {
	var fields map[string]string
	err = t.read(ctx, func(ctx context.Context) (err error) {
		fields, err = t.client.HGetAll(ctx, t.headKey()).Result()
		return err
	})
	if err != nil || len(fields) == 0 {
		return feed.Head{}, false, err
	}
	head, err = decodeHead(fields)
	return head, err == nil, err
}

var beginScript = goredis.NewScript(`
local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
if epoch ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1`)

// Begin implements feed.TimelineStore. The timelines of the epoch before expire.
func (t *Timelines) Begin(ctx context.Context, was uint64, head feed.Head) error {
	args := append([]any{epochText(was)}, encodeHead(head)...)
	return t.change(ctx, beginScript, []string{t.headKey()}, args...)
}

var advanceScript = goredis.NewScript(`
local row, merges, scripts = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', KEYS[1], row) ~= ARGV[4] then return 0 end
if ARGV[5] ~= 'any' and redis.call('HGET', KEYS[1], merges) ~= ARGV[5] then return 0 end
redis.call('HSET', KEYS[1], row, ARGV[6], merges, 0, scripts, 0)
return 1`)

// Advance implements feed.TimelineStore.
func (t *Timelines) Advance(ctx context.Context, fence feed.Fence, to feed.Row) error {
	merges := "any"
	if fence.Merges != feed.AnyMerges {
		merges = strconv.Itoa(fence.Merges)
	}
	p := fence.Partition
	return t.change(ctx, advanceScript, []string{t.headKey()}, field(rowField, p), field(mergesField, p), field(scriptsField, p),
		encodeRow(fence.Epoch, fence.Row), merges, encodeRow(fence.Epoch, to))
}

// Read implements feed.TimelineStore. A transaction reads row and timeline, which is cheaper than a script: Lua in Redis hashes
// each byte of each string.
func (t *Timelines) Read(ctx context.Context, user feed.UserID, partition int, before feed.PostID, limit int) (feed.Row, feed.Timeline, error) {
	for try := 0; ; {
		known := t.epoch.Load() // a part of the key, so that it has to be known before
		var head *goredis.SliceCmd
		var answer func() (feed.Timeline, bool, error)
		err := t.read(ctx, func(ctx context.Context) error {
			tx := t.client.TxPipeline()
			head = tx.HMGet(ctx, t.headKey(), epochField, field(rowField, partition))
			answer = t.form.read(ctx, tx, t.key(known, user), before, limit, try)
			_, err := tx.Exec(ctx)
			return unlessNil(err)
		})
		if err != nil {
			return feed.Row{}, feed.Timeline{}, err
		}
		epoch, row, ok, err := decodeRowOf(head.Val())
		if !ok || err != nil {
			return feed.Row{}, feed.Timeline{}, err
		}
		if epoch != known {
			t.epoch.Store(epoch)
			continue
		}
		timeline, enough, err := answer()
		if enough || err != nil {
			return row, timeline, err
		}
		try++
	}
}

// unlessNil returns an error of the driver, unless it only says that a key is missing.
func unlessNil(err error) error {
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	return err
}

// dropAtOnce is how many keys one command deletes.
const dropAtOnce = 1000

// Drop implements feed.TimelineStore.
func (t *Timelines) Drop(ctx context.Context, epoch uint64, users ...feed.UserID) error {
	for len(users) > 0 {
		some := users[:min(dropAtOnce, len(users))]
		users = users[len(some):]
		keys := make([]string, len(some))
		for i, user := range some {
			keys[i] = t.key(epoch, user)
		}
		if err := t.write(ctx, func(ctx context.Context) error { return t.client.Unlink(ctx, keys...).Err() }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Bytes returns how much memory Redis has allocated, for all that it stores: the timelines alone could only be counted one by
// one. So timelines that take most of the memory should have a Redis of their own. limit is the most that Redis may allocate; 0
// if it has no limit.
func (t *Timelines) Bytes(ctx context.Context) (memory, limit uint64, err error) {
	var info string
	err = t.read(ctx, func(ctx context.Context) (err error) {
		info, err = t.client.Info(ctx, "memory").Result()
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	memory, err = number(info, "used_memory")
	if err == nil {
		limit, err = number(info, "maxmemory")
	}
	return memory, limit, err
}

// number returns a number of the information that Redis gives on itself.
func number(info, name string) (uint64, error) {
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		}
	}
	return 0, fmt.Errorf("the server does not tell its %s", name)
}
