// Package guard protects the program from slow, failing or greedy parts and callers.
//
// Guard wraps calls that leave the process, such as payments, remote engines or other regions: timeouts, a bulkhead, a
// circuit breaker and retries.
//
// Limiter limits the rate of requests for each key, such as an address or a token. Local counts in this process; an
// engine that shares the counts between processes passes the same suite, guardtest.
//
// A Guard refuses calls. Work that must happen in the end goes through the outbox or a saga, which retry it.
package guard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"agora/fault"
	"agora/telemetry"
)

// Options describe a Guard. The zero value of a field disables that part.
type Options struct {
	Name string // the called part, for messages and the label "guard" of the metrics

	Timeout       time.Duration // of each attempt; the caller's context bounds all of them together
	MaxConcurrent int           // attempts that run concurrently
	MaxWait       time.Duration // how long an attempt waits when MaxConcurrent are running
	Breaker       Breaker

	Retries int           // further attempts after a failure; above 0 only if the call is idempotent
	Backoff time.Duration // delay before the first retry, 50 ms if 0; doubled for each further one up to 16 times that, ± 25 %

	Metrics *telemetry.Metrics // agora_guard_calls_total and agora_guard_breaker_state; nil means none
}

// Breaker describes the circuit breaker of a Guard. It counts errors of the kinds Unavailable, Timeout and Internal as
// failures. Any other error is an answer of a part that works; a call that its caller canceled is not counted.
type Breaker struct {
	Ratio  float64       // share of failures that opens the breaker, above 0 and at most 1; 0 means no breaker
	Calls  int           // fewest calls in the window before it can open, 10 if 0
	Window time.Duration // time over which calls are counted, 10 s if 0
	Open   time.Duration // how long calls are refused before a probe, 5 s if 0
	Probes int           // consecutive successes that close the breaker, 1 if 0
}

// maxBackoff is the largest delay, in multiples of the first.
const maxBackoff = 16

// Codes of the errors of calls that a Guard refused.
const (
	CodeOpen = "circuit_open"
	CodeFull = "overloaded"
)

// Guard wraps calls of one kind. It is safe for concurrent use.
type Guard struct {
	options  Options
	breaker  circuitbreaker.CircuitBreaker[any] // nil for none
	bulkhead bulkhead.Bulkhead[any]             // nil for none
	retry    failsafe.Executor[any]             // nil for none
	calls    telemetry.Counter
}

// New returns a guard with a closed breaker. It panics if an option is not valid, because that is a bug.
func New(o Options) *Guard {
	b := o.Breaker
	if o.Timeout < 0 || o.MaxConcurrent < 0 || o.MaxWait < 0 || o.Retries < 0 || o.Backoff < 0 ||
		b.Ratio < 0 || b.Ratio > 1 || b.Calls < 0 || b.Window < 0 || b.Open < 0 || b.Probes < 0 {
		panic(fmt.Sprintf("guard: options of %s: nothing may be negative, and the ratio at most 1", o.Name))
	}
	g := &Guard{options: o, calls: o.Metrics.Counter("agora_guard_calls_total",
		"Guarded calls by what all their attempts came to: ok; rejected, answered by an error; failed; timeout; "+
			"cancelled by the caller; not made, as the breaker was open or the places full.", "guard", "result")}
	if b.Ratio > 0 {
		g.breaker = newBreaker(o.Name, b, o.Metrics)
	}
	if o.MaxConcurrent > 0 {
		g.bulkhead = bulkhead.New[any](uint(o.MaxConcurrent))
	}
	if o.Retries > 0 {
		g.retry = newRetry(o)
	}
	return g
}

func newBreaker(name string, b Breaker, m *telemetry.Metrics) circuitbreaker.CircuitBreaker[any] {
	gauge := m.Gauge("agora_guard_breaker_state", "0 closed, 1 half open, 2 open.", "guard")
	figures := map[circuitbreaker.State]float64{
		circuitbreaker.ClosedState: 0, circuitbreaker.HalfOpenState: 1, circuitbreaker.OpenState: 2,
	}
	gauge.Set(0, name)
	var breaker circuitbreaker.CircuitBreaker[any]
	var mu sync.Mutex
	// Two changes may be notified in the wrong order. The state is read under the lock, so that the last one sets the
	// newest state.
	changed := func(circuitbreaker.StateChangedEvent) {
		mu.Lock()
		defer mu.Unlock()
		gauge.Set(figures[breaker.State()], name)
	}
	breaker = circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(b.Ratio, uint(cmp.Or(b.Calls, 10)), cmp.Or(b.Window, 10*time.Second)).
		WithDelay(cmp.Or(b.Open, 5*time.Second)).
		WithSuccessThreshold(uint(cmp.Or(b.Probes, 1))).
		OnStateChanged(changed).
		Build()
	return breaker
}

