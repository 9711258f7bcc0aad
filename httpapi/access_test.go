package httpapi_test

import (
	"slices"
	"testing"

	"agora/accounts"
	"agora/httpapi"
)

// TestAccess walks every route as everybody: who is not among those that the route declares is refused
// with 401 or 403, and who is, gets past. On owned routes the service may still refuse.
func TestAccess(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, r request, op operation) {
		if op.Roles != nil && !slices.Equal(op.Roles, rt.Access.Names()) {
			t.Errorf("documented for %v, declared for %v", op.Roles, rt.Access.Names())
		}
		got := r.send(t)
		if allowed := rt.Access.Allows(accounts.Principal{}); allowed == (got.status == 401) {
			t.Errorf("anonymous: %d, though allowed = %v", got.status, allowed)
		}
		for _, role := range accounts.Roles {
			got := r.send(t, as(string(role))...)
			allowed := rt.Access.Allows(accounts.Principal{UserID: "usr_1", Role: role})
			switch {
			case got.status == 401:
				t.Errorf("%s is signed in and got 401", role)
			case !allowed && got.status != 403:
				t.Errorf("%s: %d, want 403", role, got.status)
			case allowed && got.status == 403 && !rt.Owned:
				t.Errorf("%s is allowed and got 403", role)
			}
		}
		if got := r.send(t, as("forged")...); rt.Tag != "operations" && rt.Path != "/metrics" && got.status != 401 {
			t.Errorf("a token that is not valid got %d, want 401", got.status)
		}
	})
}

func TestAccessOfRoles(t *testing.T) {
	a := httpapi.Roles(accounts.Seller, accounts.Admin)
	for role, want := range map[accounts.Role]bool{"": false, accounts.Shopper: false, accounts.Seller: true, accounts.Admin: true, "root": false} {
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
