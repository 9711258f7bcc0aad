package systemtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"agora/engine/redis/redistest"
	"agora/generate"
	"agora/lab/load"
	loadshop "agora/lab/load/shop"
	"agora/scripts/scripttest"
)

// script runs one of the project's scripts that start a server and end with their input, and returns their first lines. If the
// server is not installed, the test is skipped; if the variable CI is set, it fails.
func script(t *testing.T, lines int, name string, args ...string) []string {
	t.Helper()
	running, err := scripttest.Start(name, lines, nil, args...)
	scripttest.Need(t, err)
	t.Cleanup(func() { _ = running.Stop() }) // the test is over
	return running.Said
}

// goods are the generated products of a load. The servers have one more product, for the test.
var goods = generate.Plan{Products: 300, Users: 50, Seed: 1}

// fleet is several servers that share a shop, and the nginx in front of them.
type fleet struct {
	config  string // file
	servers []*server
	proxy   *server // nginx, in the form that clients need
	logs    string  // folder of nginx's logs
}

// openFleet starts servers on one PostgreSQL and one Redis, with the nginx of deploy/nginx in front of them.
func openFleet(t *testing.T, size int) *fleet {
	t.Helper()
	database := script(t, 1, "postgres")[0]
	cache := redistest.Start(t).URL(t)
	f := &fleet{config: filepath.Join(t.TempDir(), "agora.yaml")}
	var shared strings.Builder
	fmt.Fprintf(&shared, "accounts: {users: %[1]q, sessions: %[1]q, personal: %[1]q}\nevents: %[1]q\nsystems: [shop]\n", database)
	fmt.Fprintf(&shared, "shop: {orders: %[1]q, views: %[1]q, catalog: %[1]q, gateway: 'simulated:?latency=5ms'}\n", database)
	fmt.Fprintf(&shared, "cache: %[1]s\nlimits: %[1]s\n", cache)
	shared.WriteString("http: {rate_per_token: 0, rate_per_address: 0, drain: 1500ms, trusted_proxies: [127.0.0.0/8]}\n")
	if err := os.WriteFile(f.config, []byte(shared.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	got := runToEnd(t, command(t, nil, "generate", "--config", f.config, "--data", t.TempDir(),
		"--products", fmt.Sprint(goods.Products+1), "--users", fmt.Sprint(goods.Users)))
	if got.code != 0 {
		t.Fatalf("generate: exit code %d\n%s", got.code, got.err)
	}
	for range size {
		s := newServer(t, filepath.Join(t.TempDir(), "data"), "--config", f.config)
		s.start(t)
		f.servers = append(f.servers, s)
		addresses = append(addresses, strings.TrimPrefix(s.url, "http://"))
	}
	said := script(t, 2, "nginx", addresses...)
	f.proxy, f.logs = &server{url: said[0], up: make(chan struct{})}, said[1]
	close(f.proxy.up)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("nginx could not:\n%s", f.complaints())
		}
	})
	return f
}

// complaints returns the last log lines of nginx about failed requests.
func (f *fleet) complaints() string {
	var said bytes.Buffer
	for name, pattern := range map[string]string{"access.log": ` (502|504) `, "error.log": `\[(error|crit|alert)\]`} {
		out, _ := exec.CommandContext(context.Background(), "grep", "-E", pattern, filepath.Join(f.logs, name)).Output() // none is fine
		said.Write(out[max(0, len(out)-4096):])
	}
	return said.String()
}

// restart stops a server with SIGTERM and starts it again.
func (f *fleet) restart(t *testing.T, s *server) {
	t.Helper()
	s.stop(t)
	s.start(t)
	checkReady(t, s.url)
}

