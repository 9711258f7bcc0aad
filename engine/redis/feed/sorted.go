package feed

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"agora/feed"
)

// sorted stores a timeline as a sorted set. A member is the post, the position and the author in bytes; its score is the
// time of the post, so that members sort by post. The floor is a member of its own with the lowest score, and stands for the base too.
//
// A post that is merged with two positions is two members until the timeline is trimmed; reads take the lower position.
type sorted struct{ trim feed.Trim }

const (
	postBytes   = len(feed.PostID{})
	memberBytes = postBytes + 8 + len(feed.UserID{})
)

// An operand is '1' with a base or '0', the floor, and the members. Of several floors the highest one stays.
var sortedMerge = goredis.NewScript(mergeHead + `
local above, keep = tonumber(ARGV[7]), tonumber(ARGV[8])
for i = 2, #KEYS do
  local key, operand = KEYS[i], ARGV[i + 7]
  if string.sub(operand, 1, 1) == '1' or redis.call('ZCOUNT', key, -1, -1) > 0 then
    redis.call('ZADD', key, -1, string.sub(operand, 2, 17))
    local members = {}
    for at = 18, #operand, 40 do
      members[#members + 1] = struct.unpack('>I6', operand, at)
      members[#members + 1] = string.sub(operand, at, at + 39)
      if #members == 1000 or at + 40 > #operand then
        redis.call('ZADD', key, unpack(members))
        members = {}
      end
    end
    local floors = redis.call('ZCOUNT', key, -1, -1)
    local count = redis.call('ZCARD', key) - floors
    if count > above then
      local cut = redis.call('ZREVRANGE', key, keep, keep)[1]
      redis.call('ZREMRANGEBYRANK', key, floors, floors + count - keep - 1)
      floors = floors + redis.call('ZADD', key, -1, string.sub(cut, 1, 16))
    end
    if floors > 1 then redis.call('ZREMRANGEBYRANK', key, 0, floors - 2) end
    redis.call('PEXPIRE', key, expiry)
  end
end
return answer`)

func (s *sorted) mergeScript() *goredis.Script { return sortedMerge }
func (s *sorted) bounds() []any                { return []any{s.trim.Above, s.trim.Keep} }

func (s *sorted) encode(to []byte, o feed.Timeline) []byte {
	o = trimmed(o, s.trim)
	if o.Base {
		to = append(to, '1')
	} else {
		to = append(to, '0')
	}
	to = append(to, o.Floor[:]...)
	for i := range o.Entries {
		e := &o.Entries[i]
		to = append(to, e.Post[:]...)
		to = binary.BigEndian.AppendUint64(to, uint64(e.At))
		to = append(to, e.Author[:]...)
	}
	return to
}

func (s *sorted) settle(context.Context, feed.Fence, []feed.UserID) error { return nil }

// read asks for one entry more than the limit, and for more if some of them do not count.
func (s *sorted) read(ctx context.Context, tx goredis.Pipeliner, key string, before feed.PostID, limit, try int) func() (feed.Timeline, bool, error) {
	count := math.MaxInt32
	if limit < count>>(try+1) {
		count = (limit + 1) << try
	}
	floors := tx.ZRangeByScore(ctx, key, &goredis.ZRangeBy{Min: "-1", Max: "-1"})
	greatest := strconv.FormatUint(timeOf(&before), 10)
	members := tx.ZRevRangeByScore(ctx, key, &goredis.ZRangeBy{Min: "0", Max: greatest, Count: int64(count)})
	return func() (feed.Timeline, bool, error) {
		if len(floors.Val()) == 0 {
			return feed.Timeline{}, true, nil
		}
		timeline, whole, err := decodeSorted(floors.Val()[0], members.Val(), before)
		enough := whole || len(members.Val()) < count || len(timeline.Entries) > limit
		return timeline.Below(before, limit), enough, err
	}
}

// decodeSorted returns the entries below an identifier. whole says that the floor was reached.
func decodeSorted(floor string, members []string, before feed.PostID) (timeline feed.Timeline, whole bool, err error) {
	if len(floor) != postBytes {
		return feed.Timeline{}, false, errDamaged
	}
	timeline = feed.Timeline{Base: true, Floor: feed.PostID([]byte(floor))}
	for _, member := range members {
		if len(member) != memberBytes {
			return feed.Timeline{}, false, errDamaged
		}
		e := decodeMember(member)
		last := len(timeline.Entries) - 1
		switch {
		case e.Post.Compare(before) >= 0:
		case e.Post.Compare(timeline.Floor) <= 0:
			return timeline, true, nil
		case last >= 0 && timeline.Entries[last].Post == e.Post:
			timeline.Entries[last].At = timeline.Entries[last].At.First(e.At)
		default:
			timeline.Entries = append(timeline.Entries, e)
		}
	}
	return timeline, false, nil
}

func decodeMember(m string) (e feed.Entry) {
	n := copy(e.Post[:], m)
	e.At = feed.Position(word(m[n:], 0))
	copy(e.Author[:], m[n+wordBytes:])
	return e
}
