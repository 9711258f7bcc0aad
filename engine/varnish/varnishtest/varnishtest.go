// Package varnishtest starts private Varnish servers with the configuration in deploy/varnish, for tests only.
package varnishtest

import (
	"net"
	"testing"

	"agora/scripts/scripttest"
)

// Start starts a Varnish in front of the server at origin, a host:port. It listens for clients and for purges on two
// addresses as FreeAddress gives them, and ends with the test. Where Varnish is not installed the test is skipped, or
// fails if the variable CI is set.
func Start(t *testing.T, listen, purges, origin string) {
	t.Helper()
	script, err := scripttest.Start("varnish", 1, []string{"VARNISH_LISTEN=" + listen, "VARNISH_PURGES=" + purges}, origin)
	scripttest.Need(t, err)
	t.Cleanup(func() { _ = script.Stop() }) // an error changes nothing, because the test is over
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
