// Package postgres opens databases of PostgreSQL 14 or newer, which several servers of agora may share. It has what all
// stores in such a database need: connections, transactions, migrations, errors as faults, group commit and leads.
// The stores are packages below it, one for each domain: accounts, catalog, eventlog and orders.
//
// Use it when one machine is not enough. Each call costs a round trip, and the server needs an operator; package sqlite
// takes more orders a second on one machine. Connections hold locks and prepared statements, so that a pooler between
// agora and PostgreSQL has to give each connection a session of its own.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"agora/fault"
)

// Database is a pool of connections to one database. Any number of stores share it.
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
		return nil, Classify(fmt.Errorf("connect: %w", err))
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

// Pool returns the connections, for statements that need no retry. The errors of the driver are for Classify.
func (d *Database) Pool() *pgxpool.Pool { return d.pool }

// OnClose has Close call finish before it closes the connections.
func (d *Database) OnClose(finish func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closers = append(d.closers, finish)
}

// ErrClosed returns the error of every call after Close.
func ErrClosed() error { return fault.New(fault.Unavailable, "", "the store is closed") }
