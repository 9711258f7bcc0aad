package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	wireBuffer = 16 << 10
	keptBody   = 256 << 10 // bytes of a body that are kept; the rest is read and dropped
	maxHeaders = 200

	// idleAfter is the idle time after which a connection is replaced. A server that closes an idle connection while a
	// request is on its way would seem to lose the request. Servers commonly wait a minute or longer.
	idleAfter = 30 * time.Second
)

var (
	errMalformed = errors.New("malformed answer")
	errLost      = errors.New("connection lost")
)

// target is the server under load.
type target struct {
	address string // host:port to dial
	host    string // of the Host header
	path    string // before each route, without a slash at its end
	secure  bool
	dialer  Dial
}

// newTarget reads the URL that the load goes to.
func newTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("url: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return target{}, fmt.Errorf("url: %q is not like http://127.0.0.1:8080", raw)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return target{
		address: net.JoinHostPort(u.Hostname(), port), host: u.Host, path: strings.TrimRight(u.EscapedPath(), "/"),
		secure: u.Scheme == "https", dialer: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}, nil
}

func (t target) dial(ctx context.Context) (net.Conn, error) {
	conn, err := t.dialer(ctx, "tcp", t.address)
	if err != nil || !t.secure {
		return conn, err
	}
	name, _, err := net.SplitHostPort(t.address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, &tls.Config{ServerName: name, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

// wire is one keep-alive connection for requests that are already encoded. It reads only what is needed of an answer, and
// costs a fraction of net/http's client (ADR 0010). It speaks only HTTP/1.1. One goroutine uses it.
type wire struct {
	target   target
	conn     net.Conn // nil until it is needed, and after a failure
	in       *bufio.Reader
	used     time.Time
	deadline time.Time
	body     []byte // of the last answer, at most keptBody bytes
}

// Reply is the answer of a server.
type Reply struct {
	Status int
	Body   []byte // valid until the next exchange; nil if it was not wanted and the answer is a success
	AsOf   string // the header Agora-As-Of: from which position on readers see a write
}

// exchange sends a request and reads the answer, within about the timeout. The answer has its body if that is wanted, or
// if the status is not a success. After an error the connection is closed, and the next exchange opens another.
func (w *wire) exchange(ctx context.Context, request []byte, wantBody bool, timeout time.Duration) (Reply, error) {
	if err := w.ready(ctx, timeout); err != nil {
		return Reply{}, err
	}
	answer, last, err := w.roundTrip(request, wantBody)
	w.used = time.Now()
	if err != nil || last {
		w.close()
	}
	return answer, err
}

// ready opens the connection if there is none. It renews the deadline of the connection only when that is near, because
// this costs as much as the rest of the client.
func (w *wire) ready(ctx context.Context, timeout time.Duration) error {
	now := time.Now()
	if w.conn != nil && now.Sub(w.used) > idleAfter {
		w.close()
	}
	if w.conn == nil {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := w.target.dial(ctx)
		if err != nil {
			return err
		}
		w.conn, w.deadline = conn, time.Time{}
		if w.in == nil {
			w.in = bufio.NewReaderSize(conn, wireBuffer)
		}
		w.in.Reset(conn)
	}
	if w.deadline.Sub(now) >= timeout {
		return nil
	}
	w.deadline = now.Add(timeout + min(timeout, time.Second))
	return w.conn.SetDeadline(w.deadline)
}

func (w *wire) close() {
	if w.conn != nil {
		_ = w.conn.Close() // an error of the connection was returned before
		w.conn = nil
	}
}

func (w *wire) roundTrip(request []byte, wantBody bool) (answer Reply, last bool, err error) {
	if _, err := w.conn.Write(request); err != nil {
		return Reply{}, false, lost(err)
	}
	var h head
	for {
		if h, err = w.readHead(); err != nil {
			return Reply{}, false, lost(err)
		}
		if h.status >= 200 {
			break
		}
	}
	w.body = w.body[:0]
	if err := w.readBody(h, wantBody || h.status >= 300); err != nil {
		return Reply{}, false, lost(err)
	}
	return Reply{h.status, w.body, h.asOf}, h.last, nil
}

// lost marks an error of the connection as errLost, because operating systems have several errors for a lost connection.
func lost(err error) error {
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, errMalformed) || ok && timeout.Timeout() {
		return err
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// head is the part of an answer's status line and headers that the wire needs.
type head struct {
	status  int
	length  int64 // -1 if the answer has no Content-Length
	chunked bool
	last    bool // the server closes the connection after the answer
	asOf    string
}

func (w *wire) readHead() (head, error) {
	line, err := w.line()
	if err != nil {
		return head{}, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	h := head{length: -1, last: !bytes.Equal(version, []byte("HTTP/1.1"))}
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(rest) < 3 {
		return head{}, errMalformed
	}
	if h.status, err = strconv.Atoi(string(rest[:3])); err != nil || h.status < 100 {
		return head{}, errMalformed
	}
	for range maxHeaders {
		line, err := w.line()
		if err != nil || len(line) == 0 {
			return h, err
		}
		if err := h.header(line); err != nil {
			return head{}, err
		}
	}
	return head{}, errMalformed
}

func (h *head) header(line []byte) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return errMalformed
	}
	value = bytes.TrimSpace(value)
	switch {
	case is(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || h.length >= 0 && h.length != int64(n) {
			return errMalformed
		}
		h.length = int64(n)
	case is(name, "Transfer-Encoding"):
		if !is(value, "chunked") {
			return errMalformed
		}
		h.chunked = true
	case is(name, "Connection"):
		h.last = h.last || is(value, "close")
	case is(name, "Agora-As-Of"):
		h.asOf = string(value)
	}
	return nil
}

// is reports whether a text is the word, regardless of case. Most texts differ in length, which is compared first.
func is(text []byte, word string) bool {
	return len(text) == len(word) && strings.EqualFold(string(text), word)
}

// line returns a line without its end. It is valid until the next read.
func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errMalformed
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

func (w *wire) readBody(h head, wanted bool) error {
	switch {
	case h.status == 204 || h.status == 304:
		return nil
	case h.chunked:
		return w.readChunks(wanted)
	case h.length >= 0:
		return w.take(h.length, wanted)
	default:
		return w.takeAll(wanted)
	}
}

func (w *wire) readChunks(wanted bool) error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 32)
		if err != nil {
			return errMalformed
		}
		if n == 0 {
			return w.trailers()
		}
		if err := w.take(int64(n), wanted); err != nil {
			return err
		}
		end, err := w.line()
		if err != nil {
			return err
		}
		if len(end) != 0 {
			return errMalformed
		}
	}
}

func (w *wire) trailers() error {
	for range maxHeaders {
		if line, err := w.line(); err != nil || len(line) == 0 {
			return err
		}
	}
	return errMalformed
}

// take reads n bytes of the body, and keeps them if they are wanted and below keptBody.
func (w *wire) take(n int64, wanted bool) error {
	if room := keptBody - int64(len(w.body)); wanted && room > 0 {
		keep := min(n, room)
		begin := len(w.body)
		w.body = append(w.body, make([]byte, keep)...)
		if _, err := io.ReadFull(w.in, w.body[begin:]); err != nil {
			return err
		}
		n -= keep
	}
	_, err := w.in.Discard(int(n))
	return err
}

// takeAll reads a body that ends with its connection.
func (w *wire) takeAll(wanted bool) error {
	if wanted {
		kept, err := io.ReadAll(io.LimitReader(w.in, keptBody))
		w.body = append(w.body, kept...)
		if err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, w.in)
	return err
}
