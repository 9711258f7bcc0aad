package httpapi_test

import (
	"slices"
	"testing"

	"agora/accounts"
	"agora/httpapi"
)

// TestAccess calls every route in every role. The answer is 401 or 403 for the roles that the route does not declare, and is
// neither for the others. Each request has a market of its own.
func TestAccess(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		if op.Roles != nil && !slices.Equal(op.Roles, rt.Access.Names()) {
			t.Errorf("documented for %v, declared for %v", op.Roles, rt.Access.Names())
		}
		send := func(role accounts.Role, token func(*market) string) answer {
			m := stocked(t, role)
			return doc.request(m.url, rt.Method, rt.Path, op).send(t, as(token(m))...)
		}
		m := stocked(t, accounts.Shopper)
		got := doc.request(m.url, rt.Method, rt.Path, op).send(t)
		if allowed := rt.Access.Allows(accounts.Principal{}); allowed == (got.status == 401) {
			t.Errorf("anonymous: %d, though allowed = %v", got.status, allowed)
		}
		for _, role := range accounts.Roles {
			got := send(role, func(m *market) string { return m.owner })
			allowed := rt.Access.Allows(accounts.Principal{UserID: "usr_1", Role: role})
			switch {
			case got.status == 401:
				t.Errorf("%s is signed in and got 401", role)
			case !allowed && got.status != 403:
				t.Errorf("%s: %d, want 403", role, got.status)
			case allowed && (got.status == 403 || got.status == 404):
				t.Errorf("%s is allowed, owns it, and got %d: %s", role, got.status, got.body)
			}
		}
		forged := send(accounts.Shopper, func(*market) string { return "agora_forged" })
		if rt.Tag != "operations" && forged.status != 401 {
			t.Errorf("a token that is not valid got %d, want 401", forged.status)
		}
	})
}

// foreign has for each owned route the status for an object of somebody else, and the query that selects the object if the
// path does not.
var foreign = map[string]struct {
	status int
	query  func(*market) string
}{
	"GET /v1/orders":              {status: 403, query: func(m *market) string { return "?user_id=" + m.ownerID }},
	"GET /v1/orders/{id}":         {status: 404},
	"GET /v1/orders/{id}/history": {status: 404},
	"POST /v1/orders/{id}/cancel": {status: 404},
	"PUT /v1/products/{id}":       {status: 403},
	"GET /v1/stock/{sku}":         {status: 403},
	"PUT /v1/stock/{sku}":         {status: 403},
	"POST /v1/stock/{sku}":        {status: 403},
	"DELETE /v1/posts/{id}":       {status: 403},
	"GET /v1/posts/{id}/delivery": {status: 403},
}

// TestForeignObjects requests an object of somebody else from every owned route, in every role that may call it. An owned route
// without a case in foreign fails.
func TestForeignObjects(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		want, known := foreign[rt.Pattern()]
		if known != rt.Owned {
			t.Fatalf("owned = %v, but it has a case among foreign = %v", rt.Owned, known)
		}
		if !rt.Owned {
			return
		}
		for _, role := range accounts.Roles {
			if !rt.Access.Allows(accounts.Principal{UserID: "usr_1", Role: role}) {
				continue
			}
			m := stocked(t, role)
			r := doc.request(m.url, rt.Method, rt.Path, op)
			if want.query != nil {
				r.url += want.query(m)
			}
			before := m.state(t)
			got := r.send(t, as(m.stranger)...)
			switch {
			case role == accounts.Admin && got.status >= 300:
				t.Errorf("an admin got %d from what belongs to somebody else: %s", got.status, got.body)
			case role != accounts.Admin && got.status != want.status:
				t.Errorf("a foreign %s got %d, want %d: %s", role, got.status, want.status, got.body)
			case role != accounts.Admin && m.state(t) != before:
				t.Errorf("a foreign %s was refused, and yet something changed", role)
			}
			if got := r.send(t, as(m.owner)...); role != accounts.Admin && got.status >= 300 {
				t.Errorf("the %s whose it is got %d: %s", role, got.status, got.body)
			}
		}
	})
}

func TestAccessOfRoles(t *testing.T) {
	a := httpapi.Roles(accounts.Seller, accounts.Admin)
	for role, want := range map[accounts.Role]bool{"": false, accounts.Shopper: false, accounts.Seller: true, accounts.Admin: true, accounts.Metrics: false, "root": false} {
		if got := a.Allows(accounts.Principal{UserID: "usr_1", Role: role}); got != want {
			t.Errorf("role %q: allowed = %v, want %v", role, got, want)
		}
	}
	if a.Allows(accounts.Principal{Role: accounts.Admin}) {
		t.Error("a role without a user is allowed")
	}
	defer func() {
		if recover() == nil {
			t.Error("a role that does not exist can be declared")
		}
	}()
	httpapi.Roles(accounts.Admin, "root")
}

// TestNoCacheKeepsWhatBelongsToSomebody checks that answers of routes that are not public, and their refusals, cannot be cached.
func TestNoCacheKeepsWhatBelongsToSomebody(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		if rt.Access.Allows(accounts.Principal{}) {
			if rt.Owned {
				t.Error("it is owned, and yet open to everybody")
			}
			return
		}
		m := stocked(t, accounts.Admin)
		for token, allowed := range map[string]bool{m.owner: true, "agora_forged": false} {
			got := doc.request(m.url, rt.Method, rt.Path, op).send(t, as(token)...)
			if (got.status != 401) != allowed {
				t.Errorf("got %d, though allowed = %v: %s", got.status, allowed, got.body)
			}
			if caching := got.header.Get("Cache-Control"); caching != "no-store" {
				t.Errorf("the answer of %d has Cache-Control %q, want no-store", got.status, caching)
			}
		}
	})
}
