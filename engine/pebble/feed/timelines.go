package feed

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// Timelines is the feed.TimelineStore. Each call of Merge is durable when it returns, and so is each Advance.
//
// How many merges a row has is not stored: after a restart it has none, so that a leader of before has to claim again.
type Timelines struct {
	db       *pebble.DB
	ordinals *ordinals
	trim     feed.Trim

	ingestBytes int // the size of operands from which they are written as files of their own

	newest *recent[newest]

	head    atomic.Pointer[timelinesState] // nil without a head
	writing sync.RWMutex                   // held by all writers, and alone by those who change head
}

// timelinesState is a head and the number of merges since each row was written. The head does not change.
type timelinesState struct {
	feed.Head
	merges []*atomic.Int64
}

var _ feed.TimelineStore = (*Timelines)(nil)

// newest are the newest entries of a timeline, decoded.
type newest struct {
	epoch uint64
	feed.Timeline
	cut bool // the timeline has more entries below
}

const (
	newestEntries = 64
	newestBytes   = 3 << 10 // about what they take
)

// OpenTimelines opens the timelines in a folder, as pebble.Open does. A quarter of CacheBytes is for the newest entries of
// timelines, and not for blocks.
func OpenTimelines(dir string, trim feed.Trim, o pebble.Options) (*Timelines, error) {
	newestCache := newRecent[newest](int(o.CacheBytes / 4 / newestBytes))
	o.CacheBytes -= o.CacheBytes / 4
	db, err := pebble.OpenForm(dir, o, pebble.Form{Version: timelinesVersion, Merger: newMerger(trim), Ingests: true, Tune: tuneTimelines})
	if err != nil {
		return nil, err
	}
	t := &Timelines{db: db, trim: trim, ingestBytes: defaultIngestBytes, newest: newestCache}
	if t.ordinals, err = loadOrdinals(db); err == nil {
		err = t.load()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return t, nil
}

// timelinesBase is the size of the level that runs are merged into first. It holds a fair part of full timelines, so that
// there are two levels: each further one would write all of them once more.
const timelinesBase = 768 << 20

func tuneTimelines(o *cockroach.Options) {
	for i := range o.Levels {
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression } // most of it is random
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.LBaseMaxBytes = timelinesBase
	o.L0CompactionThreshold, o.L0StopWritesThreshold = 8, 24
}

// load reads the head.
func (t *Timelines) load() error {
	value, ok, err := t.db.Get(key(timelinesHead))
	if err != nil || !ok {
		return fault.Wrap(fault.Unavailable, err, "the head of the timelines cannot be read")
	}
	d := pebble.Decoder{Rest: value}
	head := feed.Head{Epoch: d.Uvarint(), Strategy: feed.Strategy(d.String())}
	rows := d.Uvarint()
	if d.Failed {
		return fmt.Errorf("head of the timelines: %w", errDamaged)
	}
	for p := range uint32(rows) {
		value, _, err := t.db.Get(key(timelineRows, key32(p)))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "the rows of the timelines cannot be read")
		}
		row, err := decodeReach(&pebble.Decoder{Rest: value})
		if err != nil {
			return fmt.Errorf("row %d of the timelines: %w", p, err)
		}
		head.Rows = append(head.Rows, row)
	}
	t.head.Store(newState(head))
	return nil
}

func newState(head feed.Head) *timelinesState {
	s := &timelinesState{Head: head, merges: make([]*atomic.Int64, len(head.Rows))}
	for p := range s.merges {
		s.merges[p] = new(atomic.Int64)
	}
	return s
}

// current reports whether the row is that of the fence.
func (s *timelinesState) current(f feed.Fence) bool {
	if s == nil || s.Epoch != f.Epoch || f.Partition >= len(s.Rows) {
		return false
	}
	return s.Rows[f.Partition].Equal(f.Row)
}

// Close closes the files. The store must not be used after it.
func (t *Timelines) Close() error { return t.db.Close() }

// Err returns why the database refuses writes, or nil.
func (t *Timelines) Err() error { return t.db.Err() }

// Bytes returns about how much memory and disk the timelines take. Timelines that were merged last are in memory, in
// what Pebble has allocated for such tables.
func (t *Timelines) Bytes() (memory, disk uint64, err error) {
	disk, err = t.db.Pebble().EstimateDiskUsage(key(timelines), key(timelines+1))
	m := t.db.Pebble().Metrics()
	return m.MemTable.Size + uint64(m.BlockCache.Size), disk, fault.Wrap(fault.Unavailable, err, "the size of the timelines is unknown")
}

// Head implements feed.TimelineStore.
func (t *Timelines) Head(ctx context.Context) (head feed.Head, ok bool, err error) {
	s := t.head.Load()
	if s == nil {
		return feed.Head{}, false, ctx.Err()
	}
	head = s.Head
	head.Rows = slices.Clone(head.Rows)
	return head, true, ctx.Err()
}

// Begin implements feed.TimelineStore. Pebble deletes the timelines of the epoch before in the background.
func (t *Timelines) Begin(ctx context.Context, was uint64, head feed.Head) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	var epoch uint64
	if s := t.head.Load(); s != nil {
		epoch = s.Epoch
	}
	if epoch != was {
		return feed.ErrStale()
	}
	value := binary.AppendUvarint(pebble.AppendString(binary.AppendUvarint(nil, head.Epoch), string(head.Strategy)), uint64(len(head.Rows)))
	err := t.db.Commit(func(b *cockroach.Batch) error {
		err := errors.Join(
			b.DeleteRange(key(timelines), key(timelines+1), nil),
			b.DeleteRange(key(timelineRows), key(timelineRows+1), nil),
			b.Set(key(timelinesHead), value, nil))
		for p, r := range head.Rows {
			err = errors.Join(err, b.Set(key(timelineRows, key32(uint32(p))), appendReach(nil, r), nil))
		}
		return err
	})
	if err != nil {
		return err
	}
	head.Rows = slices.Clone(head.Rows)
	t.head.Store(newState(head))
	return nil
}

