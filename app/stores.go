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
	"agora/engine/pebble"
	"agora/engine/postgres"
	pgaccounts "agora/engine/postgres/accounts"
	pgcatalog "agora/engine/postgres/catalog"
	pglog "agora/engine/postgres/eventlog"
	pgorders "agora/engine/postgres/orders"
	sqliteaccounts "agora/engine/sqlite/accounts"
	sqlitecatalog "agora/engine/sqlite/catalog"
	sqliteorders "agora/engine/sqlite/orders"
	"agora/pattern/cache"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// stores are the open engines behind the ports, as the configuration chooses them.
type stores struct {
	users    accounts.UserStore
	sessions accounts.SessionStore
	personal accounts.PersonalStore
	catalog  shop.CatalogStore
	orders   shop.OrderStore
	views    shop.OrderViews
	events   eventlog.Log
	failed   func() error // why events takes no more until the program is started again, or nil
	cache    cache.Store
	seen     cache.Store // of sessions; this process's own where nobody else has the sessions
	sharing

	accountFiles map[string]*sqliteaccounts.File // users and sessions may share a file
	databases    map[string]*postgres.Database   // all ports with the same URL share its connections
	closers      []named
}

// named is something to close, and what to call it when that fails.
type named struct {
	name  string
	close func() error
}

func newStores() *stores {
	return &stores{accountFiles: map[string]*sqliteaccounts.File{}, databases: map[string]*postgres.Database{}}
}

// openStores opens the engine of every port. What was opened is closed again if one of them fails.
func openStores(ctx context.Context, cfg Config, log *slog.Logger, metrics *telemetry.Metrics) (*stores, error) {
	s := newStores()
	s.metrics = metrics
	for _, port := range []struct {
		name string
		open func(context.Context, Config, *slog.Logger) error
	}{
		{"users", s.openUsers}, {"sessions", s.openSessions}, {"personal", s.openPersonal},
		{"catalog", s.openCatalog}, {"orders", s.openOrders}, {"views", s.openViews},
		{"events", s.openEvents}, {"cache", s.openCache}, {"limits", s.openLimits},
	} {
		if err := port.open(ctx, cfg, log); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", port.name, err), s.close())
		}
	}
	return s, nil
}

// close closes the engines, the last opened first.
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

func (s *stores) closing(name string, c io.Closer) {
	s.closers = append(s.closers, named{name, c.Close})
}

// unknownEngine is a bug: the configuration accepts only schemes that are opened here.
func unknownEngine(e Engine) error { return fmt.Errorf("no engine is called %q", e.Scheme()) }

// accountFile opens the file of users and sessions once.
func (s *stores) accountFile(ctx context.Context, path string) (*sqliteaccounts.File, error) {
	if file, ok := s.accountFiles[path]; ok {
		return file, nil
	}
	file, err := sqliteaccounts.OpenFile(ctx, path)
	if err != nil {
		return nil, err
	}
	s.accountFiles[path] = file
	s.closing("accounts", file)
	return file, nil
}

