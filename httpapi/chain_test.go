package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/httpapi"
	"agora/ident"
	"agora/telemetry"
)

func TestRequestID(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	for given, kept := range map[string]bool{
		"trace-1.a_b": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 129): false, "ä": false,
	} {
		got := call(t, "GET", web.URL+"/healthz", "", "X-Request-Id", given).header.Get("X-Request-Id")
		if kept && got != given {
			t.Errorf("%q came back as %q", given, got)
		}
		if !kept && ident.Check(ident.Request, got) != nil {
			t.Errorf("%q came back as %q, want a new id", given, got)
		}
	}
}

// lines is a writer that tests read while a server writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestLogsSayWhatHappenedOnceAndNoSecret(t *testing.T) {
	var access, errs lines
	_, web := newServer(t, httpapi.Options{
		AccessLog: slog.New(slog.NewJSONHandler(&access, nil)), Logger: slog.New(slog.NewJSONHandler(&errs, nil)),
	}, errors.New("disk says no"))
	got := call(t, "GET", web.URL+"/v1/widgets?cursor=hidden", "", append(as("admin"), "X-Request-Id", "r-1", "Cookie", "c=hidden")...)
	web.Close() // waits until the exchange is recorded

	var line struct {
		Request, Method, Path, Route, User, Code string
		Status                                   int
	}
	if err := json.Unmarshal([]byte(access.String()), &line); err != nil {
		t.Fatalf("the access log is not one line: %v: %s", err, access.String())
	}
	if line.Request != "r-1" || line.Method != "GET" || line.Path != "/v1/widgets" || line.Route != "GET /v1/widgets" ||
		line.User != "usr_admin" || line.Code != "internal" || line.Status != 500 {
		t.Errorf("access log: %s", access.String())
	}
	if n := strings.Count(errs.String(), "disk says no"); n != 1 || !strings.Contains(errs.String(), "r-1") {
		t.Errorf("the cause is logged %d times, want once with the request's id: %s", n, errs.String())
	}
	for _, secret := range []string{"hidden", "Bearer"} {
		if strings.Contains(access.String()+errs.String()+got.body, secret) {
			t.Errorf("%q is in a log or the answer", secret)
		}
	}
}

