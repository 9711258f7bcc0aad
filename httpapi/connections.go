package httpapi

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"agora/telemetry"
)

// ListenerOptions bound the connections of a listener. The zero options only bound the time in which a client reads nothing.
type ListenerOptions struct {
	MaxConnections int                // open connections; 0 for no bound
	MaxPerAddress  int                // open connections of one address; 0 for no bound
	TrustedProxies []netip.Prefix     // networks to which MaxPerAddress does not apply
	Metrics        *telemetry.Metrics // nil for none
}

const (
	// stallTimeout is how long a client may read nothing while an answer waits for it. A client that reads something in that
	// time, however little, stays connected. Bytes that fit into the kernel's buffer count as read, so a client that reads
	// nothing is disconnected after two or three times this.
	stallTimeout = 5 * time.Second

	// sendBuffer bounds the bytes of an answer that the kernel buffers for a slow client. A small buffer also makes the kernel
	// report progress often, which it does when about a third of the buffer is free.
	sendBuffer = 32 << 10
)

// NewListener returns a listener whose connections are bounded. A connection beyond a bound is closed as soon as it is
// accepted.
func NewListener(l net.Listener, o ListenerOptions) net.Listener {
	accepted := &listener{
		Listener: l, options: o, from: map[netip.Addr]int{},
		connections: o.Metrics.Gauge("agora_http_connections", "Connections of clients that are open."),
		refused: o.Metrics.Counter("agora_http_connections_refused_total",
			"Connections that were closed at once, by the bound that they exceeded: all connections, or those of their address.", "bound"),
		stalled: o.Metrics.Counter("agora_http_connections_stalled_total",
			"Connections that were closed because the client read nothing of an answer for too long."),
	}
	accepted.stalled.Add(0) // so that an alert sees the first one
	for _, bound := range []string{boundAll, boundAddress} {
		accepted.refused.Add(0, bound)
	}
	return accepted
}

// The bounds, as the metric of refused connections names them.
const (
	boundAll     = "all"
	boundAddress = "address"
)

type listener struct {
	net.Listener
	options     ListenerOptions
	connections telemetry.Gauge
	refused     telemetry.Counter
	stalled     telemetry.Counter

	mu   sync.Mutex
	open int
	from map[netip.Addr]int // open connections by address; none is 0
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := l.keyOf(conn)
		if bound := l.add(address); bound != "" {
			l.refused.Inc(bound)
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // otherwise the kernel would keep the state of the connection for a minute
			}
			_ = conn.Close()
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer)
		}
		return &connection{Conn: conn, opened: time.Now(), stalled: l.stalled, closed: func() { l.remove(address) }}, nil
	}
}

// keyOf returns the address under which a connection is counted, or the zero Addr if it is only counted in total.
func (l *listener) keyOf(conn net.Conn) netip.Addr {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || contains(l.options.TrustedProxies, peer.Addr().Unmap()) {
		return netip.Addr{}
	}
	return subscriber(peer.Addr().Unmap())
}

// add counts a connection, or returns the bound that it would exceed.
func (l *listener) add(address netip.Addr) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch o := l.options; {
	case address.IsValid() && o.MaxPerAddress > 0 && l.from[address] >= o.MaxPerAddress:
		return boundAddress
	case o.MaxConnections > 0 && l.open >= o.MaxConnections:
		return boundAll
	}
	l.open++
	if address.IsValid() {
		l.from[address]++
	}
	l.connections.Add(1)
	return ""
}

// remove ends the counting of a connection.
func (l *listener) remove(address netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if address.IsValid() {
		if l.from[address]--; l.from[address] == 0 {
			delete(l.from, address)
		}
	}
	l.connections.Add(-1)
}

// connection is a connection whose writes fail after the client has read nothing for stallTimeout.
type connection struct {
	net.Conn
	opened   time.Time
	deadline atomic.Int64 // of writes, as set by SetWriteDeadline: nanoseconds since opened; 0 for none
	stalled  telemetry.Counter
	once     sync.Once
	closed   func()
}

// Write implements net.Conn.
func (c *connection) Write(p []byte) (int, error) {
	written := 0
	for {
		limit, given := time.Now().Add(stallTimeout), false
		d := c.deadline.Load()
		if d != 0 && c.opened.Add(time.Duration(d)).Before(limit) {
			limit, given = c.opened.Add(time.Duration(d)), true
		}
		if err := c.Conn.SetWriteDeadline(limit); err != nil {
			return written, err
		}
		if c.deadline.Load() != d {
			continue // limit has replaced a deadline that was set meanwhile
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || given || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		if n == 0 {
			c.stalled.Inc()
			return written, err
		}
	}
}

// SetWriteDeadline implements net.Conn. A write fails at the deadline even if the client reads.
func (c *connection) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		c.deadline.Store(0)
		return nil
	}
	after := t.Sub(c.opened)
	if after == 0 {
		after = -1 // 0 is no deadline
	}
	c.deadline.Store(int64(after))
	if time.Until(t) < stallTimeout {
		return c.Conn.SetWriteDeadline(t) // also for a write that waits
	}
	return nil
}

// SetDeadline implements net.Conn.
func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite lets net/http end the answer and still read from the client.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}
