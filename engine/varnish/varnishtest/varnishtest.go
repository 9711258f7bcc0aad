// Package varnishtest starts private Varnish servers with the configuration in deploy/varnish, for tests only.
package varnishtest

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Start starts a Varnish in front of the server at origin, a host:port. It listens for clients and for purges on two
// addresses as FreeAddress gives them, and ends with the test. Where Varnish is not installed the test is skipped, or
// fails if the variable CI is set.
func Start(t *testing.T, listen, purges, origin string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "varnish")
	// The script must not end with the test's context, because that ends before the cleanup.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", script, origin) // #nosec G204 -- a script of this repository
	cmd.Env = append(os.Environ(), "VARNISH_LISTEN="+listen, "VARNISH_PURGES="+purges)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait() // an error changes nothing, because the test is over
	})
	if _, err := bufio.NewReader(output).ReadString('\n'); err == nil {
		return
	}
	_ = cmd.Wait()
	if strings.Contains(complaints.String(), "is missing") && os.Getenv("CI") == "" {
		t.Skip("SKIPPED, as there is no Varnish: ", complaints.String())
	}
	t.Fatal(complaints.String())
}

// FreeAddress returns a host:port of this machine that is not in use.
func FreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
