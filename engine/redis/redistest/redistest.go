// Package redistest starts private Redis servers for tests, each on a socket in a folder that is removed with it.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a Redis server. A nil Server says that Redis is not installed on this machine.
type Server struct {
	folder  string
	durable bool
	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended
	result  error         // of the process, valid after exited is closed
}

// Main runs the tests of a package with one server for all of them, and returns the exit code for TestMain. The
// server stays nil where Redis is not installed.
func Main(m *testing.M, server **Server) int {
	s, err := start(false)
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err == nil {
		*server = s
		defer s.remove()
	}
	return m.Run()
}

// Start starts a server for one test, which may stop and start it.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return startFor(tb, false)
}

// StartDurable is Start for a server with an append-only file, which a killed server reads when it starts again.
func StartDurable(t *testing.T) *Server {
	t.Helper()
	return startFor(t, true)
}

func startFor(tb testing.TB, durable bool) *Server {
	tb.Helper()
	s, err := start(durable)
	if errors.Is(err, exec.ErrNotFound) {
		missing(tb)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.remove)
	return s
}

// missing skips the test, or fails it if the variable CI is set.
func missing(tb testing.TB) {
	tb.Helper()
	const hint = "redis-server is not installed: bash scripts/need redis-server"
	if os.Getenv("CI") != "" {
		tb.Fatal(hint)
	}
	tb.Skip("SKIPPED: nothing is tested against Redis, because " + hint)
}

// URL empties the server and returns its address, as a redis URL without a password.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	if s == nil {
		missing(tb)
	}
	s.Flush(tb)
	return "redis+unix://" + s.socket()
}

// Flush empties the server.
func (s *Server) Flush(tb testing.TB) {
	tb.Helper()
	if err := s.do(tb.Context(), "FLUSHALL"); err != nil {
		tb.Fatal(err)
	}
}

func start(durable bool) (*Server, error) {
	folder, err := os.MkdirTemp("", "redis-test-")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, durable: durable}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

func (s *Server) socket() string { return filepath.Join(s.folder, "redis.sock") }

// run starts the process and returns when it answers.
func (s *Server) run() error {
	persistence := []string{"--appendonly", "no"}
	if s.durable {
		persistence = []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"}
	}
	args := append([]string{"--port", "0", "--unixsocket", s.socket(), "--dir", s.folder, "--save", "", "--logfile", "redis.log"}, persistence...)
	s.process = exec.CommandContext(context.Background(), "redis-server", args...)
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		s.result = s.process.Wait()
	}()
	for s.do(context.Background(), "PING") != nil {
		select {
		case <-s.exited:
			return errors.Join(errors.New("redis-server ended at once"), s.result)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// Kill ends the server as a crash does. Its data is lost, unless it is durable.
func (s *Server) Kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	if err := os.Remove(s.socket()); err != nil {
		t.Fatal(err)
	}
}

// Written returns the size of the append-only file of a durable server, when all that the server has acknowledged is in it.
func (s *Server) Written(t *testing.T) int64 {
	t.Helper()
	for { // a write to the file waits for a sync that is under way
		info, err := s.ask(t.Context(), "INFO persistence")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info, "aof_buffer_length:0\r\n") {
			return s.size(t)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *Server) size(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(s.appended())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Cut shortens the append-only file of a killed server to a size: a crash of the machine loses what was not synced, and a
// backup is what was Written earlier.
func (s *Server) Cut(t *testing.T, size int64) {
	t.Helper()
	if err := os.Truncate(s.appended(), min(size, s.size(t))); err != nil {
		t.Fatal(err)
	}
}

// appended is the file that a durable server appends to, as long as it rewrites nothing.
func (s *Server) appended() string {
	return filepath.Join(s.folder, "appendonlydir", "appendonly.aof.1.incr.aof")
}

// Restart starts a killed server again, at the same address.
func (s *Server) Restart(t *testing.T) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Pause makes the server answer nothing, with all connections open, like a network that drops packets.
func (s *Server) Pause(t *testing.T) { s.signal(t, syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume(t *testing.T) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) remove() {
	_ = s.process.Process.Kill() // it may have ended
	<-s.exited
	_ = os.RemoveAll(s.folder)
}

// do sends one command of one word.
func (s *Server) do(ctx context.Context, command string) error {
	answer, err := s.ask(ctx, command)
	if err == nil && !strings.HasPrefix(answer, "+") {
		err = fmt.Errorf("%s: redis answers %q", command, answer)
	}
	return err
}

// ask returns the answer to a command: a line, or a text that has its length before it.
func (s *Server) ask(ctx context.Context, command string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.socket())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	answers := bufio.NewReader(conn)
	line, err := answers.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "$") {
		return line, err
	}
	length, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || length < 0 {
		return "", fmt.Errorf("%s: redis answers %q", command, line)
	}
	text := make([]byte, length)
	_, err = io.ReadFull(answers, text)
	return string(text), err
}
