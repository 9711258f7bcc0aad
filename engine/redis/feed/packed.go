package feed

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"agora/feed"
)

// packed stores a timeline as a list:
//
//	0   a stamp, which each fold changes
//	1   a block of the newest entries of what was folded; empty before the first fold
//	2   a block of the older ones; empty if there are none
//	3…  blocks of operands as they came, the head
//
// A merge appends an operand to the head, which is all that Redis does for nearly all merges. A head that has grown long is
// folded: the writer reads the timeline, unites it, and writes it back. So a read needs the head and the newest block. Lua decodes
// nothing, because it would take most of Redis's time: it hashes each byte of each string.
type packed struct {
	store *Timelines
	trim  feed.Trim

	operands  int // a head of more is folded
	foldBytes int // an operand that is longer is folded at once
	newest    int // entries of the newest block
}

const (
	stampAt, newestAt, olderAt, headAt = 0, 1, 2, 3

	// defaultOperands of 8 entries are as much as a read should take: 4 KB. Half as many would be folded twice as often.
	defaultOperands  = 16
	defaultFoldBytes = 2 << 10
	// defaultNewest is more than what feed.Reader reads for a page of 20 posts, and takes 2 KB.
	defaultNewest = 64
)

// The script returns the timelines of which the head has grown too long. A base makes a list where there is none.
var packedMerge = goredis.NewScript(mergeHead + `
local longest, foldBytes = tonumber(ARGV[7]), tonumber(ARGV[8])
for i = 2, #KEYS do
  local key, block = KEYS[i], ARGV[i + 7]
  local length = redis.call('RPUSHX', key, block)
  if length == 0 and string.byte(block) % 2 == 1 then
    length = redis.call('RPUSH', key, answer[1], '', '', block)
  end
  if length > 0 then
    redis.call('PEXPIRE', key, expiry)
    if length > longest or #block > foldBytes then answer[#answer + 1] = i - 2 end
  end
end
return answer`)

func (p *packed) mergeScript() *goredis.Script { return packedMerge }
func (p *packed) bounds() []any                { return []any{headAt + p.operands, p.foldBytes} }

func (p *packed) encode(to []byte, o feed.Timeline) []byte {
	return appendBlock(to, block{Timeline: trimmed(o, p.trim)})
}

// stored is a timeline as it was read.
type stored struct {
	newest, older string
	hasOlder      bool // older was read
	head          []string
}

func (p *packed) read(ctx context.Context, tx goredis.Pipeliner, key string, before feed.PostID, limit, try int) func() (feed.Timeline, bool, error) {
	all := try > 0 || limit >= p.newest
	var older *goredis.StringCmd
	newest := tx.LIndex(ctx, key, newestAt)
	head := tx.LRange(ctx, key, headAt, -1)
	if all {
		older = tx.LIndex(ctx, key, olderAt)
	}
	return func() (feed.Timeline, bool, error) {
		if errors.Is(newest.Err(), goredis.Nil) { // the list is missing
			return feed.Timeline{}, true, nil
		}
		s := stored{newest: newest.Val(), head: head.Val(), hasOlder: all}
		if all {
			s.older = older.Val()
		}
		return s.below(before, limit, p.trim)
	}
}

// below returns a part of the timeline, and false if the older block is needed for it.
func (s stored) below(before feed.PostID, limit int, trim feed.Trim) (feed.Timeline, bool, error) {
	whole, least, err := s.unite(trim)
	if err != nil {
		return feed.Timeline{}, false, err
	}
	part := whole.Below(before, limit)
	return part, part.Floor.Compare(least) >= 0, nil
}

// unite decodes the timeline. If there is an older block that was not read, entries below least may be missing.
func (s stored) unite(trim feed.Trim) (whole feed.Timeline, least feed.PostID, err error) {
	head, err := decodeUnited(s.head)
	if err != nil {
		return feed.Timeline{}, least, err
	}
	var folded block
	if s.newest != "" {
		if folded, err = decodeBlock([]byte(s.newest)); err != nil {
			return feed.Timeline{}, least, err
		}
	}
	switch {
	case folded.more && s.hasOlder:
		older, err := decodeBlock([]byte(s.older))
		if err != nil {
			return feed.Timeline{}, least, err
		}
		folded.Entries = append(folded.Entries, older.Entries...)
	case folded.more:
		if len(folded.Entries) == 0 {
			return feed.Timeline{}, least, errDamaged
		}
		least = folded.Entries[len(folded.Entries)-1].Post
	}
	whole = head.Merge(folded.Timeline, trim)
	whole.Base = true
	return whole, least, nil
}

// packedFold replaces what was read, unless the timeline was dropped or folded since. Operands that were merged since stay in
// the head.
var packedFold = goredis.NewScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if redis.call('LINDEX', KEYS[2], 0) ~= ARGV[3] or redis.call('LLEN', KEYS[2]) < tonumber(ARGV[4]) then return 1 end
redis.call('LTRIM', KEYS[2], ARGV[4], -1)
redis.call('LPUSH', KEYS[2], ARGV[7], ARGV[6], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return 1`)

// settle folds timelines.
func (p *packed) settle(ctx context.Context, fence feed.Fence, users []feed.UserID) error {
	t := p.store
	var lists []*goredis.StringSliceCmd
	err := t.write(ctx, func(ctx context.Context) error {
		pipe := t.client.Pipeline()
		lists = nil
		for _, user := range users {
			lists = append(lists, pipe.LRange(ctx, t.key(fence.Epoch, user), 0, -1))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	folds := make([]fold, 0, len(users))
	for i, user := range users {
		if len(lists[i].Val()) == 0 {
			continue // dropped since
		}
		f, err := p.fold(t.key(fence.Epoch, user), lists[i].Val())
		if err != nil {
			return err
		}
		folds = append(folds, f)
	}
	return t.writeFolds(ctx, fence, folds)
}

// fold is a timeline that is to be written back.
type fold struct {
	key           string
	stamp         string // that was read
	length        int    // of the list that was read
	newest, older []byte
}

func (p *packed) fold(key string, list []string) (fold, error) {
	if len(list) < headAt {
		return fold{}, errDamaged
	}
	whole, _, err := stored{list[newestAt], list[olderAt], true, list[headAt:]}.unite(p.trim)
	if err != nil {
		return fold{}, err
	}
	f := fold{key: key, stamp: list[stampAt], length: len(list)}
	newest, older := whole, feed.Timeline{}
	if len(whole.Entries) > p.newest {
		newest.Entries, older.Entries = whole.Entries[:p.newest], whole.Entries[p.newest:]
		f.older = appendBlock(nil, block{Timeline: older})
	}
	f.newest = appendBlock(nil, block{newest, len(older.Entries) > 0})
	return f, nil
}

func (t *Timelines) writeFolds(ctx context.Context, fence feed.Fence, folds []fold) error {
	row, name := encodeRow(fence.Epoch, fence.Row), field(rowField, fence.Partition)
	var changed []*goredis.Cmd
	err := t.write(ctx, func(ctx context.Context) error {
		pipe := t.client.Pipeline()
		changed = nil
		for i, f := range folds {
			keys := []string{t.headKey(), f.key}
			args := []any{name, row, f.stamp, f.length, strconv.FormatUint(rand.Uint64(), 36), f.newest, f.older, t.expiry.Milliseconds()}
			changed = append(changed, evaluate(ctx, pipe, packedFold, i == 0, keys, args))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range changed {
		if n, err := c.Int(); err != nil || n == 0 {
			return cmp.Or(err, feed.ErrStale())
		}
	}
	return nil
}