// appendTimelineKey appends the key of a timeline. The partition comes before the user, so that the files of a run, of
// which each has one partition, do not overlap: Pebble counts them as one level then.
func appendTimelineKey(to []byte, epoch uint64, partition int, user feed.UserID) []byte {
	to = binary.BigEndian.AppendUint64(append(to, byte(timelines)), epoch)
	return append(binary.BigEndian.AppendUint32(to, uint32(partition)), user[:]...)
}

// Read implements feed.TimelineStore.
func (t *Timelines) Read(ctx context.Context, user feed.UserID, partition int, before feed.PostID, limit int) (feed.Row, feed.Timeline, error) {
	for {
		s := t.head.Load()
		if s == nil || partition >= len(s.Rows) {
			return feed.Row{}, feed.Timeline{}, ctx.Err()
		}
		timeline, err := t.timeline(ctx, s.Epoch, partition, user, before, limit)
		if err != nil {
			return feed.Row{}, feed.Timeline{}, err
		}
		row := s.Rows[partition]
		if t.head.Load().current(feed.Fence{Epoch: s.Epoch, Partition: partition, Row: row}) {
			return row, timeline, nil // row and timeline were there at one moment
		}
	}
}

// timeline returns the newest entries of a timeline below an identifier, from memory if they are there.
func (t *Timelines) timeline(ctx context.Context, epoch uint64, partition int, user feed.UserID, before feed.PostID, limit int) (feed.Timeline, error) {
	held, changes, ok := t.newest.get(user)
	if ok && held.epoch == epoch {
		below := held.Below(before, limit)
		if !held.cut || len(below.Entries) == limit {
			return below, ctx.Err()
		}
	}
	timeline, err := t.read(ctx, appendTimelineKey(nil, epoch, partition, user), before, limit)
	if err == nil && before == newestOf && limit <= newestEntries {
		t.newest.keep(user, newest{epoch, timeline, len(timeline.Entries) == limit}, changes)
	}
	return timeline, err
}

// newestOf is the identifier that no post of a first page is above.
var newestOf = feed.PostID(bytes.Repeat([]byte{255}, len(feed.PostID{})))

func (t *Timelines) read(ctx context.Context, at []byte, before feed.PostID, limit int) (timeline feed.Timeline, err error) {
	if err := ctx.Err(); err != nil {
		return feed.Timeline{}, err
	}
	value, closer, err := t.db.Pebble().Get(at)
	if errors.Is(err, cockroach.ErrNotFound) {
		return feed.Timeline{}, nil
	}
	if err != nil {
		return feed.Timeline{}, fault.Wrap(fault.Unavailable, err, "a timeline cannot be read")
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	h, w, err := decodeHeader(value)
	if err != nil || !h.base {
		return feed.Timeline{}, err
	}
	timeline = feed.Timeline{Base: true, Floor: h.floor, Entries: make([]feed.Entry, 0, min(limit, h.count))}
	for w.next() {
		if bytes.Compare(w.entry.post[:], before[:]) >= 0 {
			continue
		}
		if len(timeline.Entries) == limit {
			timeline.Floor = w.entry.post
			return timeline, nil
		}
		author, err := t.ordinals.user(ctx, w.entry.author)
		if err != nil {
			return feed.Timeline{}, err
		}
		timeline.Entries = append(timeline.Entries, feed.Entry{Post: w.entry.post, Author: author, At: w.entry.at})
	}
	if w.damaged {
		return feed.Timeline{}, errDamaged
	}
	return timeline, nil
}

// Advance implements feed.TimelineStore.
func (t *Timelines) Advance(ctx context.Context, fence feed.Fence, to feed.Row) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	s := t.head.Load()
	if !s.current(fence) || fence.Merges != feed.AnyMerges && int64(fence.Merges) != s.merges[fence.Partition].Load() {
		return feed.ErrStale()
	}
	if err := write(ctx, t.db, []row{{key(timelineRows, key32(uint32(fence.Partition))), appendReach(nil, to)}}); err != nil {
		return err
	}
	next := &timelinesState{Head: s.Head, merges: slices.Clone(s.merges)}
	next.Rows = slices.Clone(s.Rows)
	next.Rows[fence.Partition], next.merges[fence.Partition] = to, new(atomic.Int64)
	t.head.Store(next)
	return nil
}

// Drop implements feed.TimelineStore.
func (t *Timelines) Drop(ctx context.Context, epoch uint64, users ...feed.UserID) error {
	t.writing.RLock()
	defer t.writing.RUnlock()
	s := t.head.Load()
	if s == nil || s.Epoch != epoch {
		return ctx.Err() // Begin has removed them
	}
	shape := feed.Shape{Graph: len(s.Rows)}
	rows := make([]row, len(users))
	for i, user := range users {
		rows[i].key = appendTimelineKey(nil, epoch, shape.GraphOf(user), user)
	}
	err := write(ctx, t.db, rows)
	for _, user := range users {
		t.newest.forget(user)
	}
	return err
}
