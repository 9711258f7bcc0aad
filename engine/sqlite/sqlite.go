// Package sqlite holds the embedded stores of agora: each port in a file of its own, over database files
// that have one writer with group commit and a pool of readers beside it.
//
// It is the only importer of the SQLite driver. What it is not: a place for rules. It stores, finds, and
// enforces only what its own transaction must, such as a unique key or stock that covers what is taken.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	"agora/fault"
)

//go:embed migrations
var migrations embed.FS

// database is one file: writes go through its writer, reads through a pool that sees the last commit.
type database struct {
	writer *writer
	read   reader
}

// open opens or creates the database file at path and brings it to the newest of the migrations below
// migrations/schema.
func open(ctx context.Context, path, schema string) (*database, error) {
	writing, err := connect(path, false)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, writing, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate %s: %w", filepath.Base(path), err), writing.Close())
	}
	w, err := newWriter(ctx, writing, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", filepath.Base(path), err), writing.Close())
	}
	reading, err := connect(path, true)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return &database{writer: w, read: reader{reading, w.durable}}, nil
}

// lockPatience is how long a connection waits for another process that holds the lock it needs.
const lockPatience = 10 * time.Second

// connect opens a pool. With synchronous=NORMAL a commit is written to the write-ahead log and not synced: durability
// does that. The writer's pool has one connection, because SQLite has one writer anyway.
func connect(path string, readOnly bool) (*sql.DB, error) {
	q := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_busy_timeout": {strconv.FormatInt(lockPatience.Milliseconds(), 10)},
		"_cache_size":   {"-32768"},
		"_query_only":   {strconv.FormatBool(readOnly)},
		// Reads that are not prepared by hand find their statement parsed already.
		"_stmt_cache_size": {"64"},
	}
	// SQLite reads its URI as one: what is special in a URI must not be so in a folder's name.
	name := (&url.URL{Path: path}).EscapedPath()
	db, err := sql.Open("sqlite3", "file:"+name+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	connections := 1
	if readOnly {
		connections = max(4, 2*runtime.GOMAXPROCS(0))
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, schema string) error {
	files, err := fs.Sub(migrations, "migrations/"+schema)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// close finishes the writes that were accepted and closes the file.
func (d *database) close() error {
	return errors.Join(d.writer.close(), d.read.pool.Close())
}

// classify turns a driver's error into a fault. Errors that are already classified pass.
func classify(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	driver, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch driver.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fault.Wrap(fault.Unavailable, err, "the store is busy")
	case sqlite3.ErrFull:
		return fault.Wrap(fault.Unavailable, err, "the store's disk is full")
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrNomem:
		return fault.Wrap(fault.Unavailable, err, "the store cannot be written or read")
	default:
		return err
	}
}

// endsTransaction reports whether SQLite may have rolled back the whole transaction with the error, also where
// the statement only read (https://www.sqlite.org/lang_transaction.html, section 2.5).
func endsTransaction(err error) bool {
	driver, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return false
	}
	switch driver.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrBusy, sqlite3.ErrInterrupt:
		return true
	}
	return false
}

// isUnique reports whether err is the violation of a unique index or primary key.
func isUnique(err error) bool {
	driver, ok := errors.AsType[sqlite3.Error](err)
	return ok && (driver.ExtendedCode == sqlite3.ErrConstraintUnique ||
		driver.ExtendedCode == sqlite3.ErrConstraintPrimaryKey ||
		driver.ExtendedCode == sqlite3.ErrConstraintRowID)
}
