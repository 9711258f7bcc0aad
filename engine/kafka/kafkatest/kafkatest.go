// Package kafkatest starts private Kafka servers for tests. It is imported by tests only.
package kafkatest

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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
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
	input  io.Closer // scripts/kafka ends when it is closed
	ended  func() error
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
	s.need(t)
	t.Cleanup(func() { _ = s.Stop() }) // it may have been killed
	return s
}

// URL returns a URL with a new namespace, which has no topics. Where Kafka is not installed the test is skipped, or fails if the
// variable CI is set.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.once.Do(s.run)
	s.need(tb)
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

func (s *Server) need(tb testing.TB) {
	tb.Helper()
	switch {
	case s.err == nil:
	case os.Getenv("CI") != "":
		tb.Fatal(s.err)
	default:
		tb.Skip("SKIPPED, as there is no Kafka: ", s.err)
	}
}

func (s *Server) run() {
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "kafka")
	// The context of the test that calls first would end the server while others use it.
	cmd := exec.CommandContext(context.Background(), "bash", script) // #nosec G204 -- a script of this repository
	cmd.Env = append(os.Environ(), "KAFKA_FOLDER="+s.folder, "KAFKA_LISTEN="+s.listen, "KAFKA_SECURE="+s.secure.listen, "KAFKA_OPTIONS="+s.secure.options)
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
	lines := bufio.NewReader(output)
	url, err := lines.ReadString('\n')
	if err != nil {
		s.err = errors.Join(cmd.Wait(), errors.New(complaints.String()))
		return
	}
	pid, err := lines.ReadString('\n')
	if err == nil {
		s.pid, err = strconv.Atoi(strings.TrimSpace(pid))
	}
	s.listen = strings.TrimPrefix(strings.TrimSpace(url), "kafka://")
	s.input, s.ended, s.err = input, cmd.Wait, err
}

// Stop stops the server if it runs. Main and Run call it.
func (s *Server) Stop() error {
	if s.input == nil {
		return nil
	}
	err := s.input.Close()
	s.input = nil
	return errors.Join(err, s.ended())
}
