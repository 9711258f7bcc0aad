package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"agora/app/config"
	"agora/engine/postgres"
	"agora/engine/redis"
)

// port is one port of the program: its key in the configuration, and the engines that implement it. The configuration, its
// reference, the opening of stores and the front page are derived from the lists of ports.
type port struct {
	config.Port
	title   string // name for people: "order history"
	serving bool   // only a server opens the port; commands that work on the data do not
	engines []engine
}

// engine opens a port at the URLs of one scheme.
type engine struct {
	config.Scheme
	open func(ctx context.Context, s *stores, e config.Engine) error
}

// systems are the systems that the configuration can turn off. The accounts always run.
var systems = [...]string{shopSystem, feedSystem}

// ports returns all ports: the shared ones, and those of each system.
func ports() []port { return slices.Concat(sharedPorts(), accountsPorts(), shopPorts(), feedPorts()) }

// Schema returns the schema of the configuration.
func Schema() config.Schema {
	s := config.Schema{Systems: systems[:]}
	for _, p := range ports() {
		for _, e := range p.engines {
			p.Schemes = append(p.Schemes, e.Scheme)
		}
		s.Ports = append(s.Ports, p.Port)
	}
	return s
}

// system returns the system of the port, or "" for a shared port.
func (p port) system() string {
	system, _, ok := strings.Cut(p.Key, ".")
	if !ok {
		return ""
	}
	return system
}

// used reports whether the configured systems need the port.
func (p port) used(cfg config.Config) bool {
	return !slices.Contains(systems[:], p.system()) || cfg.Runs(p.system())
}

// openIn opens the port with the configured engine and sets its field in the stores.
func (p port) openIn(ctx context.Context, s *stores) error {
	chosen := s.cfg.Engine(p.Key)
	i := slices.IndexFunc(p.engines, func(e engine) bool { return e.Name == chosen.Scheme() })
	if i < 0 {
		return fmt.Errorf("open %s: no engine is called %q", p.title, chosen.Scheme()) // a bug: the configuration accepts known schemes only
	}
	if err := p.engines[i].open(ctx, s, chosen); err != nil {
		return fmt.Errorf("open %s: %w", p.title, err)
	}
	return nil
}

// inFile is the engine SQLite: open opens the file at a path, and set sets the field of the port. Ports with the same path and
// the same type of file share the open file.
func inFile[F io.Closer](open func(ctx context.Context, path string) (F, error), set func(*stores, F)) engine {
	return engine{config.Scheme{Name: "sqlite", Path: "file", Own: true}, func(ctx context.Context, s *stores, e config.Engine) error {
		path := e.Path(s.cfg.Data)
		file, known := s.files[path].(F)
		if !known {
			var err error
			if file, err = open(ctx, path); err != nil {
				return err
			}
			s.files[path] = file
			s.closing(path, file)
		}
		set(s, file)
		return nil
	}}
}

// inPostgres is the engine PostgreSQL: open opens a store in a database, and set sets the field of the port. Ports with the same URL
// share the connections to the database.
func inPostgres[S any](open func(context.Context, *postgres.Database) (S, error), set func(*stores, S)) engine {
	return engine{config.Scheme{Name: "postgres", Server: true, Driver: true}, func(ctx context.Context, s *stores, e config.Engine) error {
		db, err := s.database(ctx, e)
		if err != nil {
			return err
		}
		store, err := open(ctx, db)
		if err != nil {
			return err
		}
		set(s, store)
		return nil
	}}
}

// inRedis is the engine Redis, over TCP, TLS or a Unix socket. Ports with the same address share the server that open gets.
func inRedis(params map[string]config.Param, open func(ctx context.Context, s *stores, server *redis.Server, e config.Engine) error) []engine {
	var engines []engine
	for _, name := range []string{"redis", "rediss", "redis+unix"} {
		engines = append(engines, engine{config.Scheme{Name: name, Server: true, Params: params},
			func(ctx context.Context, s *stores, e config.Engine) error {
				server, err := s.redisServer(e)
				if err != nil {
					return err
				}
				return open(ctx, s, server, e)
			}})
	}
	return engines
}