func checkReady(t *testing.T, url string) {
	t.Helper()
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		} else if t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// loaded sends the traffic of customers through nginx, without retries, until work returns.
func (f *fleet) loaded(t *testing.T, history io.Writer, work func()) load.Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		load.Report
		error
	}
	results := make(chan result, 1)
	begun := make(chan struct{})
	var once sync.Once
	go func() {
		report, err := load.Start(ctx, load.Options{
			URL: f.proxy.url, Token: f.servers[0].token(t), Rate: 300, Duration: time.Hour, Mix: load.Mix{loadshop.View: 3, loadshop.Order: 1, loadshop.Orders: 0.2},
			Scenario: loadshop.Scenario{Generated: &goods, Users: 20, Restock: true}, Seed: 1, Connections: 128, Timeout: 10 * time.Second, History: history,
		}, func(p load.Progress) {
			if p.Interval != nil {
				once.Do(func() { close(begun) })
			}
		})
		results <- result{report, err}
	}()
	select {
	case <-begun:
	case r := <-results:
		t.Fatalf("the load ended with %v", r.error)
	}
	work()
	cancel()
	r := <-results
	if r.error != nil {
		t.Fatal(r.error)
	}
	all := r.Trial.All
	t.Logf("%d requests, %d failed %v; %v; p50 %.1f ms, p99 %.1f ms, longest %.0f ms", all.Total(), all.Failed(), all.Errors, all.Outcomes,
		all.Latency.P50, all.Latency.P99, all.Latency.Max)
	return r.Report
}

// stop stops all servers at the same time.
func (f *fleet) stop(t *testing.T) {
	t.Helper()
	for _, s := range f.servers {
		s.signal(t, syscall.SIGTERM)
	}
	for _, s := range f.servers {
		if <-s.exited; s.end != nil {
			t.Errorf("a server stopped with %v", s.end)
		}
	}
}

// verify compares the shared stores with the journal, and the history with them.
func (f *fleet) verify(t *testing.T, args ...string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	got := runToEnd(t, command(t, nil, append([]string{"verify", "shop", "--config", f.config, "--data", folder}, args...)...))
	if got.code != 0 || !strings.Contains(got.out, "orders") {
		t.Errorf("agora verify shop: exit code %d\n%s%s", got.code, got.out, got.err)
	}
}

// TestARollingRestartFailsNoRequest restarts one server after the other under load. It checks that no request fails, and that each
// request that must not be retried has effect once.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	f := openFleet(t, 2)
	rounds := 1
	if os.Getenv("STRESS") != "" {
		rounds = 10
	}
	admin := &client{f.proxy, crowd(t, 8), f.servers[0].token(t)}
	sku := goods.SKU(goods.Products)
	before := admin.stock(t, sku)
	var acknowledged atomic.Int64
	done := make(chan struct{})
	var counting sync.WaitGroup
	for range 4 {
		counting.Go(func() {
			one := map[string]int{"change": 1}
			for {
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
				}
				got, err := admin.send(t.Context(), "POST", "/v1/stock/"+sku, "", one)
				if err != nil || got.status != http.StatusOK {
					t.Errorf("a change of stock: %s, %v", got, err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	report := f.loaded(t, nil, func() {
		for range rounds {
			for _, s := range f.servers {
				f.restart(t, s)
			}
		}
	})
	close(done)
	counting.Wait()
	if failed := report.Trial.All.Failed(); failed > 0 {
		t.Errorf("%d requests failed: %v", failed, report.Trial.All.Errors)
	}
	if made := admin.stock(t, sku).OnHand - before.OnHand; made != acknowledged.Load() {
		t.Errorf("%d changes of stock by one were acknowledged, and changed it by %d", acknowledged.Load(), made)
	}
	t.Logf("%d changes of stock, each made once", acknowledged.Load())
	f.stop(t)
	f.verify(t)
}

// TestKilledServersFailHardlyARequest kills one server after the other under load. nginx sends the requests in flight to another
// server if they may be retried. The test checks that hardly any request fails, and that each order exists once.
func TestKilledServersFailHardlyARequest(t *testing.T) {
	kills, pause, allowed := 4, 1200*time.Millisecond, 0.005
	switch {
	case os.Getenv("STRESS") != "":
		kills, pause, allowed = 12, 5*time.Second, 0.0001
	case testing.Short():
		kills = 2
	}
	f := openFleet(t, 2)
	path := filepath.Join(t.TempDir(), "history")
	history, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	report := f.loaded(t, history, func() {
		for i := range kills {
			s := f.servers[i%len(f.servers)]
			s.kill(t)
			s.start(t)
			time.Sleep(pause)
		}
	})
	if err := history.Close(); err != nil {
		t.Fatal(err)
	}
	all := report.Trial.All
	if share := float64(all.Failed()) / float64(all.Total()); share >= allowed {
		t.Errorf("%.4f %% of the requests failed, want less than %.4f %%: %v", 100*share, 100*allowed, all.Errors)
	}
	f.stop(t)
	f.verify(t, "--history", path)
}
