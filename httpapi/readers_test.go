package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"agora/httpapi"
	"agora/telemetry"
)

// listening returns a server of the widgets whose connections are bounded.
func listening(t *testing.T, o httpapi.Options, l httpapi.ListenerOptions) *httptest.Server {
	t.Helper()
	o.Authenticator = tokens{}
	s := httpapi.New(o)
	addWidgets(s, nil)
	large := []byte(`"` + strings.Repeat("x", 4<<20) + `"`)
	httpapi.RegisterDocument[struct{}, string](s, httpapi.Route{Method: "GET", Path: "/v1/large", Tag: "widgets", Access: httpapi.Public},
		func(*http.Request) (httpapi.Document, error) { return httpapi.Document{Body: large}, nil })
	s.Mount(httpapi.Route{Method: "GET", Path: "/v1/stream", Access: httpapi.Public}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			_, _ = w.Write(large[:64<<10])
		}
	}))
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(s.Handler(), nil)
	web.Listener = httpapi.NewListener(web.Listener, l)
	web.Start()
	t.Cleanup(web.Close)
	return web
}

// dial connects from an address of this machine and sends a request, whose answer nobody reads yet.
func dial(t *testing.T, web *httptest.Server, from, path string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return conn
}

// from is a client whose connections come from an address of this machine.
func from(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
}

// get returns the status of an answer, and 0 for a connection that was closed without one.
func get(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestSlowReadersTakeNoPlaces opens more connections of one address than requests may be in flight, each of which asks
// for an answer that fits into no buffer of the network and does not read it. Others are served meanwhile.
func TestSlowReadersTakeNoPlaces(t *testing.T) {
	const readers, places = 1100, 64
	for _, path := range []string{"/v1/large", "/v1/stream"} {
		m := telemetry.NewMetrics()
		web := listening(t, httpapi.Options{MaxInFlight: places}, httpapi.ListenerOptions{Metrics: m})
		for i := range readers {
			conn := dial(t, web, "127.0.0.1", path)
			if i%places == 0 { // not faster than the server, which would refuse some for being full
				if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		other := from("127.0.0.2")
		for i := range 50 {
			if got := get(t, other, web.URL+"/v1/widgets/wid_1"); got != 200 {
				t.Fatalf("%s: while one address does not read, request %d of another gave %d, want 200", path, i, got)
			}
		}
		if n, _ := m.Value("agora_http_connections"); n < readers {
			t.Errorf("%s: %v connections are open, want the %d that do not read among them", path, n, readers)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	m := telemetry.NewMetrics()
	web := listening(t, httpapi.Options{}, httpapi.ListenerOptions{MaxConnections: 6, MaxPerAddress: 3, Metrics: m,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	held := map[string][]net.Conn{}
	hold := func(address string, n int) {
		t.Helper()
		for range n {
			conn := dial(t, web, address, "/v1/widgets/wid_1")
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // accepted and answered
				t.Fatal(err)
			}
			held[address] = append(held[address], conn)
		}
	}
	wants := func(address string, want int, why string) {
		t.Helper()
		if got := get(t, from(address), web.URL+"/v1/widgets/wid_1"); got != want {
			t.Errorf("%s: %s got %d, want %d", why, address, got, want)
		}
	}
	hold("127.0.0.1", 3)
	wants("127.0.0.1", 0, "with 3 connections of its own")
	wants("127.0.0.2", 200, "with none of its own")
	for n := 4.0; n > 3; n, _ = m.Value("agora_http_connections") {
		time.Sleep(time.Millisecond) // until the server has closed that one
	}
	hold("127.0.0.9", 3)
	wants("127.0.0.2", 0, "with 6 connections in all")
	if n, _ := m.Value("agora_http_connections_refused_total"); n != 2 {
		t.Errorf("%v connections are counted as refused, want 2", n)
	}
	_ = held["127.0.0.1"][0].Close()
	for deadline := time.Now().Add(10 * time.Second); get(t, from("127.0.0.1"), web.URL+"/v1/widgets/wid_1") != 200; {
		if time.Now().After(deadline) {
			t.Fatal("a connection that was closed still counts after 10 s")
		}
	}
}
