package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

type gateOptions struct {
	Name     string                          // of the module; "" for "http server"
	Address  string                          // host:port to listen on
	Bound    func(net.Listener) net.Listener // bounds the connections; nil for no bounds
	Announce func(url string)                // called when the server listens
	Part     func()                          // called before the server stops, so that answers ask clients to close their connections; may be nil
	// Linger is how long idle connections stay open after the server stopped listening. If the server closed a connection while
	// a proxy sends a request over it, the proxy could not know whether the request was received. So a connection is closed
	// after its next answer, or by the proxy, which has to close connections that were idle for this time.
	Linger time.Duration
}

// gate is an HTTP server that loses no request when it stops.
type gate struct {
	gateOptions
	server   *http.Server
	listener *onceListener
	taken    chan struct{} // closed when every accepted connection is counted

	mu    sync.Mutex
	open  int           // connections
	empty chan struct{} // closed when no connection is open; nil unless close waits
}

func newGate(server *http.Server, options gateOptions) *gate {
	g := &gate{gateOptions: options, server: server, taken: make(chan struct{})}
	server.ConnState = g.count
	return g
}

func (g *gate) module() Module {
	return Module{Name: cmp.Or(g.Name, "http server"), Start: g.listen, Run: g.serve, Stop: g.close}
}

func (g *gate) listen(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", g.Address)
	if err != nil {
		return err
	}
	g.listener = &onceListener{Listener: listener}
	if g.Bound != nil {
		g.listener.Listener = g.Bound(listener)
	}
	g.Announce("http://" + listener.Addr().String())
	return nil
}

func (g *gate) serve(context.Context) error {
	defer close(g.taken)
	err := g.server.Serve(g.listener)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// close stops listening, waits until all connections are closed or Linger is over, and finishes the remaining requests.
func (g *gate) close(ctx context.Context) error {
	if g.Part != nil {
		g.Part()
	}
	if err := g.listener.Close(); err != nil {
		return fmt.Errorf("stop listening: %w", err)
	}
	<-g.taken
	select {
	case <-g.emptied():
	case <-time.After(g.Linger):
	case <-ctx.Done():
	}
	if err := g.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("finish the requests: %w", err), g.server.Close())
	}
	return nil
}

// count is the server's ConnState.
func (g *gate) count(_ net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch state {
	case http.StateNew:
		g.open++
	case http.StateClosed, http.StateHijacked:
		g.open--
		g.notify()
	}
}

// emptied returns a channel that is closed when no connection is open.
func (g *gate) emptied() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	empty := make(chan struct{})
	g.empty = empty
	g.notify()
	return empty
}

// notify closes the channel empty if no connection is open. g.mu must be held.
func (g *gate) notify() {
	if g.empty != nil && g.open == 0 {
		close(g.empty)
		g.empty = nil
	}
}

// onceListener can be closed twice: by the gate and by its server.
type onceListener struct {
	net.Listener
	once sync.Once
	err  error
}

// Close implements net.Listener.
func (l *onceListener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}
