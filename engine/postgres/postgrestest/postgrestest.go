// Package postgrestest starts a private PostgreSQL for the tests of a package, and gives each test a database of its own.
// It is imported by tests only.
package postgrestest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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

	once  sync.Once
	url   string
	err   error
	input io.Closer // scripts/postgres ends when it is closed
	ended func() error

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
	switch {
	case s.err == nil:
	case os.Getenv("CI") != "":
		tb.Fatal(s.err)
	default:
		tb.Skip("SKIPPED, as there is no PostgreSQL: ", s.err)
	}
	return s.url
}

func (s *Server) start() {
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "postgres")
	// The context of the test that calls first would end the server while others use it.
	cmd := exec.CommandContext(context.Background(), script) // #nosec G204 -- a script of this repository
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	input, err := cmd.StdinPipe()
	if err != nil {
		s.err = err
		return
	}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.err = err
		return
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		s.err = errors.Join(cmd.Wait(), errors.New(complaints.String()))
		return
	}
	s.url, s.input, s.ended = strings.TrimSpace(line), input, cmd.Wait
}

func (s *Server) stop() error {
	if s.input == nil {
		return nil
	}
	if err := s.input.Close(); err != nil {
		return err
	}
	return s.ended()
}
