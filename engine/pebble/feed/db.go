// Package feed stores the feed of package feed on Pebble, in two folders: one for posts and the graph, and one for
// timelines, which may be lost without harm. It is for a program whose servers all run in one process: one process has
// a folder open at a time.
package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	cockroach "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// rowsVersion is the version of the keys and values of posts and the graph: docs/upgrading.md says when to raise it.
const rowsVersion = 1

// prefix is the first byte of every key. It is stored: a letter never gets another meaning.
//
//	postByID      post                  → post, as appendPost writes it
//	postByAuthor  author inverse(post)  → uvarint position; the newest post is first
//	claims        author key            → hash(32) post(16)
type prefix byte

const (
	postByID     prefix = 'i'
	postByAuthor prefix = 'p'
	claims       prefix = 'k'
)

func key(p prefix, parts ...[]byte) []byte {
	made := make([]byte, 1, 41)
	made[0] = byte(p)
	for _, part := range parts {
		made = append(made, part...)
	}
	return made
}

// DB is the open database of posts and the graph.
type DB struct{ db *pebble.DB }

// Open opens the database of posts and the graph in a folder, as pebble.Open does.
func Open(dir string, o pebble.Options) (*DB, error) {
	db, err := pebble.OpenForm(dir, o, pebble.Form{Version: rowsVersion, Tune: func(options *cockroach.Options) {
		for i := range options.Levels {
			options.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most posts that are inserted are not there yet
		}
	}})
	if err != nil {
		return nil, err
	}
	return &DB{db: db}, nil
}

// Close closes the files. The stores must not be used after it.
func (d *DB) Close() error { return d.db.Close() }

// Err returns why the database refuses writes, or nil.
func (d *DB) Err() error { return d.db.Err() }

// row is a key and its value.
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
			if err := b.Set(r.key, r.value, nil); err != nil {
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

// first returns the lower of two positions. One that is zero is not known.
func first(a, b feed.Position) feed.Position {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
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
