package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/accounts/accountstest"
	"agora/engine/redis"
	"agora/engine/redis/redistest"
	"agora/fault"
	"agora/pattern/cache"
	"agora/pattern/cache/cachetest"
	"agora/pattern/guard"
	"agora/pattern/guard/guardtest"
	"agora/telemetry"
)

var server *redistest.Server

func TestMain(m *testing.M) { os.Exit(redistest.Main(m, &server)) }

// connect returns a connection to the server of these tests, or of one of them.
func connect(tb testing.TB, url string, m *telemetry.Metrics) *redis.Server {
	tb.Helper()
	s, err := redis.Open(url, slog.New(slog.DiscardHandler), m)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// open returns a connection that waits as long as a busy machine may need.
func open(tb testing.TB) *redis.Server {
	s := connect(tb, server.URL(tb), nil)
	s.SetPatience(time.Minute)
	return s
}

// advance waits on the clock of the server too, which counts milliseconds.
func advance(d time.Duration) { time.Sleep(d + 2*time.Millisecond) }

// plain calls a test of a suite in real time.
func plain(t *testing.T, test func(t *testing.T)) { test(t) }

func TestCache(t *testing.T) {
	cachetest.Run(t, cachetest.World{
		Test: plain, Advance: advance,
		Open: func(t *testing.T) cache.Store { return open(t).Cache() },
	})
	cachetest.Shared(t, cachetest.SharedWorld{
		Test: plain, Wait: cachetest.Eventually,
		Open: func(t *testing.T) (one, other cache.Shared) { s := open(t); return s.Cache(), s.Cache() },
	})
}

func TestNearCache(t *testing.T) {
	cachetest.Run(t, cachetest.World{
		Test: plain, Advance: advance,
		Open: func(t *testing.T) cache.Store { return near(t, open(t).Cache(), nil) },
	})
}

func near(tb testing.TB, far cache.Shared, m *telemetry.Metrics) *cache.Near {
	n := cache.NewNear(far, cache.NewMemory(1<<20), cache.NearOptions{Name: "test", MaxAge: time.Minute, Blind: time.Second, Metrics: m})
	tb.Cleanup(n.Close)
	return n
}

func TestLimiter(t *testing.T) {
	guardtest.Limiter(t, guardtest.World{
		Test: plain, Advance: advance,
		Open: func(t *testing.T, perSecond float64, burst int) guard.Limiter {
			return open(t).Limiter("test", perSecond, burst)
		},
	})
}

func TestAttempts(t *testing.T) {
	accountstest.Attempts(t, accountstest.AttemptsWorld{
		Test: plain, Advance: advance,
		Open: func(t *testing.T) accounts.AttemptStore { return open(t).Attempts() },
	})
}

func TestLimitersOfOneNameCountTogether(t *testing.T) {
	s := open(t)
	one, other, apart := s.Limiter("a", 0.01, 2), open(t).Limiter("a", 0.01, 2), s.Limiter("b", 0.01, 2)
	for i, tt := range []struct {
		limiter *redis.Limiter
		want    bool
	}{{one, true}, {other, true}, {one, false}, {other, false}, {apart, true}} {
		if d, err := tt.limiter.Allow(t.Context(), "key"); err != nil || d.OK != tt.want {
			t.Errorf("request %d: %+v, %v; want %v", i, d, err, tt.want)
		}
	}
}

func TestLimiterRefusesNonsense(t *testing.T) {
	s := connect(t, "redis://127.0.0.1:1", nil)
	for _, tt := range []struct {
		perSecond float64
		burst     int
	}{{0, 1}, {-1, 1}, {2e6, 1}, {1, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", tt)
				}
			}()
			s.Limiter("test", tt.perSecond, tt.burst)
		}()
	}
}

func TestSessions(t *testing.T) {
	accountstest.Sessions(t, func(t *testing.T) accounts.SessionStore { return open(t).Sessions() })
}

func TestOpenNeverShowsAPassword(t *testing.T) {
	for _, url := range []string{"redis://u:hunter2@[::", "mysql://u:hunter2@db", "redis://u:hunter2@db/notanumber"} {
		_, err := redis.Open(url, nil, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open = %v, want an error without the password", err)
		}
	}
}

// deaf returns the address of a server that accepts connections and answers nothing.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "redis://" + l.Addr().String()
}

