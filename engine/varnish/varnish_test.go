package varnish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/engine/varnish/varnishtest"
	"agora/telemetry"
)

// cdn stands for Varnish in tests of time: it records the purged keys and the times.
type cdn struct {
	mu     sync.Mutex
	purged []purged
	err    error // the error of each request; nil if they succeed
}

type purged struct {
	keys []string
	at   time.Time
}

// RoundTrip implements http.RoundTripper.
func (c *cdn) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.purged = append(c.purged, purged{strings.Fields(r.Header.Get("Surrogate-Key")), time.Now()})
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func (c *cdn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *cdn) all() []purged {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.purged)
}

// times returns the times at which a key was purged, since a beginning.
func (c *cdn) times(key string, begin time.Time) (times []time.Duration) {
	for _, p := range c.all() {
		if slices.Contains(p.keys, key) {
			times = append(times, p.at.Sub(begin))
		}
	}
	return times
}

// running returns a running purger whose CDN is c.
func running(t *testing.T, c *cdn, metrics *telemetry.Metrics) *Purger {
	t.Helper()
	p, err := New("varnish://cdn:6081", slog.New(slog.DiscardHandler), metrics)
	if err != nil {
		t.Fatal(err)
	}
	p.client.Transport = c
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		_ = p.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		end()
		<-ended
	})
	return p
}

func TestAChangeIsPurgedAtOnceAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cdn{}
		p := running(t, c, nil)
		begin := time.Now()
		p.Purge("prd_a", "prd_b")
		time.Sleep(time.Minute)
		if got := c.times("prd_a", begin); !slices.Equal(got, rounds[:]) {
			t.Errorf("purged after %v, want %v", got, rounds)
		}
		if n := p.queue.len(); n != 0 {
			t.Errorf("%d keys wait after the last round", n)
		}
	})
}

func TestAKeyThatChangesAgainBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cdn{}
		p := running(t, c, nil)
		begin := time.Now()
		p.Purge("prd_a")
		time.Sleep(3 * time.Second)
		p.Purge("prd_a")
		time.Sleep(time.Minute)
		want := []time.Duration{0, time.Second, 3 * time.Second, 4 * time.Second, 9 * time.Second}
		if got := c.times("prd_a", begin); !slices.Equal(got, want) {
			t.Errorf("purged after %v, want %v", got, want)
		}
	})
}

func TestManyKeysShareARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cdn{}
		p := running(t, c, nil)
		synctest.Wait()
		var keys []string
		for i := range 2*batch + 1 {
			keys = append(keys, fmt.Sprintf("prd_%026d", i))
		}
		p.Purge(append(keys, keys...)...)
		synctest.Wait()
		var got []string
		for _, purge := range c.all() {
			if len(purge.keys) > batch {
				t.Errorf("%d keys in one request, want %d at most", len(purge.keys), batch)
			}
			got = append(got, purge.keys...)
		}
		if n := len(c.all()); n != 3 || !slices.Equal(got, keys) {
			t.Errorf("%d requests for %d keys, want 3 for each of %d once", n, len(got), len(keys))
		}
	})
}

func TestPurgesAreTriedAgainForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cdn{}
		metrics := telemetry.NewMetrics()
		p := running(t, c, metrics)
		begin := time.Now()
		c.fail(errors.New("no route to host"))
		p.Purge("prd_a")
		time.Sleep(20 * time.Second)
		c.fail(nil)
		time.Sleep(longestDelay)
		if got := c.times("prd_a", begin); len(got) != len(rounds) {
			t.Errorf("after 20 s without the CDN purged after %v, want all rounds", got)
		}
		begin = time.Now()
		c.fail(errors.New("no route to host"))
		p.Purge("prd_b")
		time.Sleep(retryFor + longestDelay + time.Second)
		c.fail(nil)
		time.Sleep(time.Minute)
		if got := c.times("prd_b", begin); len(got) != 0 || p.queue.len() != 0 {
			t.Errorf("purged after %v, which is longer than it is tried", got)
		}
		if shown := figures(t, metrics); !strings.Contains(shown, `agora_cdn_purges_total{result="dropped"} 1`) ||
			!strings.Contains(shown, `agora_cdn_purges_total{result="sent"} 3`) {
			t.Errorf("counted:\n%s", shown)
		}
	})
}

func TestWhatIsTooMuchIsDroppedAndCounted(t *testing.T) {
	metrics := telemetry.NewMetrics()
	p, err := New("varnish://cdn:6081", slog.New(slog.DiscardHandler), metrics)
	if err != nil {
		t.Fatal(err)
	}
	p.queue = newQueue(2)
	p.Purge("prd_a", "prd_b", "prd_c", "prd_a")
	if shown := figures(t, metrics); !strings.Contains(shown, `agora_cdn_purges_total{result="dropped"} 1`) {
		t.Errorf("counted:\n%s", shown)
	}
}

func TestAProgramThatEndsOwesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cdn{}
		metrics := telemetry.NewMetrics()
		p := running(t, c, metrics)
		p.Purge("prd_a")
		time.Sleep(100 * time.Millisecond)
		p.Flush(t.Context())
		time.Sleep(time.Minute)
		if got := c.all(); len(got) != 2 {
			t.Errorf("%d purges, want the first and the last", len(got))
		}
		c.fail(errors.New("no route to host"))
		p.Purge("prd_a")
		p.Flush(t.Context())
		if shown := figures(t, metrics); !strings.Contains(shown, `agora_cdn_purges_total{result="dropped"} 1`) {
			t.Errorf("what could not be purged is not counted:\n%s", shown)
		}
	})
}

func figures(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// origin is a shop with one page that counts the requests for it.
type origin struct {
	caching string // Cache-Control of the page
	asked   atomic.Int64
	version atomic.Int64
	host    atomic.Value // Host of the last request
}

// ServeHTTP implements http.Handler.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.asked.Add(1)
	if r.URL.Path != "/healthz" {
		o.host.Store(r.Host)
	}
	h := w.Header()
	h.Set("X-Request-Id", fmt.Sprintf("origin-%d", o.asked.Load()))
	if r.URL.Path == "/v1/products/prd_a" {
		h.Set("Cache-Control", o.caching)
		h.Set("Surrogate-Key", "prd_a usr_a")
		h.Set("Etag", fmt.Sprintf(`"%d"`, o.version.Load()))
	}
	_, _ = fmt.Fprintf(w, "version %d", o.version.Load())
}

// seen is an answer to a visitor.
type seen struct {
	status int
	header http.Header
	body   string
}

// cache returns how Varnish answered: hit, miss or pass.
func (s seen) cache() string { return s.header.Get("X-Cache") }

// visitor sends requests to a Varnish.
type visitor struct {
	url    string
	client http.Client
}

func (v *visitor) ask(t *testing.T, method, path string, headers ...string) seen {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return seen{response.StatusCode, response.Header, string(body)}
}

