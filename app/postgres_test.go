package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"agora/app/config"
	"agora/engine/kafka/kafkatest"
	"agora/engine/postgres/postgrestest"
	"agora/generate"
)

var (
	database postgrestest.Server
	broker   kafkatest.Server
)

func TestMain(m *testing.M) {
	code := database.Run(m)
	if err := broker.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop Kafka:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// onPostgres returns a configuration that keeps in PostgreSQL what can be kept there.
func onPostgres(t *testing.T) config.Config {
	t.Helper()
	flags := inDatabase(database.URL(t))
	flags["data"], flags["listen"] = t.TempDir(), "127.0.0.1:0"
	return load(t, flags)
}

// inDatabase returns settings that keep in a database of PostgreSQL what can be kept there.
func inDatabase(url string) map[string]string {
	flags := map[string]string{"systems": "shop"} // the feed is on other engines
	for _, port := range []string{
		"accounts.users", "accounts.sessions", "accounts.personal", "shop.catalog", "shop.orders", "shop.views", "events",
	} {
		flags[port] = url
	}
	return flags
}

func TestAShopOnPostgres(t *testing.T) {
	cfg := onPostgres(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := Generate(t.Context(), cfg, generate.Plan{Products: 30, Users: 30, Orders: 40, Seed: 1}, log, func(generate.Progress) {}); err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	if err := VerifyShop(t.Context(), cfg, nil, log, &report); err != nil {
		t.Errorf("verify = %v\n%s", err, report.String())
	}

	// Two servers at once, each with a data folder of its own.
	other := cfg
	other.Data = t.TempDir()
	for _, server := range []config.Config{cfg, other} {
		ctx, stop := context.WithCancel(t.Context())
		result := make(chan error, 1)
		url := serving(t, ctx, server, io.Discard, result)
		if status, err := get(t.Context(), url+"/readyz"); err != nil || status != http.StatusOK {
			t.Errorf("ready = %d, %v; want 200", status, err)
		}
		t.Cleanup(func() {
			stop()
			if err := <-result; err != nil {
				t.Errorf("Serve = %v", err)
			}
		})
	}
}

// TestASessionThatEndedElsewhereEnds signs out at one of two servers that have a cache of their own each.
func TestASessionThatEndedElsewhereEnds(t *testing.T) {
	url := database.URL(t)
	settings := map[string]string{"accounts.users": url, "accounts.sessions": url, "accounts.personal": url, "http.rate_per_token": "0"}
	here, there := serve(t, settings), serve(t, settings)
	var credential struct{ Token string }
	if err := json.Unmarshal(there.want(t, http.StatusCreated, "POST", "/v1/tokens", map[string]any{"role": "admin"}), &credential); err != nil {
		t.Fatal(err)
	}
	here.token, there.token = credential.Token, credential.Token
	here.want(t, http.StatusOK, "GET", "/v1/me", nil)
	there.want(t, http.StatusNoContent, "DELETE", "/v1/sessions", nil)
	there.want(t, http.StatusUnauthorized, "GET", "/v1/me", nil)
	for ended := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if status, _ := here.call(t, "GET", "/v1/me", nil); status == http.StatusUnauthorized {
			return
		}
		if time.Since(ended) > 5*time.Minute { // it is seconds, on a machine that does nothing else
			t.Fatal("a session that ended at one server lives on at the other")
		}
	}
}
