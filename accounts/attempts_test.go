package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/accounts"
	"agora/accounts/accountstest"
	"agora/fault"
	"agora/pattern/guard"
	"agora/telemetry"
)

func TestMemoryAttempts(t *testing.T) {
	accountstest.Attempts(t, accountstest.AttemptsWorld{
		Test: synctest.Test, Advance: time.Sleep,
		Open: func(*testing.T) accounts.AttemptStore { return accounts.NewMemoryAttempts(100) },
	})
}

func TestMemoryAttemptsWaitExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := accounts.NewMemoryAttempts(10)
		paced := accounts.Paced{Key: "a", Pace: accounts.Pace{Free: 2, First: time.Second, Longest: 5 * time.Second, Memory: time.Hour}}
		if wait, err := store.Attempt(t.Context(), paced); wait != 0 || err != nil {
			t.Fatalf("the first attempt: %v, %v", wait, err)
		}
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			if wait, err := store.Attempt(t.Context(), paced); wait != 0 || err != nil {
				t.Fatalf("attempt %d: %v, %v", i, wait, err)
			}
			wait, err := store.Attempt(t.Context(), paced)
			if wait != want || err != nil {
				t.Errorf("after attempt %d the next one waits for %v, %v; want %v", i+2, wait, err, want)
			}
			time.Sleep(wait)
		}
	})
}

// TestMadeUpAccountsDoNotPushOutTheOneThatIsAttacked fills the memory with attempts on accounts that do not exist.
func TestMadeUpAccountsDoNotPushOutTheOneThatIsAttacked(t *testing.T) {
	store := accounts.NewMemoryAttempts(1000)
	pace := accounts.Pace{Free: 3, First: time.Hour, Longest: time.Hour, Memory: time.Hour}
	attempt := func(key string) time.Duration {
		wait, err := store.Attempt(t.Context(), accounts.Paced{Key: key, Pace: pace})
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for range 3 {
		attempt("attacked")
	}
	for i := range 10_000 {
		attempt(fmt.Sprint("made up ", i))
		if err := store.Succeeded(t.Context(), fmt.Sprint("known ", i), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if attempt("attacked") == 0 {
		t.Error("the attempts on an account are forgotten for others that were made up")
	}
}

// awayAttempts is a store that does not answer.
type awayAttempts struct{ accounts.AttemptStore }

var errAway = fault.New(fault.Unavailable, "", "the store is away")

func (awayAttempts) Attempt(context.Context, ...accounts.Paced) (time.Duration, error) {
	return 0, errAway
}
func (awayAttempts) Succeeded(context.Context, string, time.Duration) error { return errAway }
func (awayAttempts) Known(context.Context, string) (bool, error)            { return false, errAway }

func TestFallbackAttempts(t *testing.T) {
	m := telemetry.NewMetrics()
	for _, shared := range []accounts.AttemptStore{accounts.NewMemoryAttempts(100), awayAttempts{}} {
		_, away := shared.(awayAttempts)
		accountstest.Attempts(t, accountstest.AttemptsWorld{
			Test: synctest.Test, Advance: time.Sleep,
			Open: func(*testing.T) accounts.AttemptStore {
				if !away {
					shared = accounts.NewMemoryAttempts(100)
				}
				return accounts.NewFallbackAttempts(shared, accounts.NewMemoryAttempts(100), m)
			},
		})
		if n, _ := m.Value("agora_sign_in_fallback_total"); (n > 0) != away {
			t.Errorf("with a shared store that is away = %v, %v calls are counted", away, n)
		}
	}
}

// attacked is a service with a user whose account is attacked.
func attacked(t *testing.T, o accounts.Options) *accounts.Service {
	t.Helper()
	s := memory()
	o.Hashing = accounts.Hashing{MemoryKiB: 8, Passes: 1}
	service := accounts.NewService(s.users, s.personal, s.sessions, o)
	if _, err := service.Register(t.Context(), "", reader()); err != nil {
		t.Fatal(err)
	}
	return service
}

const home, elsewhere = accounts.Origin("192.0.2.1"), accounts.Origin("198.51.100.7")

func wrong(i int) accounts.Origin { return accounts.Origin(fmt.Sprintf("203.0.113.%d", i)) }

// try signs in from an origin and returns how long the next attempt has to wait, if this one was refused for it.
func try(t *testing.T, service *accounts.Service, from accounts.Origin, password string) (wait time.Duration, err error) {
	t.Helper()
	_, err = service.SignIn(t.Context(), from, "reader@example.org", password)
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Exhausted {
		if e.Code != "rate_limited" || e.RetryAfter <= 0 {
			t.Errorf("refused with the code %s and RetryAfter %v", e.Code, e.RetryAfter)
		}
		return e.RetryAfter, err
	}
	return 0, err
}

// TestGuessingAPasswordGetsSlowerAndSlower guesses from one origin for a day, as fast as it may.
func TestGuessingAPasswordGetsSlowerAndSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := attacked(t, accounts.Options{})
		guesses := 0
		for began := time.Now(); time.Since(began) < 24*time.Hour; {
			wait, err := try(t, service, elsewhere, "a wrong password")
			if wait == 0 {
				wantKind(t, err, fault.Unauthenticated)
				guesses++
			}
			time.Sleep(wait)
		}
		if guesses < 100 || guesses > 320 {
			t.Errorf("%d passwords can be guessed a day, want about one in five minutes", guesses)
		}
		if _, err := try(t, service, home, reader().Password); err != nil {
			t.Errorf("meanwhile the user cannot sign in from elsewhere: %v", err)
		}
	})
}