func newRetry(o Options) failsafe.Executor[any] {
	backoff := cmp.Or(o.Backoff, 50*time.Millisecond)
	return failsafe.With[any](retrypolicy.NewBuilder[any]().
		WithMaxRetries(o.Retries).
		WithBackoff(backoff, maxBackoff*backoff).
		WithJitterFactor(0.25).
		HandleIf(func(_ any, err error) bool { return mayPass(err) }).
		ReturnLastFailure().
		Build())
}

// mayPass reports whether a retry can succeed. A call that a guard refused would be refused again.
func mayPass(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return false
	}
	return fault.Passing(err)
}

// refusal is the error of a call that a guard refused.
type refusal struct {
	by     *Guard
	result string // the label of the metric
	cause  *fault.Error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// Do calls f, which must return when its context ends. A call that is refused because the breaker is open or too many calls
// are running is Unavailable, with the code CodeOpen or CodeFull; one that took too long is Timeout. Any other error is
// that of f.
func (g *Guard) Do(ctx context.Context, f func(ctx context.Context) error) error {
	err := g.repeat(ctx, f)
	if err != nil && ctx.Err() != nil && !isAnswer(err) {
		err = fault.Wrap(fault.Timeout, err, g.options.Name+" was not waited for any longer")
	}
	g.calls.Inc(g.options.Name, g.result(ctx, err))
	return err
}

func (g *Guard) repeat(ctx context.Context, f func(ctx context.Context) error) error {
	if g.retry == nil {
		return g.attempt(ctx, f)
	}
	var last error
	// The executor returns the error of ctx after its end, even if the last attempt had an answer.
	_ = g.retry.WithContext(ctx).Run(func() error {
		last = g.attempt(ctx, f)
		return last
	})
	return last
}

// attempt calls f within the bulkhead and the breaker, whose permits are released also if f panics.
func (g *Guard) attempt(ctx context.Context, f func(ctx context.Context) error) error {
	if g.bulkhead != nil {
		if err := g.bulkhead.AcquirePermitWithMaxWait(ctx, g.options.MaxWait); errors.Is(err, bulkhead.ErrFull) {
			return &refusal{g, "full", fault.New(fault.Unavailable, CodeFull, g.options.Name+" has as many calls under way as it may")}
		} else if err != nil {
			return err
		}
		defer g.bulkhead.ReleasePermit()
	}
	if g.breaker == nil {
		return g.call(ctx, f)
	}
	if !g.breaker.TryAcquirePermit() {
		e := fault.New(fault.Unavailable, CodeOpen, g.options.Name+" keeps failing and is not called for now")
		e.RetryAfter = g.breaker.RemainingDelay()
		return &refusal{g, "open", e}
	}
	err := errPanic
	defer func() { g.record(ctx, err) }()
	err = g.call(ctx, f)
	return err
}

// errPanic is the result of a call that panicked.
var errPanic = errors.New("the call panicked")

// call bounds the time of f. An answer after that time still counts as the answer.
func (g *Guard) call(ctx context.Context, f func(ctx context.Context) error) error {
	if g.options.Timeout == 0 {
		return f(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, g.options.Timeout)
	defer cancel()
	err := f(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil && !isAnswer(err) {
		return fault.Wrap(fault.Timeout, err, fmt.Sprintf("%s took longer than %v", g.options.Name, g.options.Timeout))
	}
	return err
}

// record reports the result of an attempt to the breaker. An attempt that its caller canceled is not counted while the
// breaker is closed; as a probe it counts as a failure, because each probe has to count.
func (g *Guard) record(ctx context.Context, err error) {
	switch {
	case err == nil || isAnswer(err):
		g.breaker.RecordSuccess()
	case errors.Is(ctx.Err(), context.Canceled) && g.breaker.IsClosed():
	default:
		g.breaker.RecordFailure()
	}
}

// isAnswer reports whether an error is the answer of a part that works.
func isAnswer(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Internal:
		return false
	}
	return true
}

// result returns the label of a call for the metric.
func (g *Guard) result(ctx context.Context, err error) string {
	if err == nil {
		return "ok"
	}
	if isAnswer(err) {
		return "rejected"
	}
	if r, ok := errors.AsType[*refusal](err); ok && r.by == g {
		return r.result
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return "cancelled"
	}
	if fault.Is(err, fault.Timeout) {
		return "timeout"
	}
	return "failed"
}
