package feed

import (
	"cmp"
	"context"

	goredis "github.com/redis/go-redis/v9"

	"agora/feed"
)

// packed stores a timeline as a hash of three blocks or lists of blocks:
//
//	h  the head: operands as they came
//	a  the newest entries of what was folded
//	b  the older ones; missing if there are none
//
// A merge appends an operand to the head, which is all that Redis does for nearly all merges. A head that has grown long is
// folded: the writer reads the timeline, unites it, and writes it back. So a read needs the head and a, and Lua compares no
// identifiers, which it could not do well: its order of strings follows the locale of the server.
type packed struct {
	store *Timelines
	trim  feed.Trim

	headBytes int // a head that is longer is folded
	newest    int // entries of the block a
}

const (
	// defaultHeadBytes is as much as a read should take: 130 entries. Half as much would fold twice as often.
	defaultHeadBytes = 4 << 10
	// defaultNewest is more than what feed.Reader reads for a page of 20 posts, and takes 2 KB.
	defaultNewest = 64
)

var packedMerge = goredis.NewScript(mergeHead + `
local longest = tonumber(ARGV[7])
for i = 2, #KEYS do
  local key, block = KEYS[i], ARGV[i + 6]
  local head = redis.call('HGET', key, 'h')
  if head or string.byte(block) % 2 == 1 then
    head = (head or '') .. block
    redis.call('HSET', key, 'h', head)
    redis.call('PEXPIRE', key, expiry)
    if #head > longest then answer[#answer + 1] = i - 2 end
  end
end
return answer`)

func (p *packed) mergeScript() *goredis.Script { return packedMerge }
func (p *packed) bounds() []any                { return []any{p.headBytes} }

func (p *packed) encode(to []byte, o feed.Timeline) []byte {
	return appendBlock(to, block{Timeline: trimmed(o, p.trim)})
}

var packedRead = goredis.NewScript(readHead + `
local stored = redis.call('HMGET', KEYS[2], 'h', 'a')
local older = ARGV[3] == 'all' and (redis.call('HGET', KEYS[2], 'b') or '')
return {epoch, row, stored[1], stored[2], older}`)

func (p *packed) readScript() *goredis.Script { return packedRead }

func (p *packed) part(_ feed.PostID, limit, try int) []any {
	if try > 0 || limit >= p.newest {
		return []any{"all"}
	}
	return []any{"newest"}
}

func (p *packed) decode(stored []any, before feed.PostID, limit int) (feed.Timeline, bool, error) {
	s, ok, err := parse(stored)
	if !ok || err != nil {
		return feed.Timeline{}, true, err
	}
	whole, least, err := s.unite(p.trim)
	if err != nil {
		return feed.Timeline{}, false, err
	}
	part := whole.Below(before, limit)
	return part, part.Floor.Compare(least) >= 0, nil
}

// stored are the parts of a timeline.
type stored struct{ head, newest, older []byte }

// parse takes the values of h, a and b. ok is false if there is no timeline.
func parse(values []any) (s stored, ok bool, err error) {
	parts := []*[]byte{&s.head, &s.newest, &s.older}
	if len(values) != len(parts) {
		return stored{}, false, errDamaged
	}
	for i, v := range values {
		if text, there := v.(string); there {
			*parts[i] = []byte(text)
		} else if i == 0 {
			return stored{}, false, nil
		}
	}
	return s, true, nil
}

// unite decodes the timeline. If there is an older part that was not read, entries below least may be missing.
func (s stored) unite(trim feed.Trim) (whole feed.Timeline, least feed.PostID, err error) {
	head, err := decodeUnited(s.head)
	if err != nil {
		return feed.Timeline{}, least, err
	}
	var folded block
	if len(s.newest) > 0 {
		if folded, err = decodeWhole(s.newest); err != nil {
			return feed.Timeline{}, least, err
		}
	}
	switch {
	case folded.more && s.older != nil:
		older, err := decodeWhole(s.older)
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
local head = redis.call('HGET', KEYS[2], 'h')
local was = ARGV[3]
if not head or string.sub(head, 1, #was) ~= was then return 1 end
redis.call('HSET', KEYS[2], 'h', string.sub(head, #was + 1), 'a', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'b', ARGV[5]) else redis.call('HDEL', KEYS[2], 'b') end
return 1`)

// settle folds timelines.
func (p *packed) settle(ctx context.Context, fence feed.Fence, users []feed.UserID) error {
	t := p.store
	var read []*goredis.SliceCmd
	err := t.write(ctx, func(ctx context.Context) error {
		pipe := t.client.Pipeline()
		read = nil
		for _, user := range users {
			read = append(read, pipe.HMGet(ctx, t.key(fence.Epoch, user), "h", "a", "b"))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	folds := make([]fold, 0, len(users))
	for i, user := range users {
		f, ok, err := p.fold(t.key(fence.Epoch, user), read[i].Val())
		if err != nil {
			return err
		}
		if ok {
			folds = append(folds, f)
		}
	}
	return t.writeFolds(ctx, fence, folds)
}

// fold is a timeline that is to be written back.
type fold struct {
	key                string
	was, newest, older []byte // was is the head that was read
}

func (p *packed) fold(key string, values []any) (f fold, ok bool, err error) {
	s, ok, err := parse(values)
	if !ok || err != nil {
		return fold{}, false, err
	}
	whole, least, err := s.unite(p.trim)
	if err == nil && least != (feed.PostID{}) {
		err = errDamaged
	}
	if err != nil {
		return fold{}, false, err
	}
	newest, older := whole, feed.Timeline{}
	if len(whole.Entries) > p.newest {
		newest.Entries, older.Entries = whole.Entries[:p.newest], whole.Entries[p.newest:]
		f.older = appendBlock(nil, block{Timeline: older})
	}
	f.key, f.was, f.newest = key, s.head, appendBlock(nil, block{newest, len(older.Entries) > 0})
	return f, true, nil
}

func (t *Timelines) writeFolds(ctx context.Context, fence feed.Fence, folds []fold) error {
	row, name := encodeRow(fence.Epoch, fence.Row), field(rowField, fence.Partition)
	var changed []*goredis.Cmd
	err := t.write(ctx, func(ctx context.Context) error {
		pipe := t.client.Pipeline()
		changed = nil
		for i, f := range folds {
			keys, args := []string{t.headKey(), f.key}, []any{name, row, f.was, f.newest, f.older}
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
