package cache_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/cache"
	"agora/telemetry"
)

// origin is the origin of the values: it counts loads, takes a second for each, and returns the value that it had when the
// load began.
type origin struct {
	mu    sync.Mutex
	value string
	err   error
	loads int
}

const loadTime = time.Second

func (o *origin) set(value string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.value, o.err = value, err
}

func (o *origin) load(ctx context.Context, _ string) ([]byte, error) {
	o.mu.Lock()
	o.loads++
	value, err := o.value, o.err
	o.mu.Unlock()
	select {
	case <-time.After(loadTime):
		return []byte(value), err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *origin) wantLoads(t *testing.T, want int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loads != want {
		t.Errorf("%d loads, want %d", o.loads, want)
	}
}

// hooked is a store with hooks, which make operations fail or wait.
type hooked struct {
	cache.Store
	get, set, del func() error
}

func (h *hooked) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if h.get != nil {
		if err := h.get(); err != nil {
			return nil, false, err
		}
	}
	return h.Store.Get(ctx, key)
}

func (h *hooked) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if h.set != nil {
		if err := h.set(); err != nil {
			return err
		}
	}
	return h.Store.Set(ctx, key, value, ttl)
}

func (h *hooked) Delete(ctx context.Context, keys ...string) error {
	if h.del != nil {
		if err := h.del(); err != nil {
			return err
		}
	}
	return h.Store.Delete(ctx, keys...)
}

var errStore = errors.New("the cache's store is away")

func broken() error { return errStore }

type reader interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

func wantValue(t *testing.T, c reader, want string) {
	t.Helper()
	if got, err := c.Get(t.Context(), "k"); err != nil || string(got) != want {
		t.Errorf("Get = %q, %v; want %q", got, err, want)
	}
}

func wantKind(t *testing.T, c reader, want fault.Kind) {
	t.Helper()
	if got, err := c.Get(t.Context(), "k"); !fault.Is(err, want) {
		t.Errorf("Get = %q, %v; want an error of kind %s", got, err, want)
	}
}

// wantResults compares the figures of the metric that are not 0, as "result figure" pairs.
func wantResults(t *testing.T, m *telemetry.Metrics, want ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var got []string
	for line := range strings.Lines(w.Body.String()) {
		if rest, ok := strings.CutPrefix(line, `agora_cache_requests_total{cache="test",result="`); ok && !strings.HasSuffix(rest, " 0\n") {
			got = append(got, strings.TrimSpace(strings.Replace(rest, `"}`, "", 1)))
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("agora_cache_requests_total counts %q, want %q", got, want)
	}
}
