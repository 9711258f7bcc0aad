package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agora/accounts"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	"agora/pattern/guard"
)

// signIns returns the URL of a server whose passwords cost what they do in production, and the users that are registered.
func signIns(t *testing.T, users int) string {
	t.Helper()
	service := accounts.NewService(accounts.NewMemoryUsers(), accounts.NewMemoryPersonal(), accounts.NewMemorySessions(),
		accounts.Options{Origins: guard.NewLocal(2, 30, 1000)})
	for i := range users {
		r := accounts.Registration{Email: fmt.Sprintf("user-%d@example.org", i), Password: examplePassword, Name: "A reader", Country: "GB"}
		if _, err := service.Register(t.Context(), "", r); err != nil {
			t.Fatal(err)
		}
	}
	s := httpapi.New(httpapi.Options{Authenticator: service, TrustedProxies: fromAnywhere})
	accountsapi.AddRoutes(s, service)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return web.URL
}

func signIn(t *testing.T, url, from, email, password string) answer {
	t.Helper()
	return call(t, "POST", url+"/v1/sessions", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password), "X-Forwarded-For", from)
}

// TestAFloodOfSignInsKeepsNobodyOut floods sign-in from one address with accounts that do not exist, while others sign in.
func TestAFloodOfSignInsKeepsNobodyOut(t *testing.T) {
	const connections, users = 100, 14
	url := signIns(t, users)
	flood, stop := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	var refused atomic.Int64
	for i := range connections {
		flooding.Go(func() {
			for n := 0; flood.Err() == nil; n++ {
				got := signIn(t, url, "203.0.113.66", fmt.Sprintf("made-up-%d-%d@example.org", i, n), "a wrong password")
				switch got.status {
				case http.StatusCreated:
					t.Error("somebody is signed in to an account that does not exist")
				case http.StatusTooManyRequests:
					refused.Add(1)
					if got.problem(t).Code != "rate_limited" || got.header.Get("Retry-After") == "" {
						t.Errorf("429 without rate_limited or Retry-After: %s", got.body)
					}
					time.Sleep(10 * time.Millisecond) // some processor is left to this test
				}
			}
		})
	}
	for i := range users {
		if got := signIn(t, url, fmt.Sprintf("198.51.100.%d", i), fmt.Sprintf("user-%d@example.org", i), examplePassword); got.status != http.StatusCreated {
			t.Errorf("user %d got %d, want 201: %s", i, got.status, got.body)
		}
	}
	stop()
	flooding.Wait()
	if refused.Load() == 0 {
		t.Error("the address that floods is never refused")
	}
}

// TestGuessingAPasswordIsLimited sends 300 wrong passwords for one account.
func TestGuessingAPasswordIsLimited(t *testing.T) {
	url := signIns(t, 1)
	checked := 0
	for i := range 300 {
		from := fmt.Sprintf("203.0.113.%d", i%2)
		switch got := signIn(t, url, from, "user-0@example.org", fmt.Sprintf("wrong password %d", i)); got.status {
		case http.StatusUnauthorized:
			checked++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("guess %d got %d: %s", i, got.status, got.body)
		}
	}
	if checked < 10 || checked > 40 {
		t.Errorf("%d of 300 passwords were checked, want the first five of each address and few more", checked)
	}
	if got := signIn(t, url, "198.51.100.1", "user-0@example.org", examplePassword); got.status != http.StatusCreated {
		t.Errorf("meanwhile the user got %d, want 201: %s", got.status, got.body)
	}
}
