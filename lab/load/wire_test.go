package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answering is a server that sends one text for each request, and closes the connection after the last.
func answering(texts ...string) target {
	return target{dialer: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			in := bufio.NewReader(theirs)
			for _, text := range texts {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				if _, err := io.WriteString(theirs, text); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

const plainRequest = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"

func TestWireReadsEveryFormOfAnAnswer(t *testing.T) {
	long := strings.Repeat("x", keptBody+100)
	for _, tt := range []struct {
		name, text string
		status     int
		body       string
	}{
		{"length", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200, "hi"},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n", 200, "hi0123456789"},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!", 201, "!"},
		{"until the end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", 200, "all of it"},
		{"older", "HTTP/1.0 200 OK\r\n\r\nall of it", 200, "all of it"},
		{"longer than is kept", "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(long)) + "\r\n\r\n" + long, 200, long[:keptBody]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &wire{target: answering(tt.text)}
			defer w.close()
			got, err := w.exchange(t.Context(), []byte(plainRequest), true, time.Minute)
			if err != nil || got.Status != tt.status || string(got.Body) != tt.body {
				t.Errorf("%d with %.20q, %v; want %d with %.20q", got.Status, got.Body, err, tt.status, tt.body)
			}
		})
	}
}

func TestWireRefusesWhatIsNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"another protocol":  "SSH-2.0-OpenSSH\r\n\r\n",
		"no status":         "HTTP/1.1 two hundred\r\n\r\n",
		"no colon":          "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
		"negative length":   "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"another coding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"a chunk too long":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		"endless headers":   "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeaders+1),
		"a line too long":   "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", wireBuffer),
		"a chunk of no hex": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	} {
		w := &wire{target: answering(text)}
		if got, err := w.exchange(t.Context(), []byte(plainRequest), true, time.Minute); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %d, %v; want a malformed answer", name, got.Status, err)
		}
		w.close()
	}
}

func TestWireKeepsItsConnectionAndReplacesALostOne(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
	dials := 0
	at := answering(ok, ok, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfir")
	inner := at.dialer
	at.dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return inner(ctx, network, address)
	}
	w := &wire{target: at}
	defer w.close()
	for i := range 6 {
		_, err := w.exchange(t.Context(), []byte(plainRequest), i%2 == 0, time.Minute)
		if lost := i%3 == 2; errors.Is(err, errLost) != lost {
			t.Errorf("exchange %d: %v, lost should be %v", i, err, lost)
		}
	}
	if dials != 2 {
		t.Errorf("%d connections for six exchanges of which two were lost, want 2", dials)
	}
}

func TestWireWaitsNoLongerThanItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := target{dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}}
		w := &wire{target: silent}
		begin := time.Now()
		_, err := w.exchange(t.Context(), []byte(plainRequest), true, 100*time.Millisecond)
		if took := time.Since(begin); FailureOf(err) != "timeout" || took > 200*time.Millisecond {
			t.Errorf("%v after %v, want a timeout after 100 to 200 ms", err, took)
		}
	})
}

func TestTargetsAreURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:8080": "127.0.0.1:8080", "http://shop": "shop:80", "https://shop/base/": "shop:443", "http://[::1]:1": "[::1]:1",
	} {
		got, err := newTarget(raw)
		if err != nil || got.address != want {
			t.Errorf("%s is at %s, %v; want %s", raw, got.address, err, want)
		}
	}
	for _, raw := range []string{"", "shop:80", "ftp://shop", "http://", "http://user:secret@shop", "http://shop?x=y", "http://a b"} {
		if _, err := newTarget(raw); err == nil {
			t.Errorf("%q was taken for a URL", raw)
		}
	}
}
