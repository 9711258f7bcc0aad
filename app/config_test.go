package app

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/app/config"
	"agora/fault"
)

// load returns the configuration that the flags make.
func load(t testing.TB, flags map[string]string) config.Config {
	t.Helper()
	settings, err := Schema().Load(config.Sources{Flags: flags})
	if err != nil {
		t.Fatalf("load the configuration: %v", err)
	}
	return settings.Config
}

func TestTheReferenceIsUpToDate(t *testing.T) {
	want, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := Schema().WriteReference(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Error("docs/configuration.md is not what the keys say: run make generate")
	}
}

// TestEveryPortIsDeclaredWhole holds each port against its own declaration: its default can be opened, its key carries the
// name of its system, and each engine has an opener.
func TestEveryPortIsDeclaredWhole(t *testing.T) {
	cfg := load(t, nil)
	for _, p := range ports() {
		if p.title == "" || !strings.HasSuffix(p.Help, ".") {
			t.Errorf("%s: title %q, help %q", p.Key, p.title, p.Help)
		}
		if !p.used(cfg) {
			t.Errorf("%s is not used although every system runs", p.Key)
		}
		chosen := cfg.Engine(p.Key).Scheme()
		known := false
		for _, e := range p.engines {
			known = known || e.Name == chosen
			if e.open == nil {
				t.Errorf("%s in %s has no opener", p.Key, e.Name)
			}
		}
		if !known {
			t.Errorf("%s: the default is in %s, which no engine opens", p.Key, chosen)
		}
	}
}

func TestASystemThatIsOffHasNoStoresAndNoRoutes(t *testing.T) {
	s := serve(t, map[string]string{"systems": ""})
	s.want(t, http.StatusOK, "GET", "/v1/me", nil)
	s.want(t, http.StatusNotFound, "GET", "/v1/products", nil)
	s.want(t, http.StatusNotFound, "POST", "/v1/orders", nil)
	for _, file := range []string{"catalog.db", "orders.db", "views.db"} {
		if _, err := os.Stat(filepath.Join(s.data, file)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there although the shop does not run: %v", file, err)
		}
	}
	cfg := load(t, map[string]string{"systems": "", "data": t.TempDir()})
	if err := VerifyShop(t.Context(), cfg, nil, quiet(), io.Discard); !fault.Is(err, fault.Invalid) {
		t.Errorf("verify of a shop that is turned off = %v, want an error of kind invalid", err)
	}
	cfg = load(t, map[string]string{"systems": "", "demo": "true", "data": t.TempDir()})
	if err := Serve(t.Context(), cfg, "test", io.Discard, io.Discard); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "demo") {
		t.Errorf("a demo of a shop that is turned off = %v, want an error that names demo", err)
	}
}
