// Package sqlite opens database files of SQLite, each with one writer that has group commit and a pool of readers. It has
// what all embedded stores need; the stores are packages below it, one for each domain: accounts, catalog and orders.
//
// Use it for a program on one machine.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// Database is one file: writes go through its writer, reads through a pool that sees the last commit.
type Database struct {
	writer *writer
	reader reader
}

// Open opens or creates the database file at path and brings the tables of its schema to their newest version, which the
// files in the folder migrations/<schema> describe. A file with a newer version than they know is left as it is, and the
// error has the code fault.CodeNewerSchema.
func Open(ctx context.Context, path string, migrations fs.FS, schema string) (*Database, error) {
	known, err := newSchemaFiles(migrations, schema)
	if err != nil {
		return nil, err
	}
	if err := known.check(ctx, path); err != nil {
		return nil, err
	}
	writing, err := connect(path, false)
	if err != nil {
		return nil, err
	}
	if err := known.migrate(ctx, writing); err != nil {
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
	return &Database{writer: w, reader: reader{reading, w.durable}}, nil
}

// lockTimeout is how long a connection waits for another process that holds the lock it needs.
const lockTimeout = 10 * time.Second

// connect opens a pool. With synchronous=NORMAL SQLite writes a commit to the write-ahead log and leaves the sync to
// durability. The writer's pool has one connection, because SQLite allows one writer at a time.
func connect(path string, readOnly bool) (*sql.DB, error) {
	q := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_busy_timeout": {strconv.FormatInt(lockTimeout.Milliseconds(), 10)},
		"_cache_size":   {"-32768"},
		"_query_only":   {strconv.FormatBool(readOnly)},
		// The driver caches the statements of reads that are not prepared explicitly.
		"_stmt_cache_size": {"64"},
	}
	db, err := openPool(path, q)
	if err != nil {
		return nil, err
	}
	connections := 1
	if readOnly {
		connections = max(4, 2*runtime.GOMAXPROCS(0))
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// openPool opens a pool of connections with parameters of SQLite and of its driver.
func openPool(path string, q url.Values) (*sql.DB, error) {
	// SQLite parses the name as a URI, so that special characters of the path have to be escaped.
	name := (&url.URL{Path: path}).EscapedPath()
	db, err := sql.Open("sqlite3", "file:"+name+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// Close finishes accepted writes and closes the file.
func (d *Database) Close() error {
	return errors.Join(d.writer.close(), d.reader.pool.Close())
}

// Write executes fn in a transaction and returns after it is durable. If fn fails, nothing of it is stored and its error is
// returned. fn is called on the goroutine of all writes: it must not wait for anything but the database, nor call Write.
func (d *Database) Write(ctx context.Context, fn func(*Tx) error) error { return d.writer.do(ctx, fn) }

// Query returns the rows of a statement that reads. All that they show is durable. Collect and Each take its result.
func (d *Database) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.reader.query(ctx, query, args...)
}

// QueryRow scans the only row into dest; sql.ErrNoRows says that there is none. What it shows is durable.
func (d *Database) QueryRow(ctx context.Context, query string, args []any, dest ...any) error {
	return d.reader.queryRow(ctx, query, args, dest...)
}
