package httpapi_test

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"agora/accounts"
	"agora/fault"
	"agora/shop"
)

const (
	oneLamp      = `{"lines":[{"product_id":"` + exampleProduct + `","quantity":1}]}`
	lampDraft    = `{"sku":"LAMP-01","name":"Lamp","price":{"amount":2500,"currency":"USD"}}`
	lampPath     = "/v1/products/" + exampleProduct
	lampOrder    = "/v1/orders/" + exampleOrder
	unknownOrder = "/v1/orders/ord_01jd8q6m3k9v2n4x7y5z8w1t0d"
)

// provoked has a function for each failure that a route declares. The keys are the pattern of the route and the code.
var provoked = map[string]func(t *testing.T, m *market) answer{
	"POST /v1/users email_taken": func(t *testing.T, m *market) answer {
		return m.send(t, "", "POST", "/v1/users", `{"email":"`+exampleEmail+`","password":"another one","name":"n","country":"GB"}`)
	},
	"POST /v1/sessions invalid_credentials": func(t *testing.T, m *market) answer {
		return m.send(t, "", "POST", "/v1/sessions", `{"email":"`+exampleEmail+`","password":"wrong horse"}`)
	},
	"POST /v1/tokens not_found": func(t *testing.T, m *market) answer {
		return m.send(t, m.admin, "POST", "/v1/tokens", `{"user_id":"usr_01jd8q6m3k9v2n4x7y5z8w1t0d"}`)
	},
	"GET /v1/products/{id} invalid": func(t *testing.T, m *market) answer {
		return m.send(t, "", "GET", "/v1/products/lamp", "")
	},
	"POST /v1/products sku_taken": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "POST", "/v1/products", lampDraft)
	},
	"PUT /v1/products/{id} not_owner": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "PUT", lampPath, lampDraft, "If-Match", `"1.0"`)
	},
	"PUT /v1/products/{id} stale": func(t *testing.T, m *market) answer {
		if got := m.send(t, m.owner, "PUT", lampPath, lampDraft, "If-Match", `"1.0"`); got.status != 200 {
			t.Fatalf("the first change gave %d: %s", got.status, got.body)
		}
		return m.send(t, m.owner, "PUT", lampPath, lampDraft, "If-Match", `"1.0"`)
	},
	"PUT /v1/products/{id} precondition_required": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "PUT", lampPath, lampDraft)
	},
	"POST /v1/products/{id}/reviews already_reviewed": func(t *testing.T, m *market) answer {
		m.send(t, m.owner, "POST", lampPath+"/reviews", `{"rating":4}`)
		return m.send(t, m.owner, "POST", lampPath+"/reviews", `{"rating":5}`)
	},
	"GET /v1/stock/{sku} not_owner": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "GET", "/v1/stock/"+exampleSKU, "")
	},
	"PUT /v1/stock/{sku} not_owner": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "PUT", "/v1/stock/"+exampleSKU, `{"on_hand":1}`)
	},
	"POST /v1/stock/{sku} insufficient_stock": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "POST", "/v1/stock/"+exampleSKU, `{"change":-101}`)
	},
	"POST /v1/stock/{sku} not_owner": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "POST", "/v1/stock/"+exampleSKU, `{"change":1}`)
	},
	"POST /v1/orders payment_declined": func(t *testing.T, m *market) answer {
		m.till.authorize = func() error { return fault.New(fault.Declined, "payment_declined", "no") }
		return m.send(t, m.stranger, "POST", "/v1/orders", oneLamp)
	},
	"POST /v1/orders insufficient_stock": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "POST", "/v1/orders", strings.Replace(oneLamp, `"quantity":1`, `"quantity":101`, 1))
	},
	"POST /v1/orders idempotency_key_reused": func(t *testing.T, m *market) answer {
		m.send(t, m.stranger, "POST", "/v1/orders", oneLamp, "Idempotency-Key", "k")
		return m.send(t, m.stranger, "POST", "/v1/orders", strings.Replace(oneLamp, `"quantity":1`, `"quantity":2`, 1), "Idempotency-Key", "k")
	},
	"POST /v1/orders in_flight": func(t *testing.T, m *market) answer {
		paying, finish, done := make(chan bool), make(chan bool), make(chan bool)
		m.till.authorize = func() error { paying <- true; <-finish; return nil }
		go func() {
			defer close(done)
			if got := m.send(t, m.stranger, "POST", "/v1/orders", oneLamp, "Idempotency-Key", "k"); got.status != 201 {
				t.Errorf("the first request gave %d: %s", got.status, got.body)
			}
		}()
		<-paying
		got := m.send(t, m.stranger, "POST", "/v1/orders", oneLamp, "Idempotency-Key", "k")
		close(finish)
		<-done
		return got
	},
	"GET /v1/orders not_owner": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "GET", "/v1/orders?user_id="+m.ownerID, "")
	},
	"POST /v1/orders/{id}/cancel order_state": func(t *testing.T, m *market) answer {
		m.send(t, m.owner, "POST", lampOrder+"/cancel", "")
		return m.send(t, m.owner, "POST", lampOrder+"/cancel", "")
	},
	"POST /v1/orders/{id}/cancel order_pending": func(t *testing.T, m *market) answer {
		m.till.SetDown(true)
		placed := m.send(t, m.owner, "POST", "/v1/orders", oneLamp)
		return m.send(t, m.owner, "POST", placed.header.Get("Location")+"/cancel", `{"lines":[{"line":0,"quantity":1}]}`)
	},
	"POST /v1/orders/{id}/cancel too_many_refunds": func(t *testing.T, m *market) answer {
		m.count(t, "LAMP-01", 1000)
		placed := m.send(t, m.owner, "POST", "/v1/orders", strings.Replace(oneLamp, `"quantity":1`, `"quantity":500`, 1))
		var last answer
		for range 101 {
			last = m.send(t, m.owner, "POST", placed.header.Get("Location")+"/cancel", `{"lines":[{"line":0,"quantity":1}]}`)
		}
		return last
	},
	"POST /v1/orders/{id}/cancel order_moved": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "POST", lampOrder+"/cancel", `{"version":999}`)
	},
	"POST /v1/orders/{id}/cancel order_busy": func(t *testing.T, m *market) answer {
		m.orders.busy = true
		return m.send(t, m.owner, "POST", lampOrder+"/cancel", "")
	},
}

