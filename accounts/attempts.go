package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	"agora/fault"
	"agora/pattern/guard"
	"agora/telemetry"
)

// Pace says how long the attempts under one key have to wait, the longer the more of them there were.
type Pace struct {
	Free    int           // attempts that do not wait
	First   time.Duration // wait after the last free attempt; doubled after each further one
	Longest time.Duration // wait at most
	Memory  time.Duration // attempts are forgotten this long after the last one
}

// Paced is a key whose attempts are counted, and their pace.
type Paced struct {
	Key  string
	Pace Pace
}

// AttemptStore counts attempts to sign in, and knows keys under which one succeeded. It may forget keys that it has no
// room for. It is safe for concurrent use.
type AttemptStore interface {
	// Attempt counts an attempt under each of the keys and returns 0. If one of them has to wait, it counts nothing and
	// returns for how long.
	Attempt(ctx context.Context, paced ...Paced) (wait time.Duration, err error)

	// Succeeded forgets the attempts under the key and knows it for a time.
	Succeeded(ctx context.Context, key string, known time.Duration) error

	// Known reports whether the key is known.
	Known(ctx context.Context, key string) (bool, error)
}

// docs/adr says why these are the keys and the figures of the limits.
var (
	// pairPace is for the attempts on one account from one origin.
	pairPace = Pace{Free: 5, First: time.Second, Longest: 5 * time.Minute, Memory: time.Hour}

	// accountPace is for the attempts on one account from all origins from which nobody has signed in to it of late.
	// Its longest wait is short, so that whoever makes many attempts on an account of somebody else does not lock them out.
	accountPace = Pace{Free: 100, First: time.Second, Longest: 10 * time.Second, Memory: time.Hour}
)

// originKnown is how long an origin is known from which somebody has signed in to an account.
const originKnown = 30 * 24 * time.Hour

// limits decide whether an attempt is worth the work of hashing a password.
type limits struct {
	origins  guard.Limiter // by origin; nil for no limit
	attempts AttemptStore
	log      *slog.Logger
	refused  telemetry.Counter
}

// The limits, as the metric of refusals names them.
const (
	limitAddress = "address"
	limitAccount = "account"
	limitBusy    = "busy"
)

// errTooMany is the same for an account that exists and for one that does not.
func errTooMany(what string, wait time.Duration) error {
	return &fault.Error{
		Kind: fault.Exhausted, Code: "rate_limited", RetryAfter: max(wait, time.Second),
		Message: "too many attempts " + what,
	}
}

// origin checks the rate of an origin, which sign-ins and registrations share. A limiter that fails lets the attempt pass:
// the limit by account and the bounded hashing are left.
func (l *limits) origin(ctx context.Context, from Origin) error {
	if l.origins == nil || from == "" {
		return nil
	}
	decision, err := l.origins.Allow(ctx, string(from))
	if err != nil {
		l.log.WarnContext(ctx, "the rate of sign-ins is not checked", "error", err)
		return nil
	}
	if decision.OK {
		return nil
	}
	l.refused.Inc(limitAddress)
	l.log.WarnContext(ctx, "sign-ins and registrations are refused for the rate of their address")
	return errTooMany("to sign in or register from this address", decision.RetryAfter)
}

// account checks the pace of the attempts on an account.
func (l *limits) account(ctx context.Context, from Origin, email string) error {
	account := attemptKey(email)
	pair := account + "@" + string(from)
	paced := []Paced{{pair, pairPace}}
	known, err := l.attempts.Known(ctx, pair)
	if err != nil {
		l.log.WarnContext(ctx, "attempts to sign in are not counted", "error", err)
		return nil
	}
	if !known {
		paced = append(paced, Paced{account, accountPace})
	}
	wait, err := l.attempts.Attempt(ctx, paced...)
	if err != nil {
		l.log.WarnContext(ctx, "attempts to sign in are not counted", "error", err)
		return nil
	}
	if wait == 0 {
		return nil
	}
	l.refused.Inc(limitAccount)
	l.log.WarnContext(ctx, "sign-ins are refused for too many attempts on their account")
	return errTooMany("to sign in to this account", wait)
}

// busy counts an error that says that too many are waiting, and returns it.
func (l *limits) busy(err error) error {
	if fault.CodeOf(err) == codeBusy {
		l.refused.Inc(limitBusy)
	}
	return err
}

// succeeded notes that somebody has signed in.
func (l *limits) succeeded(ctx context.Context, from Origin, email string) {
	if err := l.attempts.Succeeded(ctx, attemptKey(email)+"@"+string(from), originKnown); err != nil {
		l.log.WarnContext(ctx, "attempts to sign in are not counted", "error", err)
	}
}

// attemptKey is the key of an account: a hash, because a store of attempts is not one of personal data.
func attemptKey(email string) string {
	hash := sha256.Sum256([]byte(strings.ToLower(email)))
	return hex.EncodeToString(hash[:16])
}

// FallbackAttempts asks an AttemptStore that servers share, and one of its own while that fails.
type FallbackAttempts struct {
	shared, own AttemptStore
	count       telemetry.Counter
}

var _ AttemptStore = (*FallbackAttempts)(nil)

// NewFallbackAttempts returns a store over the shared one and its replacement.
func NewFallbackAttempts(shared, own AttemptStore, metrics *telemetry.Metrics) *FallbackAttempts {
	return &FallbackAttempts{shared, own, metrics.Counter("agora_sign_in_fallback_total",
		"Calls to count attempts to sign in that this process answered alone, because the shared store did not.")}
}

// Attempt implements AttemptStore.
func (f *FallbackAttempts) Attempt(ctx context.Context, paced ...Paced) (time.Duration, error) {
	wait, err := f.shared.Attempt(ctx, paced...)
	if err != nil {
		f.count.Inc()
		return f.own.Attempt(ctx, paced...)
	}
	return wait, nil
}

// Succeeded implements AttemptStore.
func (f *FallbackAttempts) Succeeded(ctx context.Context, key string, known time.Duration) error {
	if err := f.shared.Succeeded(ctx, key, known); err != nil {
		f.count.Inc()
	}
	return f.own.Succeeded(ctx, key, known)
}

// Known implements AttemptStore.
func (f *FallbackAttempts) Known(ctx context.Context, key string) (bool, error) {
	known, err := f.shared.Known(ctx, key)
	if err != nil {
		f.count.Inc()
		return f.own.Known(ctx, key)
	}
	return known, nil
}
