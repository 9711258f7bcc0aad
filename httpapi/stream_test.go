package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/httpapi"
	"agora/telemetry"
)

// newStreamServer returns a server, with bounded connections as in the program, that has one stream at /v1/stream.
func newStreamServer(t *testing.T, o httpapi.Options, handle func(context.Context, *httpapi.Stream) error) (*httpapi.Server, *httptest.Server) {
	t.Helper()
	if o.Authenticator == nil {
		o.Authenticator = tokens{}
	}
	s := httpapi.New(o)
	addWidgets(s, nil)
	httpapi.RegisterStream(s, httpapi.Route{Path: "/v1/stream", Tag: "streams", Summary: "Follow", Access: httpapi.Public},
		func(ctx context.Context, in *struct {
			Topic string `query:"topic" maxLength:"8"`
		}, out *httpapi.Stream) error {
			if in.Topic == "none" {
				return fault.ErrNotFound("topic", in.Topic)
			}
			return handle(ctx, out)
		})
	web := httptest.NewUnstartedServer(nil)
	web.Listener = httpapi.NewListener(web.Listener, httpapi.ListenerOptions{})
	web.Config = httpapi.HTTPServer(s.Handler(), nil)
	web.Start()
	t.Cleanup(web.Close)
	return s, web
}

// follower is a client of a stream.
type follower struct {
	conn   net.Conn
	answer *http.Response
	lines  *bufio.Reader
}

func follow(t *testing.T, web *httptest.Server, path string, headers ...string) *follower {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	head := "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &follower{conn, answer, bufio.NewReaderSize(answer.Body, 512)}
}

// event reads up to the end of an event.
func (f *follower) event(t *testing.T) string {
	t.Helper()
	var event strings.Builder
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends with %v after %q", err, event.String())
		}
		if line == "\n" {
			return event.String()
		}
		event.WriteString(line)
	}
}

func TestStream(t *testing.T) {
	m := telemetry.NewMetrics()
	_, web := newStreamServer(t, httpapi.Options{Metrics: m, MaxInFlight: 1}, func(ctx context.Context, out *httpapi.Stream) error {
		for _, e := range []httpapi.Event{
			{ID: "7", Name: "post", Data: []byte("one\ntwo\r\nthree\rfour\n"), Retry: 1500 * time.Millisecond},
			{Data: []byte("after " + out.LastEventID)},
		} {
			if err := out.Send(e); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	})
	f := follow(t, web, "/v1/stream?topic=x", "Last-Event-ID: 6", "Accept-Encoding: gzip")
	h := f.answer.Header
	if f.answer.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Encoding") != "" {
		t.Fatalf("got %d with %v", f.answer.StatusCode, h)
	}
	if got, want := f.event(t), "id: 7\nevent: post\nretry: 1500\ndata: one\ndata: two\ndata: three\ndata: four\ndata: \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := f.event(t), "data: after 6\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("while a stream is open on a server with one place a page gave %d", got.status)
	}
	figures := call(t, "GET", web.URL+"/metrics", "", as("admin")...).body
	if !strings.Contains(figures, `agora_http_streams{route="GET /v1/stream"} 1`) {
		t.Error("the stream is not counted")
	}
	_ = f.conn.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if open, _ := m.Value("agora_http_streams"); open == 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the stream of a client that is gone is still open")
		}
		time.Sleep(time.Millisecond)
	}
	if figures := call(t, "GET", web.URL+"/metrics", "", as("admin")...).body; strings.Contains(figures, `_count{class="2xx",route="GET /v1/stream"}`) {
		t.Error("the duration of a stream is in the histogram of requests")
	}
}

func TestStreamThatDoesNotOpen(t *testing.T) {
	m := telemetry.NewMetrics()
	_, web := newStreamServer(t, httpapi.Options{Metrics: m}, func(context.Context, *httpapi.Stream) error { return nil })
	for path, status := range map[string]int{"?topic=none": 404, "?topic=muchtoolong": 422, "?other=1": 422} {
		got := call(t, "GET", web.URL+"/v1/stream"+path, "")
		if got.status != status {
			t.Errorf("%s gave %d, want %d: %s", path, got.status, status, got.body)
		}
		got.problem(t)
	}
	for id, status := range map[string]int{"1:2": 200, "": 200, strings.Repeat("x", 513): 422, "a\tb": 422} {
		got := call(t, "GET", web.URL+"/v1/stream", "", "Last-Event-ID", id)
		if got.status != status {
			t.Errorf("Last-Event-ID %q gave %d, want %d: %s", id, got.status, status, got.body)
		}
		if status == 422 && fields(got.problem(t)) != "Last-Event-ID" {
			t.Errorf("Last-Event-ID %q: %s", id, got.body)
		}
	}
	if got := call(t, "HEAD", web.URL+"/v1/stream", ""); got.status != 200 || got.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD gave %d with %v", got.status, got.header)
	}
	if got := call(t, "GET", web.URL+"/metrics", "", as("admin")...).body; !strings.Contains(got, `class="4xx",route="GET /v1/stream"`) {
		t.Error("a stream that is refused is not among the requests")
	}
}

