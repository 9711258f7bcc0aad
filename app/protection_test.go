package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/fault"
)

func TestLinksWithoutTLSAreNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		flags map[string]string
		want  []string
	}{
		"embedded":       {nil, nil},
		"this machine":   {map[string]string{"cache": "redis://127.0.0.1:6379/0", "shop.orders": "postgres://[::1]/agora", "events": "postgres://localhost/a"}, nil},
		"a socket":       {map[string]string{"cache": "redis+unix:///run/redis.sock", "shop.orders": "postgres:///agora?host=/run/postgresql"}, nil},
		"with TLS":       {map[string]string{"cache": "rediss://cache.example/0", "shop.orders": "postgres://db.example/a?sslmode=verify-full"}, nil},
		"Redis":          {map[string]string{"cache": "redis://cache.example/0", "limits": "redis://10.0.0.7/0"}, []string{"cache", "limits"}},
		"PostgreSQL":     {map[string]string{"shop.orders": "postgres://db.example/a", "events": "postgres://db.example/a?sslmode=prefer"}, []string{"events", "shop.orders"}},
		"Cassandra":      {map[string]string{"feed.posts": "cassandra://db.example/a", "feed.graph": "cassandra://db.example/a?tls=true"}, []string{"feed.posts"}},
		"Kafka":          {map[string]string{"events": "kafka://127.0.0.1,broker.example:9092/shop"}, []string{"events"}},
		"Kafka here":     {map[string]string{"events": "kafka://127.0.0.1,localhost:9092/shop"}, nil},
		"Kafka with TLS": {map[string]string{"events": "kafka+tls://broker.example/shop"}, nil},
		"traces":         {map[string]string{"tracing.endpoint": "http://collector.example:4318"}, []string{"tracing.endpoint"}},
		"payments":       {map[string]string{"shop.gateway": "stripe:?api=http://pay.example"}, []string{"shop.gateway"}},
		"a system off":   {map[string]string{"shop.orders": "postgres://db.example/a", "systems": ""}, nil},
		"traces at home": {map[string]string{"tracing.endpoint": "http://localhost:4318"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := unprotectedLinks(load(t, tt.flags)); !slices.Equal(got, tt.want) {
				t.Errorf("unprotected: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSecretsThatOthersMayReadAreRefused(t *testing.T) {
	cfg := load(t, map[string]string{"data": filepath.Join(t.TempDir(), "data")})
	if _, err := tokenFor(t, cfg, "admin"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Data, adminTokenFile)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	err := Serve(t.Context(), cfg, "test", &bytes.Buffer{}, &bytes.Buffer{})
	if fault.CodeOf(err) != "secret_exposed" || !strings.Contains(err.Error(), "mode 640") {
		t.Errorf("Serve with a token that a group may read = %v, want secret_exposed", err)
	}
}

func TestAFolderThatOthersMayReachIsSaid(t *testing.T) {
	folder := t.TempDir()
	for mode, warned := range map[os.FileMode]bool{0o700: false, 0o750: true, 0o701: true} {
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		warnOfFolder(t.Context(), folder, slog.New(slog.NewTextHandler(&logs, nil)))
		if got := strings.Contains(logs.String(), "chmod 700"); got != warned {
			t.Errorf("mode %o: warned %t, want %t: %s", mode, got, warned, &logs)
		}
	}
}
