package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"agora/accounts"
)

// BenchmarkCheckout measures one order in the HTTP layer and the checkout, without network and disk.
func BenchmarkCheckout(b *testing.B) {
	m := stocked(b, accounts.Shopper)
	m.behind = true
	m.count(b, exampleSKU, 1_000_000_000)
	h := m.server.Handler()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/orders", strings.NewReader(oneLamp))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+m.owner)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			b.Fatal(w.Body.String())
		}
	}
}
