package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/engine/redis/redistest"
	"agora/shop"
)

// served is a program that serves, and its admin.
type served struct {
	data       string // folder
	url, token string
}

// serve runs the program with the settings until the test ends.
func serve(t *testing.T, settings map[string]string) served {
	t.Helper()
	flags := map[string]string{"data": t.TempDir(), "listen": "127.0.0.1:0", "shop.gateway": "simulated:", "http.rate_per_address": "0"}
	for name, value := range settings {
		flags[name] = value
	}
	data := flags["data"]
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := Serve(ctx, load(t, flags), "test", in, io.Discard)
		_ = in.CloseWithError(err)
		result <- err
	}()
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	t.Cleanup(func() {
		stop()
		if err := <-result; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	token, err := os.ReadFile(filepath.Join(data, adminTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return served{data, strings.TrimSpace(strings.TrimPrefix(line, "agora is at ")), strings.TrimSpace(string(token))}
}

// call makes a request as the admin and returns the answer's status and body.
func (s served) call(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func (s served) want(t *testing.T, status int, method, path string, body any) []byte {
	t.Helper()
	got, answer := s.call(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s = %d %s, want %d", method, path, got, answer, status)
	}
	return answer
}

// TestNoRequestFailsWhileRedisIsAway shops, with the cache and the limits in Redis, while that is killed and
// started again, and while it hangs.
func TestNoRequestFailsWhileRedisIsAway(t *testing.T) {
	r := redistest.Start(t)
	url := r.URL(t)
	s := serve(t, map[string]string{"cache": url + "?near=1MiB", "limits": url, "http.rate_per_token": "100000"})
	var product shop.Product
	answer := s.want(t, http.StatusCreated, "POST", "/v1/products", shop.ProductDraft{
		SKU: "lamp-1", Name: "Lamp", Categories: []string{"lighting"}, Price: shop.Money{Amount: 1999, Currency: "GBP"},
	})
	if err := json.Unmarshal(answer, &product); err != nil {
		t.Fatal(err)
	}
	s.want(t, http.StatusOK, "PUT", "/v1/stock/lamp-1", map[string]int{"on_hand": 1000})
	order := map[string]any{"lines": []any{map[string]any{"product_id": product.ID, "quantity": 1}}}
	shopping := func() {
		t.Helper()
		for range 20 {
			s.want(t, http.StatusOK, "GET", "/v1/products/"+product.ID, nil)
			s.want(t, http.StatusCreated, "POST", "/v1/orders", order)
		}
	}
	shopping()
	r.Kill(t)
	shopping()
	r.Restart(t)
	shopping()
	r.Pause(t)
	shopping()
	r.Resume(t)
	shopping()
	metrics := string(s.want(t, http.StatusOK, "GET", "/metrics", nil))
	for _, name := range []string{`agora_limiter_fallback_total{limiter="token"}`, `agora_cache_level_reads_total{cache="redis",level="near"}`} {
		if !strings.Contains(metrics, name) || strings.Contains(metrics, name+" 0\n") {
			t.Errorf("%s counted nothing", name)
		}
	}
}

func TestSessionsInRedisNeedRedis(t *testing.T) {
	r := redistest.Start(t)
	s := serve(t, map[string]string{"accounts.sessions": r.URL(t)})
	s.want(t, http.StatusOK, "GET", "/v1/me", nil)
	cfg := load(t, map[string]string{"data": t.TempDir(), "accounts.sessions": "redis://127.0.0.1:1"})
	if err := Serve(t.Context(), cfg, "test", io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "open sessions") {
		t.Errorf("Serve without its sessions = %v, want that they cannot be opened", err)
	}
}

func TestTheStripeKeyComesFromOutside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("sk_test_1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		url, variable, want string
	}{
		{"stripe:?key_file=" + path, "", ""},
		{"stripe:?method=pm_card_visa&api=http://localhost:1", "sk_test_2", ""},
		{"stripe:", "sk_live_hunter2", "not a test key"},
		{"stripe:?key_file=" + path + ".none", "sk_test_2", "no such file"},
	} {
		t.Setenv(stripeKeyVariable, tt.variable)
		s := newStores(load(t, map[string]string{"shop.gateway": tt.url}), quiet(), nil)
		err := s.open(t.Context(), func(p port) bool { return p.Key == "shop.gateway" })
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: %v shows the key", tt.url, err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	if err := os.Unsetenv(stripeKeyVariable); err != nil {
		t.Fatal(err)
	}
	if _, err := stripeKey(""); err == nil || !strings.Contains(err.Error(), stripeKeyVariable) {
		t.Errorf("without a key: %v, want where it is looked for", err)
	}
}

// TestAShopDoesNotBelieveTheSessionsOfAnother has two shops, with users and sessions of their own, on one Redis.
func TestAShopDoesNotBelieveTheSessionsOfAnother(t *testing.T) {
	redis := redistest.Start(t).URL(t)
	ours, theirs := serve(t, map[string]string{"cache": redis}), serve(t, map[string]string{"cache": redis})
	if status, body := theirs.call(t, http.MethodGet, "/v1/me", nil); status != http.StatusOK {
		t.Fatalf("an admin at home = %d %s", status, body)
	}
	theirs.url = ours.url
	if status, body := theirs.call(t, http.MethodGet, "/v1/me", nil); status != http.StatusUnauthorized {
		t.Errorf("an admin of another shop = %d %s, want 401", status, body)
	}
}
