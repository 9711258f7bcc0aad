package systemtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is agora on a data folder. It can be stopped and started again, at the same address.
type server struct {
	data  string
	flags []string
	url   string // the same from the first start on

	process *exec.Cmd
	logs    *bytes.Buffer // of the process; read it after the process has ended
	end     error         // result of the process; read it after the process has ended

	mu     sync.Mutex
	up     chan struct{} // closed while the process listens and has got no signal
	exited chan struct{} // closed when the process has ended
}

// patient returns the flags of a server without rate limits.
func patient(gateway string) []string {
	return []string{"--http-rate-per-token", "0", "--http-rate-per-address", "0", "--shop-gateway", gateway}
}

// newServer returns a server on a folder. It is not running yet.
func newServer(t *testing.T, data string, flags ...string) *server {
	t.Helper()
	s := &server{data: data, flags: flags, up: make(chan struct{})}
	t.Cleanup(func() {
		if s.process == nil {
			return
		}
		_ = s.process.Process.Kill() // it may already have ended
		<-s.exited
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.logs.Bytes()[max(0, s.logs.Len()-4096):])
		}
	})
	return s
}

// started returns a running server on a fresh folder.
func started(t *testing.T, flags ...string) *server {
	t.Helper()
	s := newServer(t, filepath.Join(t.TempDir(), "data"), flags...)
	s.start(t)
	return s
}

// launch starts the process and returns its output, without waiting until it listens.
func (s *server) launch(t *testing.T) io.Reader {
	t.Helper()
	listen := "127.0.0.1:0"
	if s.url != "" {
		listen = strings.TrimPrefix(s.url, "http://")
	}
	s.process = command(t, nil, append([]string{"serve", "--data", s.data, "--listen", listen}, s.flags...)...)
	s.logs = &bytes.Buffer{}
	s.process.Stderr = s.logs
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	process, exited := s.process, make(chan struct{})
	go func() {
		s.end = process.Wait()
		close(exited)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exited = exited
	return out
}

// start starts the process and returns when it listens.
func (s *server) start(t *testing.T) {
	t.Helper()
	url := addressFrom(t, s.launch(t))
	if s.url == "" {
		s.url = url
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.up)
}

// wait returns when the server listens. It fails when ctx ends, or when the process ends without a signal.
func (s *server) wait(ctx context.Context) error {
	s.mu.Lock()
	up := s.up
	s.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.exited:
		if s.up == up { // without a signal
			return errors.New("the server ended without a signal")
		}
	default:
	}
	return nil
}

// signal sends a signal and returns at once.
func (s *server) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	s.mu.Lock()
	select {
	case <-s.up:
		s.up = make(chan struct{})
	default: // it did not listen yet
	}
	s.mu.Unlock()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process with SIGKILL.
func (s *server) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	if <-s.exited; s.end == nil {
		t.Fatal("the server ended before it was killed")
	}
}

// killStarting starts the process and kills it after a delay, whether or not it listens by then.
func (s *server) killStarting(t *testing.T, after time.Duration) {
	t.Helper()
	s.launch(t)
	time.Sleep(after)
	s.kill(t)
}

// stop ends the process with SIGTERM, and fails the test if it exits with an error.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if <-s.exited; s.end != nil {
		t.Fatalf("the server stopped with %v", s.end)
	}
}

// token returns the admin's token.
func (s *server) token(t *testing.T) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// verify fails the test if agora verify shop finds differences.
func (s *server) verify(t *testing.T, when string) {
	t.Helper()
	got := runToEnd(t, command(t, nil, "verify", "shop", "--data", s.data))
	if got.code != 0 {
		t.Errorf("agora verify shop %s: exit code %d\n%s%s", when, got.code, got.out, got.err)
	}
	if !strings.Contains(got.out, "orders") {
		t.Errorf("agora verify shop %s does not say what it checked: %q", when, got.out)
	}
}
