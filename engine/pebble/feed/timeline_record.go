package feed

import (
	"bytes"
	"encoding/binary"

	"agora/feed"
)

// entry is an entry of a stored timeline. Its author is an ordinal.
type entry struct {
	post   feed.PostID
	at     feed.Position
	author uint32
}

const (
	timelineLayout = 1 << 2 // in the first byte; another layout takes another number
	flagBase       = 1 << 0
	flagFloor      = 1 << 1

	maxHeader = 1 + len(feed.PostID{}) + binary.MaxVarintLen64
	timeBytes = 6 // at the front of a post's identifier
)

// timelineHeader is the front of a stored timeline: layout and flags, the floor if there is one, and the number of
// entries. The entries follow, newest first.
type timelineHeader struct {
	base  bool
	floor feed.PostID
	count int
}

// appendHeader encodes a header.
func appendHeader(to []byte, h timelineHeader) []byte {
	flags := byte(timelineLayout)
	if h.base {
		flags |= flagBase
	}
	if h.floor == (feed.PostID{}) {
		to = append(to, flags)
	} else {
		to = append(append(to, flags|flagFloor), h.floor[:]...)
	}
	return binary.AppendUvarint(to, uint64(h.count))
}

// decodeHeader reads a header, and returns the entries, which are still encoded.
func decodeHeader(data []byte) (h timelineHeader, entries walker, err error) {
	if len(data) == 0 || data[0]&^(flagBase|flagFloor) != timelineLayout {
		return h, walker{}, errDamaged
	}
	h.base = data[0]&flagBase != 0
	rest := data[1:]
	if data[0]&flagFloor != 0 {
		if len(rest) < len(h.floor) {
			return h, walker{}, errDamaged
		}
		copy(h.floor[:], rest)
		rest = rest[len(h.floor):]
	}
	count, n := binary.Uvarint(rest)
	if n < 1 || count > uint64(len(rest)) {
		return h, walker{}, errDamaged
	}
	h.count = int(count)
	return h, walker{rest: rest[n:], left: h.count, time: beforeAll}, nil
}

// beforeAll is the time that the first entry is encoded against.
const beforeAll = 1<<(8*timeBytes) - 1

func timeOf(post *feed.PostID) uint64 { return binary.BigEndian.Uint64(post[:8]) >> 16 }

// encoder encodes entries, each as what it differs from the one before: time of the post, the random rest of its
// identifier, position, author. That takes about 20 bytes.
type encoder struct {
	out  []byte
	time uint64
	at   feed.Position
}

func (e *encoder) add(entry *entry) {
	time := timeOf(&entry.post)
	e.out = binary.AppendUvarint(e.out, e.time-time)
	e.out = append(e.out, entry.post[timeBytes:]...)
	e.out = binary.AppendVarint(e.out, int64(entry.at-e.at))
	e.out = binary.AppendUvarint(e.out, uint64(entry.author))
	e.time, e.at = time, entry.at
}

// walker decodes entries one by one. After next has returned true, entry is the next one; after false there is none
// left, or the rest is damaged.
type walker struct {
	entry   entry
	rest    []byte // of the entries after entry
	left    int    // how many these are
	time    uint64
	damaged bool
}

func (w *walker) next() bool {
	if w.left == 0 {
		w.damaged = w.damaged || len(w.rest) > 0
		return false
	}
	before, n := binary.Uvarint(w.rest)
	if n < 1 || before > w.time || len(w.rest) < n+10 {
		return w.fail()
	}
	w.time -= before
	binary.BigEndian.PutUint64(w.entry.post[:8], w.time<<16)
	copy(w.entry.post[timeBytes:], w.rest[n:n+10])
	w.rest = w.rest[n+10:]
	at, n := binary.Varint(w.rest)
	if n < 1 {
		return w.fail()
	}
	w.entry.at += feed.Position(at)
	w.rest = w.rest[n:]
	author, n := binary.Uvarint(w.rest)
	if n < 1 {
		return w.fail()
	}
	w.entry.author = uint32(author)
	w.rest = w.rest[n:]
	w.left--
	return true
}

func (w *walker) fail() bool {
	w.left, w.rest, w.damaged = 0, nil, true
	return false
}

// unite merges two encoded timelines, as feed.Timeline.Merge does, and appends the result to out. The entries of one
// that are older than all of the other are copied as they are, which is nearly all of a merge of a run into a full timeline.
func unite(out, a, b []byte, trim feed.Trim) ([]byte, error) {
	x, from, err := decodeHeader(a)
	if err != nil {
		return nil, err
	}
	y, other, err := decodeHeader(b)
	if err != nil {
		return nil, err
	}
	start := len(out)
	out = append(out, make([]byte, maxHeader)...) // the header comes last, because it has the number of entries
	u := uniting{encoder: encoder{out: out, time: beforeAll}, header: timelineHeader{base: x.base || y.base, floor: x.floor}}
	if bytes.Compare(y.floor[:], x.floor[:]) > 0 {
		u.header.floor = y.floor
	}
	u.merge(&from, &other, x.floor == u.header.floor, y.floor == u.header.floor)
	if from.damaged || other.damaged {
		return nil, errDamaged
	}
	entries := u.out[start+maxHeader:]
	if u.header.count > trim.Above {
		entries = u.header.trim(entries, trim.Keep)
	}
	header := appendHeader(make([]byte, 0, maxHeader), u.header)
	begin := start + maxHeader - len(header)
	copy(u.out[begin:], header)
	end := start + maxHeader + len(entries)
	return append(u.out[:start], u.out[begin:end]...), nil
}

// uniting is the result of unite while it grows.
type uniting struct {
	encoder
	header timelineHeader
}

// merge adds the entries of both, as long as they are above the floor. xAbove says that all of x are, yAbove that all of
// y are.
func (u *uniting) merge(x, y *walker, xAbove, yAbove bool) {
	inX, inY := u.above(x), u.above(y)
	for inX && inY {
		switch c := bytes.Compare(x.entry.post[:], y.entry.post[:]); {
		case c > 0:
			u.take(&x.entry)
			inX = u.above(x)
		case c < 0:
			u.take(&y.entry)
			inY = u.above(y)
		default:
			both := x.entry // a copy: the next entry of x is encoded against this one
			both.at = both.at.First(y.entry.at)
			u.take(&both)
			inX, inY = u.above(x), u.above(y)
		}
	}
	u.rest(x, inX, xAbove)
	u.rest(y, inY, yAbove)
}

func (u *uniting) take(e *entry) {
	u.add(e)
	u.header.count++
}

// above moves to the next entry, and reports whether it is there and above the floor.
func (u *uniting) above(w *walker) bool {
	return w.next() && bytes.Compare(w.entry.post[:], u.header.floor[:]) > 0
}

// rest adds the present entry, if there is one, and all after it.
func (u *uniting) rest(w *walker, in, above bool) {
	if in && above {
		u.take(&w.entry)
		u.out = append(u.out, w.rest...)
		u.header.count += w.left
		return
	}
	for in {
		u.take(&w.entry)
		in = u.above(w)
	}
}

// trim drops all entries but the newest ones, and raises the floor to the first that it drops.
func (h *timelineHeader) trim(entries []byte, keep int) []byte {
	w := walker{rest: entries, left: h.count, time: beforeAll}
	for range keep {
		w.next()
	}
	kept := entries[:len(entries)-len(w.rest)]
	w.next()
	h.count, h.floor = keep, w.entry.post
	return kept
}