func openVarnish(t *testing.T) (*origin, *visitor, *Purger) {
	t.Helper()
	shop := &origin{caching: "public, max-age=10, stale-while-revalidate=60, stale-if-error=3600"}
	web := httptest.NewServer(shop)
	t.Cleanup(web.Close)
	listen, purges := varnishtest.FreeAddress(t), varnishtest.FreeAddress(t)
	varnishtest.Start(t, listen, purges, strings.TrimPrefix(web.URL, "http://"))
	p, err := New("varnish://"+purges, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return shop, &visitor{url: "http://" + listen}, p
}

func TestVarnishKeepsWhatIsPublicAndDropsWhatIsPurged(t *testing.T) {
	shop, v, p := openVarnish(t)
	const page = "/v1/products/prd_a"
	for i, want := range []struct{ path, cache string }{{page, "miss"}, {page, "hit"}, {page + "?made=up", "hit"}} {
		got := v.ask(t, "GET", want.path, "Cookie", fmt.Sprintf("visit=%d", i), "X-Request-Id", fmt.Sprintf("mine-%d", i))
		if got.cache() != want.cache {
			t.Errorf("%s, the %d. time: %q, want a %s", want.path, i+1, got.cache(), want.cache)
		}
		if id := got.header.Get("X-Request-Id"); want.cache == "hit" && id != fmt.Sprintf("mine-%d", i) {
			t.Errorf("a hit has the request id %q", id)
		}
		for _, name := range []string{"Surrogate-Key", "Xkey", "X-Varnish", "Via"} {
			if got.header.Get(name) != "" {
				t.Errorf("the header %s is shown: %s", name, got.header.Get(name))
			}
		}
	}
	shop.version.Store(1)
	if err := p.purge(t.Context(), []string{"prd_other", "usr_other"}); err != nil {
		t.Fatal(err)
	}
	if got := v.ask(t, "GET", page); got.cache() != "hit" || got.body != "version 0" {
		t.Errorf("after purges of others: %s, %q", got.cache(), got.body)
	}
	if err := p.purge(t.Context(), []string{"prd_other", "prd_a"}); err != nil {
		t.Fatal(err)
	}
	if got := v.ask(t, "GET", page); got.cache() != "miss" || got.body != "version 1" {
		t.Errorf("after its purge: %s, %q; want a miss and version 1", got.cache(), got.body)
	}
	keys := make([]string, batch)
	for i := range keys {
		keys[i] = fmt.Sprintf("prd_%026d", i)
	}
	keys[batch-1] = "prd_a"
	if err := p.purge(t.Context(), keys); err != nil {
		t.Errorf("a purge of %d keys: %v", batch, err)
	}
	if got := v.ask(t, "GET", page); got.cache() != "miss" {
		t.Errorf("after its purge with %d others: %s", batch-1, got.cache())
	}
}

func TestVarnishSharesNothingElse(t *testing.T) {
	shop, v, _ := openVarnish(t)
	v.ask(t, "GET", "/v1/products/prd_a") // is stored now
	for _, request := range []struct {
		method, path string
		headers      []string
	}{
		{"GET", "/v1/products/prd_a", []string{"Authorization", "Bearer x"}},
		{"GET", "/v1/search/products?q=lamp", nil},
		{"POST", "/v1/orders", nil},
		{"PUT", "/v1/products/prd_a", nil},
	} {
		before := shop.asked.Load()
		for range 3 {
			if got := v.ask(t, request.method, request.path, request.headers...); got.cache() == "hit" {
				t.Errorf("%s %s is answered from the cache", request.method, request.path)
			}
		}
		if asked := shop.asked.Load() - before; asked != 3 {
			t.Errorf("%s %s: asked the shop %d times for 3 requests", request.method, request.path, asked)
		}
	}
	before := shop.asked.Load()
	for path, want := range map[string]int{
		"/metrics": 404, "/readyz": 404, "/metrics?x": 404, "/%6detrics": 400, "/metric%73?x": 400, "/%6Detrics": 400, "/read%79z": 400,
		"//metrics": 400, "/./metrics": 400, "/v1/../metrics": 400, "/%2e/metrics": 400, "/v1/%2E%2E/metrics": 400, "/metrics/.": 400, "/..?x": 400,
	} {
		if got := v.ask(t, "GET", path); got.status != want {
			t.Errorf("%s = %d, want %d", path, got.status, want)
		}
	}
	if shop.asked.Load() != before {
		t.Error("what is hidden was asked of the shop")
	}
	for _, path := range []string{"/v1/stock/A%20B%2FC", "/v1/search/products?q=%6d//../%2e"} {
		if got := v.ask(t, "GET", path); got.status != http.StatusOK {
			t.Errorf("%s = %d, want 200", path, got.status)
		}
	}
}

// TestVarnishStoresAPageOnceWhateverItsHost asks for a page under several names of the shop, which clients make up.
func TestVarnishStoresAPageOnceWhateverItsHost(t *testing.T) {
	shop, v, _ := openVarnish(t)
	for i, host := range []string{"shop.example", "SHOP.example:80", "made-up.example", "made-up.example"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+"/v1/products/prd_a", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := v.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("X-Cache"); (got == "miss") != (i == 0) {
			t.Errorf("the page under the name %s is a %s", host, got)
		}
	}
	if host, _ := shop.host.Load().(string); host != "127.0.0.1" {
		t.Errorf("the shop is asked under the name %q, want that of origin.vcl", host)
	}
}

func TestVarnishTakesPurgesFromAgoraAlone(t *testing.T) {
	_, v, p := openVarnish(t)
	v.ask(t, "GET", "/v1/products/prd_a")
	purges := strings.TrimSuffix(p.url, "/")
	if got := v.ask(t, "PURGE", "/", "Surrogate-Key", "prd_a"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("a purge by the way of clients: %d, want 405", got.status)
	}
	agora := &visitor{url: purges}
	if got := agora.ask(t, "GET", "/v1/products/prd_a"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("a page by the way of purges: %d, want 405", got.status)
	}
	stranger := &visitor{url: purges, client: http.Client{Transport: &http.Transport{
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext, DisableKeepAlives: true,
	}}}
	for _, forwarded := range []string{"127.0.0.1", "127.0.0.1, 10.0.0.1"} {
		got := stranger.ask(t, "PURGE", "/", "Surrogate-Key", "prd_a", "X-Forwarded-For", forwarded)
		if got.status != http.StatusForbidden {
			t.Errorf("a purge from elsewhere: %d, want 403", got.status)
		}
	}
	if got := v.ask(t, "GET", "/v1/products/prd_a"); got.cache() != "hit" {
		t.Error("a purge that was refused dropped the page")
	}
	if got := agora.ask(t, "PURGE", "/v1/products/prd_a"); got.status != http.StatusBadRequest {
		t.Errorf("a purge without keys: %d, want 400", got.status)
	}
}

func TestVarnishShowsAnOldPageRatherThanNone(t *testing.T) {
	const page = "/v1/products/prd_a"
	shop := &origin{caching: "public, max-age=1, stale-if-error=3600"}
	web := httptest.NewServer(shop)
	listen := varnishtest.FreeAddress(t)
	varnishtest.Start(t, listen, varnishtest.FreeAddress(t), strings.TrimPrefix(web.URL, "http://"))
	v := &visitor{url: "http://" + listen}
	v.ask(t, "GET", page)
	web.Close()
	time.Sleep(1100 * time.Millisecond) // until it has expired
	for range 3 {
		if got := v.ask(t, "GET", page); got.status != http.StatusOK || got.body != "version 0" {
			t.Errorf("while the shop is away: %d, %q", got.status, got.body)
		}
	}
	if got := v.ask(t, "GET", "/v1/search/products"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a search while the shop is away: %d, want 503", got.status)
	}
}
