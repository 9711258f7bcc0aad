package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"agora/httpapi"
	"agora/telemetry"
)

// open is a limiter that allows everything. It costs one access to a map.
type open struct{ seen sync.Map }

func (o *open) Allow(_ context.Context, key string) (bool, time.Duration, error) {
	o.seen.LoadOrStore(key, true)
	return true, 0, nil
}

// BenchmarkCachedPage compares a cached product page that passes through the whole chain (request id, limits, metrics, access log,
// conditional headers) with a bare handler that writes the same bytes. Both serve the same client over loopback and
// keep-alive connections. The result is chain/bare, the median over pairs of batches.
func BenchmarkCachedPage(b *testing.B) {
	const connections = 32
	lines := httpapi.NewLineBuffer(io.Discard)
	defer lines.Close()
	s := httpapi.New(httpapi.Options{
		Metrics: telemetry.NewMetrics(), AccessLog: slog.New(slog.NewJSONHandler(lines, nil)), AddressLimit: &open{},
	})
	page := bytes.Repeat([]byte("product "), 256) // 2 KiB, as a product with its reviews has
	httpapi.RegisterDocument[widgetPath, widget](s, httpapi.Route{
		Method: "GET", Path: "/v1/widgets/{id}", Tag: "widgets", Access: httpapi.Public,
	}, func(*http.Request) (httpapi.Document, error) {
		return httpapi.Document{Body: page, ETag: `"7"`, CacheControl: "public, max-age=60", SurrogateKey: "wid_1"}, nil
	})
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page)
	})

	loadChain, loadBare := newLoad(b, s.Handler(), connections), newLoad(b, bare, connections)
	loadChain.run(b)
	loadBare.run(b)
	var ratios []float64 // of batches that follow each other, so that other work of the machine affects both
	var chain, plain time.Duration
	for b.Loop() {
		p, c := loadBare.run(b), loadChain.run(b)
		plain, chain = plain+p, chain+c
		ratios = append(ratios, p.Seconds()/c.Seconds())
	}
	slices.Sort(ratios)
	served := float64(b.N * batch)
	b.ReportMetric(served/plain.Seconds(), "bare/s")
	b.ReportMetric(served/chain.Seconds(), "chain/s")
	b.ReportMetric(ratios[len(ratios)/2], "chain/bare")
	b.ReportMetric(0, "ns/op") // an op is a batch of each
}

// load is a set of keep-alive connections to a handler.
type load struct{ connections []*bufio.ReadWriter }

func newLoad(b *testing.B, h http.Handler, connections int) *load {
	b.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(h, nil)
	web.Start()
	b.Cleanup(web.Close)
	l := &load{}
	for range connections {
		c, err := new(net.Dialer).DialContext(b.Context(), "tcp", web.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		l.connections = append(l.connections, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)))
	}
	return l
}

const batch = 2048 // requests

// run sends a batch of requests over all connections at once and returns the time until the last answer.
func (l *load) run(b *testing.B) time.Duration {
	b.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	for _, c := range l.connections {
		wg.Go(func() {
			for range batch / len(l.connections) {
				if err := fetch(c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// fetch sends one request with little work of its own, so that the benchmark measures the server.
func fetch(c *bufio.ReadWriter) error {
	if _, err := c.WriteString("GET /v1/widgets/wid_1 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	length := 0
	for {
		line, err := c.ReadSlice('\n')
		if err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
		if len(line) == 2 {
			_, err := c.Discard(length)
			return err
		}
	}
}
