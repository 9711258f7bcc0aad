package feed

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"

	"agora/feed"
)

// block is a part of a timeline that is encoded on its own. It has all that is needed to decode it, the authors too.
type block struct {
	feed.Timeline
	more bool // older entries are in the next block
}

const (
	blockLayout = 1 << 3 // in the first byte; another layout takes another number
	flagBase    = 1 << 0 // the script packedMerge tests it
	flagFloor   = 1 << 1
	flagMore    = 1 << 2

	timeBytes  = 6 // at the front of a post's identifier
	leastEntry = 1 + len(feed.PostID{}) - timeBytes + 1 + 1
	usualEntry = 24 // bytes
	leastBlock = 2
)

var errDamaged = errors.New("a stored timeline is damaged")

// beforeAll is the time that the first entry is encoded against.
const beforeAll = 1<<(8*timeBytes) - 1

func timeOf(post *feed.PostID) uint64 { return binary.BigEndian.Uint64(post[:8]) >> 16 }

// appendBlock encodes a block: layout and flags, the floor if there is one, the number of entries, and the entries, newest
// first. An entry is what it differs in from the one before: time of the post, the random rest of its identifier, position,
// author. The first time an author comes, that is 0 and the identifier, and later the number that the author got then.
func appendBlock(to []byte, b block) []byte {
	to = slices.Grow(to, leastBlock+len(b.Entries)*usualEntry)
	flags := byte(blockLayout)
	if b.Base {
		flags |= flagBase
	}
	if b.more {
		flags |= flagMore
	}
	if b.Floor == (feed.PostID{}) {
		to = append(to, flags)
	} else {
		to = append(append(to, flags|flagFloor), b.Floor[:]...)
	}
	to = binary.AppendUvarint(to, uint64(len(b.Entries)))
	n := numbersPool.Get().(numbers)
	defer numbersPool.Put(n)
	clear(n)
	time, at := uint64(beforeAll), feed.Position(0)
	for i := range b.Entries {
		e := &b.Entries[i]
		to = binary.AppendUvarint(to, time-timeOf(&e.Post))
		to = append(to, e.Post[timeBytes:]...)
		to = binary.AppendVarint(to, int64(e.At-at))
		to = n.appendAuthor(to, e.Author)
		time, at = timeOf(&e.Post), e.At
	}
	return to
}

// numbers are those that authors have got in a block, from 1 on. They are used again, because each operand needs some.
type numbers map[feed.UserID]uint64

var numbersPool = sync.Pool{New: func() any { return numbers{} }}

func (n numbers) appendAuthor(to []byte, author feed.UserID) []byte {
	if number, known := n[author]; known {
		return binary.AppendUvarint(to, number)
	}
	n[author] = uint64(len(n) + 1)
	return append(append(to, 0), author[:]...)
}

func decodeBlock(data []byte) (b block, err error) {
	d := decoder{rest: data, time: beforeAll}
	flags := d.byte()
	if flags&^(flagBase|flagFloor|flagMore) != blockLayout {
		return block{}, errDamaged
	}
	b.Base, b.more = flags&flagBase != 0, flags&flagMore != 0
	if flags&flagFloor != 0 {
		d.copy(b.Floor[:])
	}
	count := d.uvarint()
	if d.failed || count > uint64(len(d.rest)/leastEntry) {
		return block{}, errDamaged
	}
	b.Entries = make([]feed.Entry, count)
	for i := range b.Entries {
		d.entry(&b.Entries[i])
	}
	if d.failed || len(d.rest) > 0 {
		return block{}, errDamaged
	}
	return b, nil
}

// decodeUnited decodes blocks that overlap, and unites them. It trims nothing.
func decodeUnited(blocks []string) (united feed.Timeline, err error) {
	for _, data := range blocks {
		b, err := decodeBlock([]byte(data))
		if err != nil {
			return feed.Timeline{}, err
		}
		united = b.Merge(united, feed.Trim{Above: math.MaxInt})
	}
	return united, nil
}

// decoder decodes parts of a block from the front of rest. After the first that is damaged, failed stays true.
type decoder struct {
	rest    []byte
	time    uint64
	at      feed.Position
	authors []feed.UserID
	failed  bool
}

func (d *decoder) fail() { d.failed, d.rest = true, nil }

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	first := d.rest[0]
	d.rest = d.rest[1:]
	return first
}

func (d *decoder) copy(to []byte) {
	if len(d.rest) < len(to) {
		d.fail()
		return
	}
	d.rest = d.rest[copy(to, d.rest):]
}

func (d *decoder) uvarint() uint64 {
	value, n := binary.Uvarint(d.rest)
	if n < 1 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return value
}

func (d *decoder) varint() int64 {
	value, n := binary.Varint(d.rest)
	if n < 1 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return value
}

func (d *decoder) entry(e *feed.Entry) {
	before := d.uvarint()
	if before > d.time {
		d.fail()
		return
	}
	d.time -= before
	binary.BigEndian.PutUint64(e.Post[:8], d.time<<16)
	d.copy(e.Post[timeBytes:])
	d.at += feed.Position(d.varint())
	e.At = d.at
	number := d.uvarint()
	switch {
	case d.failed:
	case number == 0:
		d.copy(e.Author[:])
		d.authors = append(d.authors, e.Author)
	case number <= uint64(len(d.authors)):
		e.Author = d.authors[number-1]
	default:
		d.fail()
	}
}