// TestStreamOfAClientThatDoesNotRead fills the buffers of the kernel, and then the queue.
func TestStreamOfAClientThatDoesNotRead(t *testing.T) {
	m := telemetry.NewMetrics()
	type result struct {
		sent int
		err  error
	}
	ended := make(chan result, 1)
	_, web := newStreamServer(t, httpapi.Options{Metrics: m}, func(ctx context.Context, out *httpapi.Stream) error {
		event := httpapi.Event{Data: []byte(strings.Repeat("x", 1000))}
		for sent := 0; ; sent++ {
			// Give the client time to read.
			waited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			err := out.Flush(waited)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				ended <- result{sent, err}
				return err
			}
			for range 10 {
				if err := out.Send(event); err != nil {
					ended <- result{sent, err}
					if ctx.Err() == nil {
						t.Error("the stream ends, and its context does not")
					}
					return err
				}
			}
		}
	})
	f := follow(t, web, "/v1/stream")
	select {
	case got := <-ended:
		if !strings.Contains(got.err.Error(), "does not read") {
			t.Errorf("the stream ends with %v", got.err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the stream of a client that does not read goes on")
	}
	if n, _ := m.Value("agora_http_streams_dropped_total"); n != 1 {
		t.Errorf("%v streams are counted as dropped, want 1", n)
	}
	if _, err := io.Copy(io.Discard, f.lines); err == nil {
		t.Error("the stream that was dropped has a good end")
	}
}

// TestStreamsAtOnce opens a thousand streams, sends an event to each, and then stops the server.
func TestStreamsAtOnce(t *testing.T) {
	const count = 1000
	var hub struct {
		sync.Mutex
		open map[*httpapi.Stream]bool
	}
	hub.open = map[*httpapi.Stream]bool{}
	var ready atomic.Int64
	s, web := newStreamServer(t, httpapi.Options{MaxInFlight: 1, MaxStreamsPerAddress: count, MaxStreams: count}, func(ctx context.Context, out *httpapi.Stream) error {
		hub.Lock()
		hub.open[out] = true
		hub.Unlock()
		if err := out.Open(); err != nil {
			return err
		}
		ready.Add(1)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	followers := make([]*follower, count)
	for i := range followers {
		followers[i] = follow(t, web, "/v1/stream")
		if followers[i].answer.StatusCode != 200 {
			t.Fatalf("stream %d gave %d", i, followers[i].answer.StatusCode)
		}
	}
	for ready.Load() < count {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)) / count
	t.Logf("%d bytes a stream, its client included", each)
	if each > 96<<10 {
		t.Errorf("a stream takes %d bytes with its client, want at most 96 KiB", each)
	}
	if got := call(t, "GET", web.URL+"/v1/stream", ""); got.status != 429 || got.problem(t).Code != "rate_limited" {
		t.Errorf("one stream too many gave %d: %s", got.status, got.body)
	}
	hub.Lock()
	for out := range hub.open {
		if err := out.Send(httpapi.Event{ID: "1", Data: []byte("to all")}); err != nil {
			t.Error(err)
		}
	}
	hub.Unlock()
	for _, f := range followers {
		if got := f.event(t); got != "id: 1\ndata: to all\n" {
			t.Fatalf("got %q", got)
		}
	}
	hub.Lock()
	for out := range hub.open {
		if err := out.Send(httpapi.Event{ID: "2", Data: []byte("the last")}); err != nil {
			t.Error(err)
		}
	}
	hub.Unlock()
	s.CloseConnections()
	for _, f := range followers {
		got, err := io.ReadAll(f.lines)
		if err != nil || string(got) != "id: 2\ndata: the last\n\n" {
			t.Fatalf("the stream ends with %q and %v, want what was queued and a good end", got, err)
		}
	}
	if got := call(t, "GET", web.URL+"/v1/stream", ""); got.status != 503 || got.problem(t).Code != "stopping" {
		t.Errorf("a stream of a server that stops gave %d: %s", got.status, got.body)
	}
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("a page of a server that stops gave %d", got.status)
	}
}

func TestStreamsOfOneAddress(t *testing.T) {
	_, web := newStreamServer(t, httpapi.Options{MaxStreams: 3, MaxStreamsPerAddress: 2, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		func(ctx context.Context, out *httpapi.Stream) error {
			err := out.Open()
			<-ctx.Done()
			return err
		})
	for i, tt := range []struct {
		address string
		status  int
	}{{"203.0.113.1", 200}, {"203.0.113.1", 200}, {"203.0.113.1", 429}, {"203.0.113.2", 200}, {"203.0.113.3", 503}} {
		if got := follow(t, web, "/v1/stream", "X-Forwarded-For: "+tt.address).answer.StatusCode; got != tt.status {
			t.Errorf("stream %d, from %s, gave %d, want %d", i, tt.address, got, tt.status)
		}
	}
}

// TestStreamThatFails checks that a failure after the first event breaks the connection.
func TestStreamThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("the disk is gone") },
		"a panic":  func() error { panic("in the middle") },
	} {
		_, web := newStreamServer(t, httpapi.Options{}, func(ctx context.Context, out *httpapi.Stream) error {
			return errors.Join(out.Send(httpapi.Event{Data: []byte("first")}), out.Flush(ctx), fail())
		})
		f := follow(t, web, "/v1/stream")
		if got := f.event(t); got != "data: first\n" {
			t.Errorf("%s: got %q", name, got)
		}
		if rest, err := io.ReadAll(f.lines); err == nil || strings.Contains(string(rest), "disk") {
			t.Errorf("%s: the stream ends with %q and %v", name, rest, err)
		}
	}
}

