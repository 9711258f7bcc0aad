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
	pool  *pgxpool.Pool
	leads leads

	mu      sync.Mutex
	closers []func() // called before the pool is closed
}

// params are the settings of each connection that the URL does not set.
var params = map[string]string{
	"application_name": "agora",
	// Statements that lock rows and then check them rely on seeing what was committed before they began.
	"default_transaction_isolation": "read committed",
	// Every statement takes less than a second unless it waits for a lock that is never freed.
	"statement_timeout":                   "15s",
	"idle_in_transaction_session_timeout": "15s",
	// PostgreSQL frees the locks of a server that vanished within seconds.
	"tcp_keepalives_idle":     "2",
	"tcp_keepalives_interval": "1",
	"tcp_keepalives_count":    "3",
	// Compiling a statement takes longer than executing it.
	"jit": "off",
	// A statement that is planned while its table is small keeps the plan after the table has grown.
	"enable_seqscan": "off",
}

// Open connects to the database at a URL, as libpq and pgxpool read it:
// postgres://user:password@host:port/database?sslmode=…&search_path=…&pool_max_conns=…
func Open(ctx context.Context, url string) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read") // without err, which quotes the URL and could show the password
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
	return &Database{pool: pool, leads: newLeads()}, nil
}

const (
	connectTimeout = 5 * time.Second
	// minConns is the size of a pool on a machine with few processors, unless the URL sets pool_max_conns. Connections
	// outnumber processors because commits mostly wait for the disk.
	minConns = 16
)

// Close finishes accepted work and closes the connections.
func (d *Database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, finish := range d.closers {
		finish()
	}
	d.closers = nil
	d.leads.close()
	d.pool.Close()
	return nil
}

// Pool returns the connections, for statements that need no retry. Their errors have to go through Classify.
func (d *Database) Pool() *pgxpool.Pool { return d.pool }

// OnClose makes Close call finish before it closes the connections.
func (d *Database) OnClose(finish func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closers = append(d.closers, finish)
}

// ErrClosed returns the error of every call after Close.
func ErrClosed() error { return fault.New(fault.Unavailable, "", "the store is closed") }
