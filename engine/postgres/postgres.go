// Package postgres holds the stores of a grown shop in PostgreSQL 14 or newer: each port in a file of its own,
// over a pool of connections that several servers of agora share a database through.
//
// Use it when one machine is not enough. It costs a round trip a call, and a server to look after; package sqlite
// takes more orders a second on one machine. Its connections keep locks and prepared statements, so that a pooler
// in between has to give each of them a session of its own. What it is not: a place for rules. It stores, finds, and enforces only what its own transaction must, such as a unique key or stock
// that covers what is taken.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"agora/fault"
)

//go:embed migrations
var migrations embed.FS

// Database is a pool of connections to one database, which any of the stores can be kept in.
type Database struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	closers []func() // of the stores, called before the pool closes
}

// params are set on each connection where the URL does not say otherwise.
var params = map[string]string{
	"application_name": "agora",
	// What keep locks and checks relies on each statement seeing what was committed before it.
	"default_transaction_isolation": "read committed",
	// Nothing here takes a second; what does is stuck behind something that nobody should wait for.
	"statement_timeout":                   "15s",
	"idle_in_transaction_session_timeout": "15s",
	// A server that vanished gives its locks back within seconds.
	"tcp_keepalives_idle":     "2",
	"tcp_keepalives_interval": "1",
	"tcp_keepalives_count":    "3",
	// Compiling a statement takes longer than any of them does.
	"jit": "off",
	// A statement that is planned while its table is small keeps its plan when the table is large.
	"enable_seqscan": "off",
}

// Open connects to the database at a URL, as libpq and pgxpool read it:
// postgres://user:password@host:port/database?sslmode=…&search_path=…&pool_max_conns=…
func Open(ctx context.Context, url string) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read") // err quotes parts of it, and there may be a password
	}
	set := maps.Clone(params)
	maps.Copy(set, config.ConnConfig.RuntimeParams)
	config.ConnConfig.RuntimeParams = set
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = max(config.MaxConns, minConns)
	}
	config.ConnConfig.ConnectTimeout = min(config.ConnConfig.ConnectTimeout, connectTimeout)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, classify(fmt.Errorf("connect: %w", err))
	}
	return &Database{pool: pool}, nil
}

const (
	connectTimeout = 5 * time.Second
	// minConns is how large a pool may grow where the URL does not say. A commit waits for the disk most of the
	// time, so that more are of use than there are processors. The connections of leads are not of the pool.
	minConns = 16
)

// Close finishes what was accepted and closes the connections.
func (d *Database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, finish := range d.closers {
		finish()
	}
	d.closers = nil
	d.pool.Close()
	return nil
}

func (d *Database) closing(finish func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closers = append(d.closers, finish)
}

// migrate brings the tables of a schema, one of the folders in migrations, to their newest form. Of several
// servers that start together, one does it and the others wait.
func (d *Database) migrate(ctx context.Context, schema string) error {
	files, err := fs.Sub(migrations, "migrations/"+schema)
	if err != nil {
		return err
	}
	// Looks each second, for five minutes.
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(d.pool)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("migrations_of_"+schema), goose.WithSessionLocker(one))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	_, err = provider.Up(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return classify(fmt.Errorf("migrate %s: %w", schema, err))
	}
	return nil
}

// closed is the error of every call after Close.
func closed() error { return fault.New(fault.Unavailable, "", "the store is closed") }