// quietWriter is a ResponseWriter for synctest.
type quietWriter struct {
	mu   sync.Mutex
	head http.Header
	body strings.Builder
	due  time.Time // write deadline
}

func (w *quietWriter) Header() http.Header                  { return w.head }
func (w *quietWriter) WriteHeader(int)                      {}
func (w *quietWriter) Flush()                               {}
func (w *quietWriter) SetReadDeadline(time.Time) error      { return nil }
func (w *quietWriter) SetWriteDeadline(due time.Time) error { w.due = due; return nil }

func (w *quietWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if left := time.Until(w.due); left != 10*time.Second {
		return 0, fmt.Errorf("an event has %v to be written", left)
	}
	return w.body.Write(p)
}

func TestStreamBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := httpapi.New(httpapi.Options{Timeout: time.Second})
		httpapi.RegisterStream(s, httpapi.Route{Path: "/v1/stream", Access: httpapi.Roles(accounts.Admin) | httpapi.Public},
			func(ctx context.Context, _ *struct{}, out *httpapi.Stream) error {
				if err := out.Open(); err != nil {
					return err
				}
				time.Sleep(7 * time.Second)
				if err := out.Send(httpapi.Event{Data: []byte("late")}); err != nil {
					return err
				}
				<-ctx.Done() // no deadline of requests ends it
				return nil
			})
		ctx, leave := context.WithCancel(t.Context())
		w := &quietWriter{head: http.Header{}}
		done := make(chan bool)
		go func() {
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/v1/stream", nil))
			close(done)
		}()
		time.Sleep(18 * time.Second)
		synctest.Wait()
		w.mu.Lock()
		got := w.body.String()
		w.mu.Unlock()
		if want := ":\n\ndata: late\n\n:\n\n:\n\n"; got != want {
			t.Errorf("after 18 s the client has %q, want %q", got, want)
		}
		leave()
		<-done
	})
}

// TestProxiesOutwaitTheHeartbeat compares the time between two heartbeats with the timeouts of the proxies in deploy, which end
// an answer that is silent for longer.
func TestProxiesOutwaitTheHeartbeat(t *testing.T) {
	const heartbeat = 5 // seconds, see TestStreamBeats
	for file, setting := range map[string]string{
		"nginx/agora.conf":   `proxy_read_timeout (\d+)s`,
		"varnish/origin.vcl": `between_bytes_timeout = (\d+)s`,
		"compose/origin.vcl": `between_bytes_timeout = (\d+)s`,
	} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(setting).FindSubmatch(text)
		if found == nil {
			t.Errorf("%s has no %s", file, setting)
			continue
		}
		if wait, _ := strconv.Atoi(string(found[1])); wait < heartbeat+2 {
			t.Errorf("%s ends an answer that is silent for %d s, want 2 s more than the %d s between heartbeats", file, wait, heartbeat)
		}
	}
}

// TestStreamOutlivesTheReadTimeout opens a stream for longer than the read timeout of the server.
func TestStreamOutlivesTheReadTimeout(t *testing.T) {
	s := httpapi.New(httpapi.Options{})
	httpapi.RegisterStream(s, httpapi.Route{Path: "/v1/stream", Access: httpapi.Public}, func(ctx context.Context, _ *struct{}, out *httpapi.Stream) error {
		if err := out.Open(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
			return out.Send(httpapi.Event{Data: []byte("still here")})
		}
	})
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(s.Handler(), nil)
	web.Config.ReadTimeout = 20 * time.Millisecond
	web.Start()
	defer web.Close()
	if got := call(t, "GET", web.URL+"/v1/stream", ""); got.body != "data: still here\n\n" {
		t.Errorf("got %q", got.body)
	}
}

func TestStreamIsDocumented(t *testing.T) {
	_, web := newStreamServer(t, httpapi.Options{}, func(context.Context, *httpapi.Stream) error { return nil })
	op := documentOf(t, web.URL).Paths["/v1/stream"]["get"]
	var names []string
	for _, p := range op.Parameters {
		names = append(names, p.In+" "+p.Name)
	}
	if got := strings.Join(names, ", "); got != "header Last-Event-ID, query topic" {
		t.Errorf("the parameters are %s", got)
	}
	if _, ok := op.Responses["204"]; ok {
		t.Error("a stream is documented as an answer without a body")
	}
	if got := call(t, "GET", web.URL+"/openapi.json", "").body; !strings.Contains(got, `"text/event-stream"`) {
		t.Error("the media type of a stream is not documented")
	}
}
