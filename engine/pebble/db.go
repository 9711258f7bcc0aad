// Package pebble is the embedded engine for data that is written in order and read by key or by range, on
// Pebble (https://github.com/cockroachdb/pebble), a log-structured merge tree in this process. One DB is one
// folder and holds every store of this package, each below a key prefix of its own.
//
// What it is not: a relational engine, for which there is package sqlite, or a server. A folder belongs to one process.
package pebble

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

// Options size a database. The zero Options suit a program that has less than 1 GB for everything.
type Options struct {
	CacheBytes    int64        // blocks of files kept in memory; 0 means 32 MiB
	MemTableBytes uint64       // size of one table of recent writes, of which up to four are held; 0 means 16 MiB
	Logger        *slog.Logger // Pebble's own reports, at debug level, and its errors; nil means none
}

// DB is an open database. Its stores share its files, its memory and its group commit.
type DB struct {
	db *pebble.DB

	turn    chan struct{} // holds a token while one of the writers commits for all that wait
	mu      sync.Mutex
	waiting []*write
	refused error // why no further write is taken: the database failed or is closed
}

// prefix is the first byte of every key of a store. Files depend on it: a number is never used again.
type prefix byte

const (
	logRecords   prefix = 1 // topic, partition, offset → record
	logTopics    prefix = 2 // topic → number of partitions
	logStarts    prefix = 3 // topic, partition → where the partition begins, once it was trimmed
	logCommitted prefix = 4 // topic, partition, group → offset
)

// Open opens the database in a folder, which is made if it is not there. A folder that another process has
// open is fault.Unavailable.
func Open(dir string, o Options) (*DB, error) { return open(dir, o, vfs.Default) }

func open(dir string, o Options, fs vfs.FS) (*DB, error) {
	db, err := pebble.Open(dir, &pebble.Options{
		FS:                 fs,
		CacheSize:          cmp.Or(o.CacheBytes, 32<<20),
		MemTableSize:       cmp.Or(o.MemTableBytes, 16<<20),
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             logger{cmp.Or(o.Logger, slog.New(slog.DiscardHandler))},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("the database in %s cannot be opened", dir))
	}
	return &DB{db: db, turn: make(chan struct{}, 1)}, nil
}

var errClosed = errors.New("the database is closed")

// Close waits for the writes under way and closes the files. Stores must not be used after it. If the database
// has failed, that is its error.
func (db *DB) Close() error {
	db.turn <- struct{}{}
	defer func() { <-db.turn }()
	failed := db.Err()
	if errors.Is(failed, errClosed) {
		return nil
	}
	db.refuse(errClosed)
	if err := errors.Join(failed, db.db.Close()); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Err returns why the database takes no more writes, or nil while it does. A failed write to the disk is
// final, because what the disk holds then is not known: the process has to end and open the folder again.
func (db *DB) Err() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.refused
}

func (db *DB) refuse(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.refused = err
}

// logger hands Pebble's reports to slog.
type logger struct{ log *slog.Logger }

var _ pebble.Logger = logger{}

func (l logger) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l logger) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf ends the process and does not return: Pebble has met a state, such as a manifest that cannot be written,
// in which it cannot go on without harm to its files. What was acknowledged is on disk, and the next start
// recovers it. The panic has a goroutine of its own because a caller's might be recovered, as by net/http.
func (l logger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.log.Error(message)
	go panic("pebble: " + message)
	select {}
}
