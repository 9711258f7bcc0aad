// Package kafkatest starts private Kafka servers for tests. It is imported by tests only.
package kafkatest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"agora/scripts/scripttest"
)

// Server is a private Kafka of one node. The zero Server starts with the first call of URL, and Main stops it after the tests
// of a package:
//
//	var server kafkatest.Server
//
//	func TestMain(m *testing.M) { server.Main(m) }
//
// It cannot outlive the tests' process, however that ends.
type Server struct {
	once       sync.Once
	err        error
	namespaces atomic.Int64

	secure secure
	folder string // of a server that can be killed; "" for a temporary one
	listen string // host:port, once it is known
	pid    int
	script *scripttest.Script // nil while the server does not run
}

// Main runs the tests of the package, stops the server, and exits.
func (s *Server) Main(m *testing.M) { os.Exit(s.Run(m)) }

// Run runs the tests of the package, stops the server, and returns the exit code.
func (s *Server) Run(m *testing.M) int {
	code := m.Run()
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop Kafka:", err)
		code = max(code, 1)
	}
	return code
}

// Start starts a server for one test, which may kill it.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir()}
	s.once.Do(s.run)
	scripttest.Need(t, s.err)
	t.Cleanup(func() { _ = s.Stop() }) // it may have been killed
	return s
}

// URL returns a URL with a new namespace, which has no topics. Where Kafka is not installed the test is skipped, or fails if the
// variable CI is set.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.once.Do(s.run)
	scripttest.Need(tb, s.err)
	return fmt.Sprintf("kafka://%s/test%d?replicas=1", s.listen, s.namespaces.Add(1))
}

// Kill ends the process of the server as a crash does.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
	_ = s.Stop()
}

// Restart starts a killed server again, with its data and at the same address.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if s.run(); s.err != nil {
		tb.Fatal(s.err)
	}
}

func (s *Server) run() {
	s.script, s.err = scripttest.Start("kafka", 2, []string{
		"KAFKA_FOLDER=" + s.folder, "KAFKA_LISTEN=" + s.listen, "KAFKA_SECURE=" + s.secure.listen, "KAFKA_OPTIONS=" + s.secure.options,
	})
	if s.err != nil {
		return
	}
	s.listen = strings.TrimPrefix(s.script.Said[0], "kafka://")
	s.pid, s.err = strconv.Atoi(s.script.Said[1])
}

// Stop stops the server if it runs. Main and Run call it.
func (s *Server) Stop() error {
	if s.script == nil {
		return nil
	}
	script := s.script
	s.script = nil
	return script.Stop()
}