// database connects to a database once.
func (s *stores) database(ctx context.Context, e Engine) (*postgres.Database, error) {
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

func (s *stores) openUsers(ctx context.Context, cfg Config, _ *slog.Logger) error {
	switch cfg.Users.Scheme() {
	case "sqlite":
		file, err := s.accountFile(ctx, cfg.Users.Path(cfg.Data))
		if err == nil {
			s.users = file.Users()
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Users)
		if err == nil {
			s.users, err = pgaccounts.OpenUsers(ctx, db)
		}
		return err
	}
	return unknownEngine(cfg.Users)
}

func (s *stores) openSessions(ctx context.Context, cfg Config, log *slog.Logger) error {
	switch cfg.Sessions.Scheme() {
	case "sqlite":
		file, err := s.accountFile(ctx, cfg.Sessions.Path(cfg.Data))
		if err == nil {
			s.sessions = file.Sessions()
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Sessions)
		if err == nil {
			s.sessions, err = pgaccounts.OpenSessions(ctx, db)
		}
		return err
	case "redis", "rediss", "redis+unix":
		return s.openRedisSessions(ctx, cfg, log)
	}
	return unknownEngine(cfg.Sessions)
}

func (s *stores) openPersonal(ctx context.Context, cfg Config, _ *slog.Logger) error {
	switch cfg.Personal.Scheme() {
	case "sqlite":
		file, err := sqliteaccounts.OpenPersonal(ctx, cfg.Personal.Path(cfg.Data))
		if err == nil {
			s.personal = file
			s.closing("personal data", file)
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Personal)
		if err == nil {
			s.personal, err = pgaccounts.OpenPersonal(ctx, db)
		}
		return err
	}
	return unknownEngine(cfg.Personal)
}

func (s *stores) openCatalog(ctx context.Context, cfg Config, _ *slog.Logger) error {
	switch cfg.Catalog.Scheme() {
	case "sqlite":
		file, err := sqlitecatalog.Open(ctx, cfg.Catalog.Path(cfg.Data))
		if err == nil {
			s.catalog = file
			s.closing("catalog", file)
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Catalog)
		if err == nil {
			s.catalog, err = pgcatalog.Open(ctx, db)
		}
		return err
	}
	return unknownEngine(cfg.Catalog)
}

func (s *stores) openOrders(ctx context.Context, cfg Config, _ *slog.Logger) error {
	switch cfg.Orders.Scheme() {
	case "sqlite":
		file, err := sqliteorders.Open(ctx, cfg.Orders.Path(cfg.Data))
		if err == nil {
			s.orders = file
			s.closing("orders", file)
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Orders)
		if err == nil {
			s.orders, err = pgorders.Open(ctx, db)
		}
		return err
	}
	return unknownEngine(cfg.Orders)
}

func (s *stores) openViews(ctx context.Context, cfg Config, _ *slog.Logger) error {
	switch cfg.Views.Scheme() {
	case "sqlite":
		file, err := sqliteorders.OpenHistory(ctx, cfg.Views.Path(cfg.Data))
		if err == nil {
			s.views = file
			s.closing("order views", file)
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Views)
		if err == nil {
			s.views, err = pgorders.OpenHistory(ctx, db)
		}
		return err
	}
	return unknownEngine(cfg.Views)
}

func (s *stores) openEvents(ctx context.Context, cfg Config, log *slog.Logger) error {
	switch cfg.Events.Scheme() {
	case "pebble":
		db, err := pebble.Open(cfg.Events.Path(cfg.Data), pebble.Options{Logger: log})
		if err != nil {
			return err
		}
		s.closing("events", db)
		s.failed = db.Err
		events, err := pebble.NewLog(db)
		if err == nil {
			s.events = events
			s.closing("event log", events)
		}
		return err
	case "postgres":
		db, err := s.database(ctx, cfg.Events)
		if err != nil {
			return err
		}
		// Where it cannot be reached, the events wait in the outbox and the shop goes on: no server is of less use than another.
		s.failed = func() error { return nil }
		events, err := pglog.Open(ctx, db)
		if err == nil {
			s.events = events
			s.closing("event log", events)
		}
		return err
	}
	return unknownEngine(cfg.Events)
}

func (s *stores) openCache(_ context.Context, cfg Config, log *slog.Logger) error {
	switch cfg.Cache.Scheme() {
	case "memory":
		memory := cache.NewMemory(uint64(cfg.Cache.Size("size")))
		s.cache, s.seen = memory, memory
		s.closers = append(s.closers, named{"cache", func() error { memory.Close(); return nil }})
		return nil
	case "redis", "rediss", "redis+unix":
		return s.openRedisCache(cfg, log)
	}
	return unknownEngine(cfg.Cache)
}

// makeDataFolder makes the folder that the embedded engines keep their files in, readable by its owner alone.
func makeDataFolder(path string) error {
	if err := os.MkdirAll(filepath.Clean(path), 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}