func TestMetricsNameTheRouteAndNotThePath(t *testing.T) {
	m := telemetry.NewMetrics()
	_, web := newServer(t, httpapi.Options{Metrics: m}, nil)
	call(t, "GET", web.URL+"/v1/widgets/wid_1", "")
	call(t, "GET", web.URL+"/v1/widgets/wid_2", "")
	call(t, "GET", web.URL+"/wp-admin", "")
	got := call(t, "GET", web.URL+"/metrics", "", as("metrics")...).body
	for _, want := range []string{
		`agora_http_request_duration_seconds_count{class="2xx",route="GET /v1/widgets/{id}"} 1`,
		`agora_http_request_duration_seconds_count{class="4xx",route="GET /v1/widgets/{id}"} 1`,
		`agora_http_request_duration_seconds_count{class="4xx",route="none"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(got, "wp-admin") {
		t.Error("a client's path became a label")
	}
}

func TestRequestIsASpanNamedByItsRoute(t *testing.T) {
	var received lines
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&received, r.Body)
	}))
	defer collector.Close()
	tracer, err := telemetry.NewTracer(t.Context(), collector.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, web := newServer(t, httpapi.Options{Tracer: tracer}, nil)
	if got := call(t, "GET", web.URL+"/v1/widgets", "", as("shopper")...); got.status != 200 {
		t.Fatalf("with tracing on, the request gave %d: %s", got.status, got.body)
	}
	web.Close()
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(received.String(), "GET /v1/widgets") {
		t.Errorf("no span of that name arrived in %d bytes", len(received.String()))
	}
}

func TestBearerHeader(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	for header, want := range map[string]int{
		"Bearer shopper": 200, "bearer shopper": 200, "Bearer  shopper": 200,
		"Bearer": 401, "Basic c2hvcHBlcjp4": 401, "shopper": 401, "Bearer store-away": 503,
	} {
		got := call(t, "GET", web.URL+"/v1/widgets", "", "Authorization", header)
		if got.status != want {
			t.Errorf("%q gave %d, want %d", header, got.status, want)
		}
		if want == 401 && got.header.Get("Www-Authenticate") == "" {
			t.Errorf("%q: 401 comes without WWW-Authenticate", header)
		}
	}
}

// quota lets each key pass n times.
type quota struct {
	mu   sync.Mutex
	n    int
	seen map[string]int
	err  error
}

func (q *quota) Allow(_ context.Context, key string) (bool, time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen[key]++
	return q.seen[key] <= q.n, 3 * time.Second, q.err
}

func TestRateLimits(t *testing.T) {
	addresses, sessions := &quota{n: 3, seen: map[string]int{}}, &quota{n: 1, seen: map[string]int{}}
	_, web := newServer(t, httpapi.Options{AddressLimit: addresses, TokenLimit: sessions}, nil)
	url := web.URL + "/v1/widgets"
	if got := call(t, "GET", url, "", as("shopper")...); got.status != 200 {
		t.Fatalf("the first request gave %d", got.status)
	}
	got := call(t, "GET", url, "", as("shopper")...)
	if p := got.problem(t); got.status != 429 || p.Code != "rate_limited" || got.header.Get("Retry-After") != "3" {
		t.Errorf("the second of one token gave %d %s, Retry-After %q; want 429 after 3 s", got.status, p.Code, got.header.Get("Retry-After"))
	}
	if got := call(t, "GET", url, "", as("guess")...); got.status != 401 {
		t.Errorf("the third of the address gave %d, want 401", got.status)
	}
	if got := call(t, "GET", url, "", as("guess")...); got.status != 429 {
		t.Errorf("the fourth of the address gave %d, want 429 so that guessing tokens is limited", got.status)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/nothing", "//v1/widgets", "/v1/../v1/widgets"} {
		got := call(t, "GET", web.URL+path, "")
		if p := got.problem(t); got.status != 429 || p.Code != "rate_limited" || got.header.Get("Retry-After") != "3" || got.header.Get("Location") != "" {
			t.Errorf("%s gave %d %s, want 429 as for every other path", path, got.status, p.Code)
		}
	}
	if got := call(t, "PATCH", url, ""); got.status != 429 || got.header.Get("Allow") != "" {
		t.Errorf("a method that there is not gave %d, want 429", got.status)
	}
	if addresses.seen["127.0.0.1"] != 11 || sessions.seen["ses_shopper"] != 2 {
		t.Errorf("keys asked for: %v and %v", addresses.seen, sessions.seen)
	}
}

func TestLimiterThatIsAwayLetsPassAndIsCounted(t *testing.T) {
	m := telemetry.NewMetrics()
	away := &quota{seen: map[string]int{}, err: errors.New("redis is away")}
	_, web := newServer(t, httpapi.Options{AddressLimit: away, Metrics: m}, nil)
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("got %d, want 200", got.status)
	}
	if n, _ := m.Value("agora_http_limiter_errors_total"); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

func TestForwardedAddressCountsOnlyFromTrustedProxies(t *testing.T) {
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	tests := []struct {
		name      string
		trusted   []netip.Prefix
		forwarded string
		want      string
	}{
		{"nobody is trusted", nil, "203.0.113.9", "127.0.0.1"},
		{"trusted", []netip.Prefix{loopback}, "203.0.113.9", "203.0.113.9"},
		{"what the client made up is before it", []netip.Prefix{loopback}, "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		{"through two proxies", []netip.Prefix{loopback}, "203.0.113.9, 127.0.0.7", "203.0.113.9"},
		{"not an address", []netip.Prefix{loopback}, "unknown", "127.0.0.1"},
		{"none", []netip.Prefix{loopback}, "", "127.0.0.1"},
		{"IPv6 by its network", []netip.Prefix{loopback}, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := &quota{n: 1, seen: map[string]int{}}
			_, web := newServer(t, httpapi.Options{AddressLimit: seen, TrustedProxies: tt.trusted}, nil)
			call(t, "GET", web.URL+"/v1/widgets/wid_1", "", "X-Forwarded-For", tt.forwarded)
			if seen.seen[tt.want] != 1 {
				t.Errorf("limited by %v, want by %s", seen.seen, tt.want)
			}
		})
	}
}

func TestFullServerRefusesAtOnceAndStaysObservable(t *testing.T) {
	s, web := newServer(t, httpapi.Options{MaxInFlight: 1}, nil)
	entered, leave := make(chan bool), make(chan bool)
	s.Mount(httpapi.Route{Method: "GET", Path: "/slow", Access: httpapi.Public},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }))
	done := make(chan answer)
	go func() { done <- call(t, "GET", web.URL+"/slow", "") }()
	<-entered
	got := call(t, "GET", web.URL+"/v1/widgets/wid_1", "")
	if p := got.problem(t); got.status != 503 || p.Code != "overloaded" || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %d %s, want 503 overloaded with Retry-After 1", got.status, p.Code)
	}
	if got := call(t, "GET", web.URL+"/healthz", ""); got.status != 200 {
		t.Errorf("/healthz gave %d, want 200", got.status)
	}
	leave <- true
	if got := <-done; got.status != 200 {
		t.Errorf("the request that was there gave %d, want 200", got.status)
	}
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("with room again it gave %d, want 200", got.status)
	}
}

func TestDeadlineEndsTheContext(t *testing.T) {
	s, web := newServer(t, httpapi.Options{}, nil)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/waits", Tag: "widgets", Access: httpapi.Public, Timeout: time.Millisecond,
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	got := call(t, "GET", web.URL+"/v1/waits", "")
	if p := got.problem(t); got.status != 504 || p.Code != "timeout" {
		t.Errorf("got %d %s, want 504 timeout", got.status, p.Code)
	}
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	_, web := newServer(t, httpapi.Options{BodyTimeout: 10 * time.Millisecond}, nil)
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST /v1/widgets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"+
		"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c) // ends, because the server does not wait for the rest
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got), "HTTP/1.1 408") || !strings.Contains(string(got), `"code":"body_too_slow"`) {
		t.Errorf("got %s, want 408 body_too_slow", got)
	}
}

func TestCompression(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	url := web.URL + "/v1/widgets/wid_1"
	plain := call(t, "GET", url, "")
	squeezed := call(t, "GET", url, "", "Accept-Encoding", "gzip, br")
	if plain.header.Get("Content-Encoding") != "" || squeezed.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding is %q plain and %q asked for", plain.header.Get("Content-Encoding"), squeezed.header.Get("Content-Encoding"))
	}
	zr, err := gzip.NewReader(strings.NewReader(squeezed.body))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(zr); err != nil || string(body) != plain.body {
		t.Errorf("the compressed answer holds other bytes: %v", err)
	}
	if plain.header.Get("Etag") != `"7"` || squeezed.header.Get("Etag") != `"7-gzip"` {
		t.Errorf("Etag is %s plain and %s compressed", plain.header.Get("Etag"), squeezed.header.Get("Etag"))
	}
	for _, a := range []answer{plain, squeezed} {
		if got := a.header.Values("Vary"); len(got) != 1 || got[0] != "Accept-Encoding" {
			t.Errorf("Vary = %q", got)
		}
	}
	if small := call(t, "GET", web.URL+"/healthz", "", "Accept-Encoding", "gzip"); small.header.Get("Content-Encoding") != "" {
		t.Error("an answer of a few bytes is compressed")
	}
	if refused := call(t, "GET", url, "", "Accept-Encoding", "gzip;q=0"); refused.header.Get("Content-Encoding") != "" {
		t.Error("compressed for a client that refuses it")
	}
}

func TestConditionalRequests(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	for given, want := range map[string]int{
		`"7"`: 304, `W/"7"`: 304, `"7-gzip"`: 304, `"6", "7"`: 304, `*`: 304, `"6"`: 200, `7`: 200, ``: 200,
	} {
		got := call(t, "GET", web.URL+"/v1/widgets/wid_1", "", "If-None-Match", given)
		if got.status != want || (want == 304) != (got.body == "") {
			t.Errorf("If-None-Match: %s gave %d with %d bytes, want %d", given, got.status, len(got.body), want)
		}
		if got.header.Get("Cache-Control") != "public, max-age=60" || got.header.Get("Surrogate-Key") != "wid_1" {
			t.Errorf("If-None-Match: %s lost the headers for caches", given)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	for _, path := range []string{"/v1/widgets/wid_1", "/v1/nothing", "/docs", "/openapi.json"} {
		got := call(t, "GET", web.URL+path, "")
		csp := got.header.Get("Content-Security-Policy")
		if got.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %v", path, got.header)
		}
	}
}

func TestReadiness(t *testing.T) {
	parts := map[string]func(context.Context) error{"orders": func(context.Context) error { return nil }}
	_, web := newServer(t, httpapi.Options{Ready: parts}, nil)
	if got := call(t, "GET", web.URL+"/readyz", ""); got.status != 200 || got.body != `{"status":"ready","parts":{"orders":"ready"}}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	parts = map[string]func(context.Context) error{
		"orders": func(context.Context) error { return nil },
		"cache":  func(context.Context) error { return errors.New("dial 10.0.0.7: refused") },
	}
	_, web = newServer(t, httpapi.Options{Ready: parts}, nil)
	got := call(t, "GET", web.URL+"/readyz", "")
	if p := got.problem(t); got.status != 503 || p.Code != "not_ready" || fields(p) != "cache" || strings.Contains(got.body, "10.0.0.7") {
		t.Errorf("got %d %s, want 503 not_ready naming the cache and no more", got.status, got.body)
	}
}

func TestReadinessSaysWhy(t *testing.T) {
	away := fmt.Errorf("orders: %w", fault.Wrap(fault.Unavailable, errors.New("dial 10.0.0.7: refused"), "PostgreSQL is away"))
	_, web := newServer(t, httpapi.Options{Ready: map[string]func(context.Context) error{
		"known":   func(context.Context) error { return fault.Wrap(fault.Unavailable, away, "stores is not ready") },
		"late":    func(context.Context) error { return context.DeadlineExceeded },
		"unknown": func(context.Context) error { return errors.New("password=hunter2") },
		"wordy":   func(context.Context) error { return fault.New(fault.Unavailable, "", strings.Repeat("x", 10_000)) },
	}}, nil)
	got := call(t, "GET", web.URL+"/readyz", "")
	said := map[string]string{}
	for _, f := range got.problem(t).Errors {
		said[f.Name] = f.Message
	}
	for name, want := range map[string]string{
		"known": "is not ready: stores is not ready: PostgreSQL is away", "late": "is not ready: it does not answer in time",
		"unknown": "is not ready: the log says why",
	} {
		if said[name] != want {
			t.Errorf("of %s it says %q, want %q", name, said[name], want)
		}
	}
	if n := len(said["wordy"]); n > 250 {
		t.Errorf("of wordy it says %d bytes", n)
	}
}

func TestALongRequestLineIsCutInTheLog(t *testing.T) {
	var access lines
	_, web := newServer(t, httpapi.Options{AccessLog: slog.New(slog.NewJSONHandler(&access, nil))}, nil)
	call(t, "GET", web.URL+"/v1/"+strings.Repeat("long", 5_000), "")
	call(t, strings.Repeat("LONG", 5_000), web.URL+"/v1/widgets", "")
	web.Close() // waits until the exchange is recorded
	for line := range strings.Lines(access.String()) {
		if len(line) > 600 {
			t.Errorf("a request with a path or a method of 20 KB makes a line of %d bytes", len(line))
		}
	}
}

// TestATraceIsFollowedForTrustedProxiesOnly counts the traces that callers began and the server goes on with.
func TestATraceIsFollowedForTrustedProxiesOnly(t *testing.T) {
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, proxies := range [][]netip.Prefix{nil, fromAnywhere} {
		tracer, err := telemetry.NewTracer(t.Context(), "http://127.0.0.1:1", 1)
		if err != nil {
			t.Fatal(err)
		}
		s, web := newServer(t, httpapi.Options{Tracer: tracer, TrustedProxies: proxies}, nil)
		seen := ""
		s.Mount(httpapi.Route{Method: "GET", Path: "/trace", Access: httpapi.Public},
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = telemetry.TraceID(r.Context()) }))
		call(t, "GET", web.URL+"/trace", "", "Traceparent", "00-"+theirs+"-00f067aa0ba902b7-01")
		if (seen == theirs) != (proxies != nil) || seen == "" {
			t.Errorf("with the trusted proxies %v the trace is %q", proxies, seen)
		}
	}
}

