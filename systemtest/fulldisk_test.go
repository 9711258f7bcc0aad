package systemtest

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	verifyshop "agora/lab/verify/shop"
	"agora/shop"
)

// tinyDisk returns a folder on a file system of a few megabytes, which is removed at the end of the test.
func tinyDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount a small file system: %v; CI has to run as root, with the right to mount", err)
		}
		t.Skipf("NOT TESTED: a full disk. It needs root, with the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file that leaves only spare bytes of space.
func fill(t *testing.T, dir string, spare int64) (path string) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "ballast")
	if err := os.WriteFile(path, make([]byte, int64(disk.Bavail)*disk.Bsize-spare), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAFullDiskLosesNoOrder fills the disk of a server that gets orders. It checks that orders are refused, that no acknowledged order
// is lost, and that orders are accepted and their events are sent when there is space again, without a restart.
func TestAFullDiskLosesNoOrder(t *testing.T) {
	const (
		buyers = 16
		spare  = 8 << 20 // bytes for orders
	)
	disk := tinyDisk(t, "320m")
	s := newServer(t, filepath.Join(disk, "data"), append(patient("simulated:?latency=1ms"), "--systems", "shop")...)
	s.start(t)
	admin := &client{s, crowd(t, buyers), s.token(t)}
	product := admin.offer(t, "LAMP", 1_000_000)
	ballast := fill(t, disk, spare)

	var (
		mu           sync.Mutex
		acknowledged []string
		buying       sync.WaitGroup
	)
	for range buyers {
		buying.Go(func() {
			for refused := 0; refused < 20; {
				c := cart{{product, 1}}
				got, err := admin.send(t.Context(), "POST", "/v1/orders", "", c.request())
				if err != nil {
					t.Errorf("no answer on a full disk: %v", err)
					return
				}
				if got.status == http.StatusServiceUnavailable {
					refused++
					if got.header.Get("Content-Type") != "application/problem+json" || got.problem().Code == "" {
						t.Errorf("on a full disk: %v %s", got.header, got)
					}
					continue
				}
				out, err := c.outcome(got)
				if err != nil || out.Outcome == verifyshop.Short {
					t.Errorf("on a full disk: %s", got)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, out.Order)
				mu.Unlock()
			}
		})
	}
	buying.Wait()
	t.Logf("%d orders until the disk was full", len(acknowledged))
	if t.Failed() {
		return
	}
	checkThere(t, admin, acknowledged)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	inHistory(t, admin, order(t, admin, product))
	if !isReady(t, admin) {
		t.Error("the server is not ready although the disk has space again")
	}
	s.stop(t)
	s.verify(t, "after a full disk")
	s.start(t)
	checkThere(t, admin, acknowledged)
	order(t, admin, product)
	s.stop(t)
}

// isReady reports whether a server is ready.
func isReady(t *testing.T, c *client) bool {
	t.Helper()
	got, err := c.send(t.Context(), "GET", "/readyz", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.status == http.StatusOK
}

// checkThere fails the test unless all orders exist.
func checkThere(t *testing.T, c *client, ids []string) {
	t.Helper()
	for _, id := range ids {
		if _, err := c.Order(t.Context(), id); err != nil {
			t.Errorf("an acknowledged order: %v", err)
		}
	}
}

// inHistory waits until an order is in the history of its buyer, and so until its events were sent.
func inHistory(t *testing.T, c *client, id string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var page shop.OrderPage
		c.must(t, "GET", "/v1/orders?limit=100", nil, http.StatusOK, &page)
		if slices.ContainsFunc(page.Items, func(o shop.Order) bool { return o.ID == id }) {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("the order %s is not in the history", id)
		}
	}
}

// order buys one unit and returns the order's identifier.
func order(t *testing.T, c *client, product offered) (id string) {
	t.Helper()
	got, err := c.ask(t.Context(), "POST", "/v1/orders", "", cart{{product, 1}}.request())
	if err != nil {
		t.Fatal(err)
	}
	if got.status != http.StatusCreated && !strings.Contains(string(got.body), "pending") {
		t.Errorf("an order with space on the disk: %s", got)
	}
	var made struct{ ID string }
	if err := got.into(&made); err != nil {
		t.Error(err)
	}
	return made.ID
}