func TestNobodyWaitsForARedisThatIsAway(t *testing.T) {
	for name, url := range map[string]string{"no server": "redis://127.0.0.1:1", "one that does not answer": deaf(t)} {
		t.Run(name, func(t *testing.T) {
			m := telemetry.NewMetrics()
			s := connect(t, url, m)
			c, l, sessions := s.Cache(), s.Limiter("test", 1, 1), s.Sessions()
			ports := map[string]func(ctx context.Context) error{
				"cache":    func(ctx context.Context) error { _, _, err := c.Get(ctx, "k"); return err },
				"limiter":  func(ctx context.Context) error { _, err := l.Allow(ctx, "k"); return err },
				"sessions": func(ctx context.Context) error { return sessions.Delete(ctx, accounts.TokenHash{}) },
			}
			for port, call := range ports {
				if port == "sessions" && name != "no server" {
					continue // it would take five tries of a second each
				}
				for fault.CodeOf(call(t.Context())) != guard.CodeOpen {
					if err := call(t.Context()); !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout) {
						t.Fatalf("%s: %v, want that Redis is away", port, err)
					}
				}
			}
			if err := s.Ping(bounded(t)); err == nil {
				t.Error("Ping = nil")
			}
		})
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// page is a page of a shop whose servers share a cache: a number that only grows.
type page struct {
	near  *cache.Near
	pages *cache.Aside
}

func openPage(t *testing.T, url string, load cache.Load) page {
	n := near(t, connect(t, url, nil).Cache(), nil)
	return page{n, cache.NewAside(n, cache.AsideOptions{Name: "test", TTL: time.Hour}, load)}
}

// TestRedisDiesAndComesBack has the caches of two servers on a Redis that is killed and started again, and on one that stops
// answering for a while. Every read is answered, and in the end both servers see the changes of either.
func TestRedisDiesAndComesBack(t *testing.T) {
	for name, outage := range map[string]struct {
		begin, end func(*redistest.Server, *testing.T)
	}{
		"killed and started": {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"silent for a while": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			truth := "1"
			load := func(context.Context, string) ([]byte, error) { return []byte(truth), nil }
			url := r.URL(t)
			one, other := openPage(t, url, load), openPage(t, url, load)
			wantPage(t, one, "1")
			wantPage(t, other, "1")
			change := func(of page, to string) error {
				truth = to
				return of.pages.Invalidate(t.Context(), "k")
			}
			seen := func(by page, want string) func() bool {
				return func() bool {
					v, err := by.pages.Get(t.Context(), "k")
					if err != nil {
						t.Fatalf("a read failed: %v", err)
					}
					return string(v) == want
				}
			}

			outage.begin(r, t)
			if err := change(one, "2"); err == nil {
				t.Error("a change that nobody can be told of is no error")
			}
			wantPage(t, one, "2")
			cachetest.Eventually(t, "the change to be seen without Redis", seen(other, "2"))

			outage.end(r, t)
			cachetest.Eventually(t, "Redis to be used again", func() bool {
				kept := one.near.Set(t.Context(), "probe", []byte("back"), time.Hour) == nil
				v, ok, _ := other.near.Get(t.Context(), "probe")
				return kept && ok && string(v) == "back"
			})
			cachetest.Eventually(t, "the debts to be paid", seen(other, "2"))
			cachetest.Eventually(t, "a change to be told", func() bool { return change(other, "3") == nil })
			cachetest.Eventually(t, "the change to be seen", seen(one, "3"))
			wantPage(t, other, "3")
		})
	}
}

func wantPage(t *testing.T, p page, want string) {
	t.Helper()
	if v, err := p.pages.Get(t.Context(), "k"); err != nil || string(v) != want {
		t.Errorf("Get = %q, %v; want %q", v, err, want)
	}
}

func TestLimitsFallOpenAndComeBack(t *testing.T) {
	r, m := redistest.Start(t), telemetry.NewMetrics()
	shared := connect(t, r.URL(t), m).Limiter("test", 1000, 1)
	l := guard.NewFallback(shared, guard.NewLocal(1e6, 1_000_000, 10), guard.FallbackOptions{Name: "test", Metrics: m})
	ask := func() { // for a new key, so that only the source of the decision matters
		t.Helper()
		if d, err := l.Allow(t.Context(), fmt.Sprint(time.Now().UnixNano())); err != nil || !d.OK {
			t.Fatalf("Allow = %+v, %v", d, err)
		}
	}
	fallbacks := func() float64 { n, _ := m.Value("agora_limiter_fallback_total"); return n }
	ask()
	if n := fallbacks(); n != 0 {
		t.Fatalf("%v requests were counted alone with Redis there", n)
	}
	r.Kill(t)
	for range 20 {
		ask()
	}
	if n := fallbacks(); n != 20 {
		t.Errorf("%v requests were counted alone, want 20", n)
	}
	r.Restart(t)
	cachetest.Eventually(t, "the shared limiter to be asked again", func() bool {
		before := fallbacks()
		ask()
		return fallbacks() == before
	})
}

func BenchmarkCache(b *testing.B) {
	far := open(b).Cache()
	if err := far.Set(b.Context(), "k", make([]byte, 2048), time.Hour); err != nil {
		b.Fatal(err)
	}
	n := near(b, far, nil)
	if err := n.Set(b.Context(), "near", make([]byte, 2048), time.Hour); err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name string
		call func() error
	}{
		{"near", func() error { _, _, err := n.Get(b.Context(), "near"); return err }},
		{"far", func() error { _, _, err := far.Get(b.Context(), "k"); return err }},
		{"set", func() error { return far.Set(b.Context(), "s", make([]byte, 2048), time.Hour) }},
		{"delete", func() error { return far.Delete(b.Context(), "s") }},
	} {
		b.Run(bb.name, func(b *testing.B) { benchmark(b, bb.call) })
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := open(b).Limiter("bench", 1e6, 1_000_000)
	benchmark(b, func() error { _, err := l.Allow(b.Context(), "key"); return err })
}

func BenchmarkSessions(b *testing.B) {
	accountstest.BenchmarkSessions(b, func(b *testing.B) accounts.SessionStore { return open(b).Sessions() })
}

// benchmark measures a call by one caller and by many at once.
func benchmark(b *testing.B, call func() error) {
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 at once", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := call(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
