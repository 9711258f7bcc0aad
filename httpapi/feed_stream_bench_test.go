package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"agora/accounts"
	"agora/httpapi"
	feedapi "agora/httpapi/feed"
	"agora/ident"
)

// readers authenticates everybody whose token is the identifier of a user.
type readers struct{}

func (readers) Authenticate(_ context.Context, token string) (accounts.Principal, error) {
	return accounts.Principal{UserID: token, Role: accounts.Shopper, SessionID: token}, nil
}

// BenchmarkStreams opens streams over HTTP, and says what one that waits holds in memory: apart from its user's follows, which
// BenchmarkHub measures, and with the connection of its client, which has no buffers and no goroutine.
func BenchmarkStreams(b *testing.B) {
	const open = 4000 // each takes two descriptors
	s := httpapi.New(httpapi.Options{Authenticator: readers{}, MaxStreams: open, MaxStreamsPerAddress: open})
	feedapi.AddRoutes(s, newFeed(b, accounts.NewMemoryUsers(), nil))
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(s.Handler(), nil)
	web.Listener = httpapi.NewListener(web.Listener, httpapi.ListenerOptions{})
	web.Start()
	b.Cleanup(web.Close)
	var heap, stacks int64
	for b.Loop() {
		before := memory()
		clients := make([]net.Conn, open)
		for i := range clients {
			clients[i] = openStream(b, web.Listener.Addr().String())
		}
		after := memory()
		heap += int64(after.HeapAlloc) - int64(before.HeapAlloc)
		stacks += int64(after.StackInuse) - int64(before.StackInuse)
		for _, c := range clients {
			_ = c.Close()
		}
	}
	b.ReportMetric(float64(heap)/float64(b.N)/open, "heap-B/stream")
	b.ReportMetric(float64(stacks)/float64(b.N)/open, "stack-B/stream")
	b.ReportMetric(float64(heap+stacks)/float64(b.N)/open, "B/stream")
}

// openStream opens a stream, and reads its first event.
func openStream(b *testing.B, address string) net.Conn {
	b.Helper()
	c, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	_, err = fmt.Fprintf(c, "GET /v1/feed/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", ident.New(ident.User))
	if err != nil {
		b.Fatal(err)
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "id: ") {
			return c
		}
	}
	b.Fatal("the stream has ended")
	return nil
}

// memory returns what the program holds. A collection also shrinks stacks, by half at a time.
func memory() (m runtime.MemStats) {
	for range 4 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}
