// Package feed stores the feed of package feed on Pebble, in two folders: one for posts and the graph, and one for
// timelines, which may be lost without harm. It is for a program whose servers all run in one process: one process has
// a folder open at a time.
package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"agora/engine/pebble"
	"agora/fault"
)

// rowsVersion is the version of the keys and values of posts and the graph: docs/upgrading.md says when to raise it.
const rowsVersion = 1

// timelinesVersion is the same for timelines.
const timelinesVersion = 1

// prefix is the first byte of every key. It is stored: a letter never gets another meaning.
//
// Of posts and the graph, with integers in keys big-endian:
//
//	postByID        post                   → post, as appendPost writes it
//	postByAuthor    author inverse(post)   → uvarint position; the newest post is first
//	postChanges     author position(8) post deleted(1) → nothing; the author's posts and deletions in the order of the log
//	claims          author key             → hash(32) post(16)
//	ordinalOfUser   user                   → uvarint ordinal
//	userOfOrdinal   ordinal(4)             → user
//	edgesFrom       user                   → the user's follows, blocks and mutes, as appendEdges writes them
//	blocksOf        user                   → blocks of the user by others, as appendEdges writes them
//	followersOf     user partition(4)      → followers, as appendSet writes them
//	followerCounts  user partition(4)      → varint followers, uvarint position
//	lastActive      partition(4) user      → uvarint microseconds
//	graphReach      partition(4)           → reach, as appendReach writes it
//	authorModes     author                 → changes, as appendModes writes them
//	logStarts       epoch(4)               → start of an epoch of the log, as appendStart writes it
//
// Of timelines, which have ordinals of their own:
//
//	timelines       epoch(8) partition(4) user  → timeline, as appendTimeline writes it; merged
//	timelinesHead                               → uvarint epoch, strategy, uvarint partitions
//	timelineRows    partition(4)                → row, as appendReach writes it
type prefix byte

const (
	postByID     prefix = 'i'
	postByAuthor prefix = 'p'
	postChanges  prefix = 'd'
	claims       prefix = 'k'

	ordinalOfUser prefix = 'o'
	userOfOrdinal prefix = 'O'

	edgesFrom      prefix = 'f'
	blocksOf       prefix = 'b'
	followersOf    prefix = 'r'
	followerCounts prefix = 'c'
	lastActive     prefix = 'a'
	graphReach     prefix = 'v'
	authorModes    prefix = 'm'
	logStarts      prefix = 'e'

	timelines     prefix = 't'
	timelinesHead prefix = 'h'
	timelineRows  prefix = 'w'
)

func key(p prefix, parts ...[]byte) []byte {
	made := make([]byte, 1, 42)
	made[0] = byte(p)
	for _, part := range parts {
		made = append(made, part...)
	}
	return made
}

func key32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// DB is the open database of posts and the graph.
type DB struct {
	db       *pebble.DB
	ordinals *ordinals
}

// Open opens the database of posts and the graph in a folder, as pebble.Open does.
func Open(dir string, o pebble.Options) (*DB, error) {
	db, err := pebble.OpenForm(dir, o, pebble.Form{Version: rowsVersion, Ingests: true, Tune: func(options *cockroach.Options) {
		for i := range options.Levels {
			options.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most posts that are inserted are not there yet
		}
	}})
	if err != nil {
		return nil, err
	}
	numbers, err := loadOrdinals(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &DB{db: db, ordinals: numbers}, nil
}

// Close closes the files. The stores must not be used after it.
func (d *DB) Close() error { return d.db.Close() }

// Err returns why the database refuses writes, or nil.
func (d *DB) Err() error { return d.db.Err() }

// row is a key and its value. One without a value is deleted.
type row struct{ key, value []byte }

// write makes rows durable, all or none. Without rows it fails if the database does: what the caller has found may be
// from a write that is not durable.
func write(ctx context.Context, db *pebble.DB, rows []row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(rows) == 0 {
		return fault.Wrap(fault.Unavailable, db.Err(), "the database takes no writes")
	}
	return db.Commit(func(b *cockroach.Batch) error {
		for _, r := range rows {
			var err error
			if r.value == nil {
				err = b.Delete(r.key, nil)
			} else {
				err = b.Set(r.key, r.value, nil)
			}
			if err != nil {
				return fmt.Errorf("set a row: %w", err)
			}
		}
		return nil
	})
}

// get returns the value of a key; ok is false if there is none.
func get(ctx context.Context, db *pebble.DB, key []byte) (value []byte, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	value, ok, err = db.Get(key)
	if err != nil {
		return nil, false, fault.Wrap(fault.Unavailable, err, "a row cannot be read")
	}
	return value, ok, nil
}

// scan calls visit for the rows that begin with a prefix, in the order of their keys, until it returns false.
// Key and value are valid during the call.
func scan(ctx context.Context, db *pebble.DB, prefix, from []byte, visit func(key, value []byte) (bool, error)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	iter, err := db.Pebble().NewIter(&cockroach.IterOptions{LowerBound: prefix, UpperBound: end(prefix)})
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "rows cannot be read")
	}
	defer func() {
		err = errors.Join(err, fault.Wrap(fault.Unavailable, iter.Close(), "rows cannot be read"))
	}()
	for ok := iter.SeekGE(from); ok; ok = iter.Next() {
		more, err := visit(iter.Key(), iter.Value())
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// end returns the least key after all that begin with a prefix.
func end(prefix []byte) []byte {
	after := append([]byte{}, prefix...)
	for i := len(after) - 1; i >= 0; i-- {
		if after[i]++; after[i] != 0 {
			return after[:i+1]
		}
	}
	return nil
}

// stripes are locks of which each is for a part of all identifiers.
type stripes [256]sync.Mutex

// lock locks the parts that the identifiers fall in, and returns what unlocks them.
func (s *stripes) lock(ids ...[16]byte) (unlock func()) {
	var taken [len(s)]bool
	for _, id := range ids {
		taken[id[15]] = true // a random byte
	}
	for i := range s { // in one order, so that two callers never wait for each other
		if taken[i] {
			s[i].Lock()
		}
	}
	return func() {
		for i := range s {
			if taken[i] {
				s[i].Unlock()
			}
		}
	}
}

var errDamaged = errors.New("a stored row is damaged")
