// Package postgrestest starts a private PostgreSQL for the tests of a package, and gives each test a database of its own.
// It is imported by tests only.
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"agora/scripts/scripttest"
)

// Server is a private PostgreSQL that starts with the first call of URL and stops after the tests of a package:
//
//	var server postgrestest.Server
//
//	func TestMain(m *testing.M) { server.Main(m) }
//
// It cannot outlive the tests' process, however that ends. The zero Server is ready for URL.
type Server struct {
	Prepare func(ctx context.Context, url string) error // makes the tables of the databases that Database returns
	Rows    string                                      // SQL that inserts the rows that Prepare left in its tables

	once   sync.Once
	script *scripttest.Script // nil before it has started
	url    string
	err    error

	prepared sync.Once
	copies   atomic.Int64

	mu   sync.Mutex
	free []string // URLs of emptied databases
}

// Main runs the tests of the package, stops the server, and exits.
func (s *Server) Main(m *testing.M) { os.Exit(s.Run(m)) }

// Run runs the tests of the package, stops the server, and returns the exit code.
func (s *Server) Run(m *testing.M) int {
	code := m.Run()
	if err := s.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		code = max(code, 1)
	}
	return code
}

// URL returns the URL of an empty database of the server, the same one each time. Where PostgreSQL is not
// installed the test is skipped, or fails if the variable CI is set.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.once.Do(s.start)
	scripttest.Need(tb, s.err)
	return s.url
}

func (s *Server) start() {
	if s.script, s.err = scripttest.Start("postgres", 1, nil); s.err == nil {
		s.url = s.script.Said[0]
	}
}

func (s *Server) stop() error {
	if s.script == nil {
		return nil
	}
	return s.script.Stop()
}
