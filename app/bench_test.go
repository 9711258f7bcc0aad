package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"agora/accounts"
	"agora/generate"
	"agora/httpapi"
	"agora/ident"
	"agora/shop"
	"agora/shop/shoptest"
	"agora/telemetry"
)

// bench is the whole program on a data folder of its own, served over loopback.
type bench struct {
	market *marketplace
	home   *homeFeed
	people *accounts.Service
	stores *stores
	web    *httptest.Server
	token  string
}

// serveBench opens a data folder and serves it with all its workers, as `agora serve` does, with a gateway
// that answers at once and no rate limits.
func serveBench(b *testing.B, folder string) *bench {
	b.Helper()
	cfg := load(b, map[string]string{
		"data": folder, "shop.gateway": "simulated:", "http.rate_per_token": "0", "http.rate_per_address": "0",
	})
	log, metrics := slog.New(slog.DiscardHandler), telemetry.NewMetrics()
	if err := makeDataFolder(folder); err != nil {
		b.Fatal(err)
	}
	s, err := openStores(b.Context(), cfg, log, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.open(b.Context(), func(p port) bool { return p.serving }); err != nil {
		b.Fatal(err)
	}
	people := newAccounts(s, log, metrics)
	running, err := startSystems(b.Context(), s, log, metrics)
	if err != nil {
		b.Fatal(err)
	}
	opened := &bench{stores: s, people: people}
	program := NewProgram(log, 0, time.Minute)
	api, _ := frontage{cfg: cfg, program: program}.api(people, s, log, metrics, telemetry.Tracer{}, io.Discard)
	program.Add(Module{Name: "stores", Stop: func(context.Context) error { return s.close() }})
	for _, system := range running {
		system.addRoutes(api)
		program.Add(system.modules()...)
		switch system := system.(type) {
		case *marketplace:
			opened.market = system
		case *homeFeed:
			opened.home = system
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- program.Run(ctx) }()
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(api.Handler(), nil)
	web.Start()
	b.Cleanup(func() {
		web.Close()
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	path, err := ensureAdminToken(b.Context(), cfg, people)
	if err != nil {
		b.Fatal(err)
	}
	token, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	opened.web, opened.token = web, strings.TrimSpace(string(token))
	return opened
}

// fill generates products with plenty of stock and returns their ids.
func (s *bench) fill(b *testing.B, products int) []string {
	b.Helper()
	plan := generate.Plan{Products: products, Seed: 1}
	if _, err := generate.Run(b.Context(), plan, s.market.targets(), nil); err != nil {
		b.Fatal(err)
	}
	plenty := int64(1e9)
	admin := shop.Actor{ID: accounts.FirstAdmin().UserID, Admin: true}
	ids := make([]string, products)
	for i := range ids {
		ids[i] = plan.ProductID(i)
		if _, err := s.market.stocks.Edit(b.Context(), admin, plan.SKU(i), shop.StockEdit{OnHand: &plenty}); err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// client is a keep-alive connection that does next to nothing but send and read, so that the server is what
// is measured.
type client struct{ *bufio.ReadWriter }

func (s *bench) clients(b *testing.B, n int) []client { return dial(b, s.web, n) }

func dial(b *testing.B, web *httptest.Server, n int) []client {
	b.Helper()
	all := make([]client, n)
	for i := range all {
		c, err := new(net.Dialer).DialContext(b.Context(), "tcp", web.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		all[i] = client{bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c))}
	}
	return all
}

// do sends a request as it stands and returns the status of the answer.
func (c client) do(request []byte) (status int, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if first && len(line) > 12 {
			status, err = strconv.Atoi(string(line[9:12]))
		} else if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if err != nil {
			return 0, err
		}
		if len(line) == 2 {
			_, err := c.Discard(length)
			return status, err
		}
	}
}

// each shares n calls of work among the clients and returns the time that they took together.
func each(b *testing.B, clients []client, n int, work func(c client, i int) error) time.Duration {
	b.Helper()
	start := time.Now()
	var all sync.WaitGroup
	for k, c := range clients {
		all.Go(func() {
			for i := k; i < n; i += len(clients) {
				if err := work(c, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(start)
}

func want(status int, got int, err error) error {
	if err == nil && got != status {
		err = fmt.Errorf("status %d, want %d", got, status)
	}
	return err
}

const orderClients = 64

// BenchmarkOrdersOverHTTP measures durable orders at 64 clients, from the request to the answer "confirmed",
// in turn with the store's own two transactions of an order: what group commit allows without HTTP, payment and
// everything else of a checkout. What follows an order (its event, the read models, the catalogue's stock) is part of
// the figure, as it runs on the same processors. http/store is the median of the ratios of neighbouring batches.
func BenchmarkOrdersOverHTTP(b *testing.B) {
	s := serveBench(b, b.TempDir())
	ids := s.fill(b, 10_000)
	clients := s.clients(b, orderClients)
	const batch = 4096
	round := 0
	overHTTP := func() time.Duration {
		round++
		return each(b, clients, batch, func(c client, i int) error {
			body := fmt.Sprintf(`{"lines":[{"product_id":%q,"quantity":1}]}`, ids[rand.IntN(len(ids))])
			status, err := c.do(fmt.Appendf(nil, "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
				"Idempotency-Key: %d-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				s.token, round, i, len(body), body))
			return want(http.StatusCreated, status, err)
		})
	}
	toStore := func() time.Duration {
		return each(b, clients, batch, func(_ client, i int) error { return s.orderInStore(b.Context(), i) })
	}
	var worked time.Duration
	counted := func() time.Duration {
		before := processorTime(b)
		took := overHTTP()
		worked += processorTime(b) - before
		return took
	}
	inTurn(b, batch, counted, "orders/s", toStore, "store-orders/s", "http/store")
	b.ReportMetric(float64(worked.Microseconds())/float64((b.N+1)*batch), "cpu-µs/order")
}

// processorTime returns what this process has used of the processors: a figure that does not change with what else
// the machine does.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// orderInStore keeps the two transactions of an order of one unit.
func (s *bench) orderInStore(ctx context.Context, i int) error {
	placement := shoptest.Placement(ident.New("key"), generate.Plan{Products: 10_000, Seed: 1}.SKU(i%10_000))
	placement.Saga.Due = time.Now().Add(time.Hour) // or the saga runner would take it over
	if _, err := s.stores.orders.Place(ctx, placement); err != nil {
		return err
	}
	return s.stores.orders.Advance(ctx, shoptest.Confirmation(placement))
}

// inTurn runs batches of two ways to do the same in turn, so that what else the machine does weighs on both,
// and reports the rate of each and the median ratio of the first to the second.
func inTurn(b *testing.B, batch int, first func() time.Duration, firstUnit string, second func() time.Duration, secondUnit, ratioUnit string) {
	b.Helper()
	first()
	second()
	var ratios []float64
	var ones, others time.Duration
	for b.Loop() {
		one, other := first(), second()
		ones, others = ones+one, others+other
		ratios = append(ratios, other.Seconds()/one.Seconds())
	}
	slices.Sort(ratios)
	done := float64(b.N * batch)
	b.ReportMetric(done/ones.Seconds(), firstUnit)
	b.ReportMetric(done/others.Seconds(), secondUnit)
	b.ReportMetric(ratios[len(ratios)/2], ratioUnit)
	b.ReportMetric(0, "ns/op") // an op is a batch of each
}

// BenchmarkProductPage holds a product page in the cache, through everything that a request passes, against a
// bare net/http handler that writes the same bytes.
func BenchmarkProductPage(b *testing.B) {
	s := serveBench(b, b.TempDir())
	ids := s.fill(b, 1000)
	page, err := s.market.pages.Page(b.Context(), ids[0])
	if err != nil {
		b.Fatal(err)
	}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page.Document)
	}))
	b.Cleanup(bare.Close)
	const batch = 4096
	requests := make([][]byte, len(ids))
	for i, id := range ids {
		requests[i] = []byte("GET /v1/products/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	get := func(clients []client) func() time.Duration {
		return func() time.Duration {
			return each(b, clients, batch, func(c client, i int) error {
				status, err := c.do(requests[i%len(requests)])
				return want(http.StatusOK, status, err)
			})
		}
	}
	inTurn(b, batch, get(s.clients(b, 32)), "pages/s", get(dial(b, bare, 32)), "bare/s", "page/bare")
}

// BenchmarkSearch measures searches over HTTP with two clients at once, on catalogues of several sizes, for a
// word that about half of the products have and for one that few have. The large catalogue is taken from
// the folder that BENCH_DATA names, made by `agora generate`.
func BenchmarkSearch(b *testing.B) {
	folders := map[string]string{"10k": filepath.Join(b.TempDir(), "small")}
	if large := os.Getenv("BENCH_DATA"); large != "" {
		folders["large"] = large
	} else {
		b.Log("BENCH_DATA names no data folder: the large catalogue is left out")
	}
	for size, folder := range folders {
		b.Run(size, func(b *testing.B) {
			s := serveBench(b, folder)
			if size == "10k" {
				s.fill(b, 10_000)
			}
			for _, query := range []string{"common=everyday", "rare=fernbrook", "prefix=fern*", "two-common=everyday+lamp"} {
				name, words, _ := strings.Cut(query, "=")
				b.Run(name, func(b *testing.B) { s.search(b, words) })
			}
		})
	}
}

func (s *bench) search(b *testing.B, words string) {
	const callers = 2
	var mu sync.Mutex
	var took []time.Duration
	for b.Loop() {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				start := time.Now()
				if status, err := get(b.Context(), s.web.URL+"/v1/search/products?q="+words); err != nil || status != http.StatusOK {
					b.Errorf("search = %d, %v", status, err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(start))
			})
		}
		all.Wait()
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(0, "ns/op") // an op is two searches at once
}
