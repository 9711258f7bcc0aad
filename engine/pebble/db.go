// Package pebble is the embedded engine for data that is written in order and read by key or by range. It uses Pebble
// (https://github.com/cockroachdb/pebble), a log-structured merge tree in this process. A DB is one folder, which one
// process has open at a time. Each store of this package has a key prefix of its own in it.
package pebble

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

// Options size a database. The zero Options suit a program that has less than 1 GB for everything.
type Options struct {
	CacheBytes    int64        // blocks of files kept in memory; 0 means 32 MiB
	MemTableBytes uint64       // size of one table of recent writes, of which up to four are held; 0 means 16 MiB
	Logger        *slog.Logger // gets Pebble's reports, at debug level, and its errors; nil means none

	// ReserveBytes is how much of the disk stays free: with less, writes fail with fault.Unavailable, until there is room
	// again. Pebble itself does not recover from a full disk. 0 means no reserve.
	ReserveBytes uint64

	FS vfs.FS // where the folder is; nil means the disk
}

// DB is an open database. Its stores share its files, its memory and its group commit.
type DB struct {
	db      *pebble.DB
	options *pebble.Options
	dir     string
	fs      vfs.FS
	reserve uint64
	files   atomic.Uint64 // that were ingested

	token   chan struct{} // full while one caller commits the writes of all that wait
	mu      sync.Mutex
	waiting []*write
	refused error // why further writes are refused: the database failed or is closed
}

// prefix is the first byte of every key of a store. It is stored: a number never gets another meaning.
type prefix byte

const (
	logRecords   prefix = 1 // topic, partition, offset → record
	logTopics    prefix = 2 // topic → number of partitions
	logStarts    prefix = 3 // topic, partition → where the partition begins, once it was trimmed
	logCommitted prefix = 4 // topic, partition, group → offset
)

// Open opens the database in a folder, which is made if it is not there. A folder that another process has
// open is fault.Unavailable. A folder of a newer program is left as it is, and the error has the code fault.CodeNewerSchema.
func Open(dir string, o Options) (*DB, error) { return OpenForm(dir, o, Form{Version: formatVersion}) }

// Form is how a folder is stored. A chamber of this room has folders of its own, in its own form.
type Form struct {
	Version int64                 // of keys and values: docs/upgrading.md says when to raise it
	Merger  *pebble.Merger        // of merged values; nil if there are none
	Ingests bool                  // whether IngestMerges or IngestSets is called
	Tune    func(*pebble.Options) // sets what Options does not have; nil for nothing
}

// OpenForm is Open for a folder of another form.
func OpenForm(dir string, o Options, form Form) (*DB, error) {
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	found, err := readVersion(fs, dir)
	if err != nil {
		return nil, err
	}
	if found > form.Version {
		return nil, fault.ErrNewerSchema(dir, found, form.Version)
	}
	options := &pebble.Options{
		FS:                 fs,
		CacheSize:          cmp.Or(o.CacheBytes, 32<<20),
		MemTableSize:       cmp.Or(o.MemTableBytes, 16<<20),
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             logger{cmp.Or(o.Logger, slog.New(slog.DiscardHandler))},
		Merger:             form.Merger,
	}
	if form.Tune != nil {
		form.Tune(options)
	}
	options.EnsureDefaults()
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("the database in %s cannot be opened", dir))
	}
	if form.Ingests {
		if err := emptyIngestFolder(fs, dir); err != nil {
			return nil, errors.Join(fault.Wrap(fault.Unavailable, err, "the folder "+dir+" cannot be written"), db.Close())
		}
	}
	if found < form.Version {
		if err := writeVersion(fs, dir, form.Version); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return &DB{db: db, options: options, dir: dir, fs: fs, reserve: o.ReserveBytes, token: make(chan struct{}, 1)}, nil
}

// Pebble returns the database for reads. Writes go through Commit and Ingest.
func (db *DB) Pebble() *pebble.DB { return db.db }

var errClosed = errors.New("the database is closed")

// Close waits for the current writes and closes the files. Stores must not be used after it. If the database has failed,
// Close returns that error.
func (db *DB) Close() error {
	db.token <- struct{}{}
	defer func() { <-db.token }()
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

// Err returns why the database refuses writes, or nil. A failed write to the disk is final, because what the disk has is
// unknown after it: the process has to end and open the folder again.
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

// Fatalf ends the process and does not return: Pebble calls it when it cannot go on without damage to its files, for
// example because it cannot write its manifest. Acknowledged writes are on the disk, and the next start recovers them. The
// panic has a goroutine of its own, because net/http and others recover a panic of the caller.
func (l logger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.log.Error(message)
	go panic("pebble: " + message)
	select {}
}