// TestNobodyCanLockOutSomebodyElse guesses from many origins at once. Who has signed in from home before does so still, and
// who comes from a new place gets in within bounded time.
func TestNobodyCanLockOutSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := attacked(t, accounts.Options{})
		if _, err := try(t, service, home, reader().Password); err != nil {
			t.Fatal(err)
		}
		guesses := 0
		const rounds = 600
		for range rounds {
			for i := range 200 {
				if _, err := try(t, service, wrong(i), "a wrong password"); fault.Is(err, fault.Unauthenticated) {
					guesses++
				}
			}
			time.Sleep(time.Second)
		}
		if most := 100 + 10 + rounds/10 + 5; guesses > most {
			t.Errorf("200 origins guessed %d passwords in 10 minutes, want at most %d", guesses, most)
		}
		if _, err := try(t, service, home, reader().Password); err != nil {
			t.Errorf("the user cannot sign in from where they have before: %v", err)
		}
		wait, err := try(t, service, elsewhere, reader().Password)
		if wait > 10*time.Second {
			t.Errorf("from a new place the user has to wait for %v, want 10 s at most", wait)
		}
		time.Sleep(wait)
		if err != nil {
			_, err = try(t, service, elsewhere, reader().Password)
		}
		if err != nil {
			t.Errorf("from a new place the user cannot sign in: %v", err)
		}
	})
}

func TestARefusalDoesNotTellWhetherThereIsAnAccount(t *testing.T) {
	service := attacked(t, accounts.Options{})
	var said []string
	for _, email := range []string{"reader@example.org", "nobody@example.org", "NOBODY@example.org"} {
		var err error
		for range 6 {
			_, err = service.SignIn(t.Context(), home, email, "a wrong password")
		}
		wantKind(t, err, fault.Exhausted)
		said = append(said, err.Error())
	}
	if said[0] != said[1] || said[1] != said[2] {
		t.Errorf("refusals differ: %q", said)
	}
}

func TestSignInsAndRegistrationsOfAnOriginAreLimited(t *testing.T) {
	m := telemetry.NewMetrics()
	service := attacked(t, accounts.Options{Origins: guard.NewLocal(0.001, 3, 100), Metrics: m})
	for i := range 2 {
		_, err := service.SignIn(t.Context(), elsewhere, fmt.Sprintf("made-up-%d@example.org", i), "a wrong password")
		wantKind(t, err, fault.Unauthenticated)
	}
	r := reader()
	r.Email = "new@example.org"
	if _, err := service.Register(t.Context(), elsewhere, r); err != nil {
		t.Errorf("the third attempt: %v", err)
	}
	_, err := service.Register(t.Context(), elsewhere, r)
	wantKind(t, err, fault.Exhausted)
	_, err = service.SignIn(t.Context(), elsewhere, "reader@example.org", reader().Password)
	wantKind(t, err, fault.Exhausted)
	if _, err := service.SignIn(t.Context(), home, "reader@example.org", reader().Password); err != nil {
		t.Errorf("from another origin: %v", err)
	}
	if n, _ := m.Value("agora_sign_ins_limited_total"); n != 2 {
		t.Errorf("%v refusals are counted, want 2", n)
	}
}

// TestLimitsThatCannotBeAskedLetPass: they protect sign-in and must not close it.
func TestLimitsThatCannotBeAskedLetPass(t *testing.T) {
	var log bytes.Buffer
	service := attacked(t, accounts.Options{Origins: awayLimiter{}, Attempts: awayAttempts{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 10 {
		if _, err := try(t, service, home, reader().Password); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []string{"the rate of sign-ins is not checked", "attempts to sign in are not counted"} {
		if !strings.Contains(log.String(), limit) {
			t.Errorf("nothing in the log says: %s", limit)
		}
	}
}

type awayLimiter struct{}

func (awayLimiter) Allow(context.Context, string) (guard.Decision, error) {
	return guard.Decision{}, errAway
}
