package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"agora/httpapi"
	"agora/telemetry"
)

// TestStreamsAreBoundedByTheConfiguration opens streams from the addresses of two clients until the server refuses them.
func TestStreamsAreBoundedByTheConfiguration(t *testing.T) {
	cfg := load(t, map[string]string{
		"http.max_streams": "3", "http.max_streams_per_address": "2", "http.trusted_proxies": "127.0.0.0/8", "http.rate_per_address": "0",
		"http.rate_per_token": "0",
	})
	front := frontage{cfg: cfg, program: program()}
	api, _ := front.api(nil, newStores(cfg, quiet(), nil), quiet(), nil, telemetry.Tracer{}, io.Discard)
	httpapi.RegisterStream(api, httpapi.Route{Path: "/v1/stream", Access: httpapi.Public}, func(ctx context.Context, _ *struct{}, out *httpapi.Stream) error {
		err := out.Open()
		<-ctx.Done()
		return err
	})
	web := httptest.NewServer(api.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(api.CloseConnections)
	for i, tt := range []struct {
		address string
		status  int
	}{{"203.0.113.1", 200}, {"203.0.113.1", 200}, {"203.0.113.1", 429}, {"203.0.113.2", 200}, {"203.0.113.3", 503}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", tt.address)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		if answer.StatusCode != tt.status {
			t.Errorf("stream %d, from %s, gave %d, want %d", i, tt.address, answer.StatusCode, tt.status)
		}
	}
}