// TestDeclaredFailures provokes every failure that a route declares, and checks its code and status.
func TestDeclaredFailures(t *testing.T) {
	declared, provoked := map[string]bool{}, maps.Clone(provoked)
	maps.Copy(provoked, provokedInFeed)
	for _, rt := range newMarket(t, accounts.Seller).server.Routes() {
		for _, f := range rt.Fails {
			code := cmp.Or(f.Code, f.Kind.String())
			if slices.Contains(provokedElsewhere, code) {
				continue
			}
			declared[rt.Pattern()+" "+code] = true
			t.Run(rt.Pattern()+" "+code, func(t *testing.T) {
				provoke, known := provoked[rt.Pattern()+" "+code]
				if !known {
					t.Fatal("is declared and has no case among provoked")
				}
				got := provoke(t, stocked(t, accounts.Seller))
				p := got.problem(t)
				if want := cmp.Or(f.Status, statusOf[f.Kind]); p.Code != code || got.status != want {
					t.Errorf("got %d %s, want %d %s: %s", got.status, p.Code, want, code, p.Detail)
				}
			})
		}
	}
	for name := range provoked {
		if !declared[name] {
			t.Errorf("%s is brought about here and declared by no route", name)
		}
	}
}

// provokedElsewhere are failures of races and of unavailable parts. The tests of accounts and of the chain provoke them.
var provokedElsewhere = []string{"sign_in_busy", "role_changed", "not_ready"}

// statusOf repeats the statuses of the server, because callers rely on them.
var statusOf = map[fault.Kind]int{
	fault.Invalid: http.StatusUnprocessableEntity, fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.Stale: http.StatusPreconditionFailed, fault.Declined: http.StatusPaymentRequired, fault.Exhausted: http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable, fault.Gone: http.StatusGone,
}

func TestWhatIsNotThere(t *testing.T) {
	m := stocked(t, accounts.Seller)
	const unknownProduct = "/v1/products/prd_01jd8q6m3k9v2n4x7y5z8w1t0d"
	for _, tt := range []struct{ method, path, body string }{
		{"GET", unknownProduct, ""},
		{"PUT", unknownProduct, lampDraft},
		{"GET", unknownProduct + "/reviews", ""},
		{"POST", unknownProduct + "/reviews", `{"rating":5}`},
		{"GET", "/v1/stock/NO-SUCH-SKU", ""},
		{"PUT", "/v1/stock/NO-SUCH-SKU", `{"on_hand":1}`},
		{"GET", unknownOrder, ""},
		{"GET", unknownOrder + "/history", ""},
		{"POST", unknownOrder + "/cancel", ""},
	} {
		got := m.send(t, m.admin, tt.method, tt.path, tt.body, "If-Match", `"1.0"`)
		if p := got.problem(t); got.status != 404 || p.Code != "not_found" {
			t.Errorf("%s %s gave %d %s, want 404 not_found", tt.method, tt.path, got.status, p.Code)
		}
	}
}

// TestPaidButShort removes the last units between the payment of an order and its confirmation. The payment is refunded, and
// the answer is that of missing stock.
func TestPaidButShort(t *testing.T) {
	m := stocked(t, accounts.Seller)
	m.till.capture = func() error { m.count(t, exampleSKU, 0); return nil }
	got := m.send(t, m.stranger, "POST", "/v1/orders", oneLamp)
	if p := got.problem(t); got.status != 409 || p.Code != "insufficient_stock" || !strings.Contains(p.Detail, "refunded") {
		t.Fatalf("got %d %s: %s", got.status, p.Code, p.Detail)
	}
	for _, order := range collect(t, m.orders.EachOrder) {
		if order.ID == exampleOrder {
			continue
		}
		if order.State != shop.Cancelled || order.Refunded() != order.Total || m.till.Balance(order.ID) != 0 {
			t.Errorf("the order is %s, %v of %v refunded, and the gateway holds %d", order.State, order.Refunded(), order.Total, m.till.Balance(order.ID))
		}
	}
}