func TestOperationsAloneAskForNothing(t *testing.T) {
	none := &quota{seen: map[string]int{}}
	s, web := newServer(t, httpapi.Options{Metrics: telemetry.NewMetrics(), AddressLimit: none, MaxInFlight: 1}, nil)
	ops := httptest.NewServer(s.OperationsHandler())
	t.Cleanup(ops.Close)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 200, "/v1/widgets/wid_1": 404, "/openapi.json": 404, "/docs": 404, "/": 404,
	} {
		if got := call(t, "GET", ops.URL+path, ""); got.status != want || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s gave %d, want %d: %s", path, got.status, want, got.body)
		}
	}
	if got := call(t, "GET", web.URL+"/metrics", ""); got.status != 429 {
		t.Errorf("/metrics of the public listener gave %d, want 429", got.status)
	}
}

func TestFiguresAskForAToken(t *testing.T) {
	_, web := newServer(t, httpapi.Options{Metrics: telemetry.NewMetrics()}, nil)
	for token, want := range map[string]int{"": 401, "guess": 401, "shopper": 403, "seller": 403, "admin": 200, "metrics": 200} {
		if got := call(t, "GET", web.URL+"/metrics", "", as(token)...); got.status != want {
			t.Errorf("/metrics with the token %q gave %d, want %d", token, got.status, want)
		}
		if got := call(t, "GET", web.URL+"/%6detrics", "", as(token)...); got.status != want {
			t.Errorf("/%%6detrics with the token %q gave %d, want %d", token, got.status, want)
		}
	}
}

func TestPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	s, web := newServer(t, httpapi.Options{}, nil)
	s.Mount(httpapi.Route{Method: "GET", Path: "/half", Access: httpapi.Public},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("in the middle")
		}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/half", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("half an answer came as a whole one: %q", body)
	}
}

func TestLineBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		b := httpapi.NewLineBuffer(&out)
		write := func(s string) {
			if _, err := b.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		write("one\n")
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "" {
			t.Errorf("%q was written within the second", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "one\n" {
			t.Errorf("after a second %q is written, want one line", got)
		}
		write(strings.Repeat("x", 40<<10))
		if got := len(out.String()); got < 40<<10 {
			t.Errorf("a full buffer waits: %d bytes are written", got)
		}
		write("last\n")
		if err := b.Close(); err != nil || !strings.HasSuffix(out.String(), "last\n") {
			t.Errorf("Close leaves lines behind: %v", err)
		}
	})
}

// TestAPartThatIsAwayIsNotALineForEachRequest uses the logger of the program.
func TestAPartThatIsAwayIsNotALineForEachRequest(t *testing.T) {
	var out lines
	log, _, err := telemetry.NewLogger(&out, "json", "info")
	if err != nil {
		t.Fatal(err)
	}
	_, web := newServer(t, httpapi.Options{Logger: log}, fault.Wrap(fault.Unavailable, errors.New("dial tcp"), "the store is away"))
	for range 50 {
		if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 503 {
			t.Fatalf("got %d, want 503", got.status)
		}
	}
	call(t, "GET", web.URL+"/v1/widgets", "", as("admin")...)
	web.Close()
	if n := strings.Count(out.String(), "the store is away: dial tcp"); n < 2 || n > 6 {
		t.Errorf("51 failures of two routes make %d lines, want one for each route: %s", n, out.String())
	}
}
