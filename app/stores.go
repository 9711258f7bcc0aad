package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"agora/accounts"
	"agora/app/config"
	"agora/engine/cassandra"
	pebblefeed "agora/engine/pebble/feed"
	"agora/engine/postgres"
	"agora/engine/redis"
	"agora/engine/varnish"
	"agora/feed"
	"agora/pattern/cache"
	"agora/pattern/eventlog"
	"agora/pattern/guard"
	"agora/shop"
	"agora/telemetry"
)

// stores are the open engines of the ports, and the connections that ports share. The engines of a system that is turned off
// are nil.
type stores struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *telemetry.Metrics

	// Shared by all systems.
	events       eventlog.Log
	failed       func() error // returns the error after which events accepts no writes until a restart; nil before
	cache        cache.Store
	sessionCache cache.Store // a cache of this process if no other server has the same sessions, otherwise the shared one
	limits       func(name string, perSecond float64, burst int) guard.Limiter
	attempts     accounts.AttemptStore // counts attempts to sign in

	users    accounts.UserStore
	sessions accounts.SessionStore
	personal accounts.PersonalStore

	catalog shop.CatalogStore
	orders  shop.OrderStore
	views   shop.OrderViews
	gateway shop.Gateway
	cdn     *varnish.Purger // nil without a CDN

	posts     feed.PostStore
	graph     feed.GraphStore
	timelines feed.TimelineStore
	// timelineSize measures the timelines.
	timelineSize func(context.Context) (timelineSize, error)

	feeds        map[string]*pebblefeed.DB      // open Pebble folders by path: posts and graph may share one
	files        map[string]io.Closer           // open SQLite files by path: users and sessions may share one
	databases    map[string]*postgres.Database  // by URL
	redisServers map[string]*redis.Server       // by address
	keyspaces    map[string]*cassandra.Keyspace // by URL
	closers      []closer
}

// closer closes an engine. Its name is for the error.
type closer struct {
	name  string
	close func() error
}

func newStores(cfg config.Config, log *slog.Logger, metrics *telemetry.Metrics) *stores {
	return &stores{
		cfg: cfg, log: log, metrics: metrics, feeds: map[string]*pebblefeed.DB{},
		files: map[string]io.Closer{}, databases: map[string]*postgres.Database{}, redisServers: map[string]*redis.Server{},
		keyspaces: map[string]*cassandra.Keyspace{},
	}
}

// openStores opens the ports that hold data. If one of them fails, it closes those that are open.
func openStores(ctx context.Context, cfg config.Config, log *slog.Logger, metrics *telemetry.Metrics) (*stores, error) {
	s := newStores(cfg, log, metrics)
	if err := s.open(ctx, func(p port) bool { return !p.serving }); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// open opens the ports that are used and that chosen selects.
func (s *stores) open(ctx context.Context, chosen func(port) bool) error {
	for _, p := range ports() {
		if !p.used(s.cfg) || !chosen(p) {
			continue
		}
		if err := p.openIn(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// close closes the engines in reverse order.
func (s *stores) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		if err := c.close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *stores) closing(name string, c io.Closer) { s.onClose(name, c.Close) }

func (s *stores) onClose(name string, end func() error) {
	s.closers = append(s.closers, closer{name, end})
}

// database returns the connections to a database, which it opens at the first call.
func (s *stores) database(ctx context.Context, e config.Engine) (*postgres.Database, error) {
	if db, ok := s.databases[e.URL()]; ok {
		return db, nil
	}
	db, err := postgres.Open(ctx, e.URL())
	if err != nil {
		return nil, err
	}
	s.databases[e.URL()] = db
	s.closing("PostgreSQL", db)
	return db, nil
}

// keyspace returns the keyspace of a URL, which it opens at the first call.
func (s *stores) keyspace(ctx context.Context, e config.Engine) (*cassandra.Keyspace, error) {
	if keyspace, ok := s.keyspaces[e.URL()]; ok {
		return keyspace, nil
	}
	keyspace, err := cassandra.Open(ctx, e.URL(), cassandra.Options{Log: s.log})
	if err != nil {
		return nil, err
	}
	s.keyspaces[e.URL()] = keyspace
	s.closing("Cassandra", keyspace)
	return keyspace, nil
}

// redisServer returns the server of an address, which it opens at the first call.
func (s *stores) redisServer(e config.Engine) (*redis.Server, error) {
	address := e.Address()
	if server, ok := s.redisServers[address]; ok {
		return server, nil
	}
	server, err := redis.Open(address, s.log, s.metrics)
	if err != nil {
		return nil, err
	}
	s.redisServers[address] = server
	s.closing("redis", server)
	return server, nil
}

// makeDataFolder creates the folder of the embedded engines. Only its owner can read it.
func makeDataFolder(path string) error {
	if err := os.MkdirAll(filepath.Clean(path), 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}
