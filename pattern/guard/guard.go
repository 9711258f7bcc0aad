// Package guard keeps a part that is slow, broken or greedy from taking the whole program with it.
//
// Guard goes around calls that leave the process: payments, remote engines, other regions. It bounds their
// time and their number, stops calling what keeps failing, and repeats what may be repeated.
//
// Limiter goes before work that somebody else asks for: it says per key, such as an address or a token,
// whether one more request is within the rate. Local counts in this process; an engine that shares the
// counts among processes passes the same suite, guardtest.
//
// What it is not: a queue, or a promise that a call happens. Everything that must happen in the end goes
// through the outbox or a saga, which come back when a Guard has refused.
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

// Options say what a Guard does. The zero value of a field leaves that part out.
type Options struct {
	Name string // what is called, for messages and the label "guard" of the metrics

	Timeout       time.Duration // for each attempt; the caller's context bounds all of them together
	MaxConcurrent int           // attempts at one time
	MaxWait       time.Duration // how long an attempt waits for one of these places
	Breaker       Breaker

	Retries int           // further attempts after a failure; more than 0 declares that the call may be repeated without harm
	Backoff time.Duration // wait before the first retry, 50 ms if 0; doubled for each further one up to 16 times that, ± 25 %

	Metrics *telemetry.Metrics // agora_guard_calls_total and agora_guard_breaker_state; nil means none
}

// Breaker describes when a Guard stops calling. A call fails, as the breaker counts it, by an error of the
// kinds Unavailable, Timeout and Internal. Any other error is an answer of a part that works, and a caller
// who cancelled says nothing about it.
type Breaker struct {
	Ratio  float64       // open at this share of failures, above 0 and at most 1; 0 means no breaker
	Calls  int           // but not before there were as many calls in the window, 10 if 0
	Window time.Duration // the time that is looked back, 10 s if 0
	Open   time.Duration // how long calls are refused before one is tried again, 5 s if 0
	Probes int           // calls in a row that have to go well then, 1 if 0
}

// maxBackoff is how many times the first backoff the last one may be.
const maxBackoff = 16

// The codes of the errors by which a Guard refuses a call that it did not make.
const (
	CodeOpen = "circuit_open"
	CodeFull = "overloaded"
)

// Guard goes around calls of one kind. It is safe for concurrent use.
type Guard struct {
	options  Options
	breaker  circuitbreaker.CircuitBreaker[any] // nil for none
	bulkhead bulkhead.Bulkhead[any]             // nil for none
	retry    failsafe.Executor[any]             // nil for none
	calls    telemetry.Counter
}

// New returns a guard with a closed breaker. It panics if the options make no sense, as that is a bug.
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
	// Two changes may be told in the wrong order. The state is asked for under the lock, so that whoever
	// comes last sets the newest.
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

// mayPass reports whether the same call may succeed in a moment. What a guard has refused would only be
// refused again, and load what has too much of it already.
func mayPass(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return false
	}
	return fault.Passing(err)
}

// refusal marks the error of a call that a guard did not make.
type refusal struct {
	by     *Guard
	result string // the label of the metric
	cause  *fault.Error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// Do calls f, which must end when its context does. A call that was not made because the breaker is open
// or no place was free in time is Unavailable, with the code CodeOpen or CodeFull; one whose time was over
// is Timeout. Any other error is what f returned.
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
	// The executor's own result is that of the last attempt, but for the end of ctx, which it reports even
	// if that attempt had an answer.
	_ = g.retry.WithContext(ctx).Run(func() error {
		last = g.attempt(ctx, f)
		return last
	})
	return last
}

// attempt takes a place, asks the breaker and calls f. Both get back what they gave also if f panics.
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

// errPanic is what the breaker is told of a call that did not return.
var errPanic = errors.New("the call panicked")

// call bounds the time of f. An answer that came late is still an answer.
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

// record tells the breaker what an attempt came to. One that its caller cancelled is not counted while the
// breaker is closed; as a probe it has to count for something, and it did not go well.
func (g *Guard) record(ctx context.Context, err error) {
	switch {
	case err == nil || isAnswer(err):
		g.breaker.RecordSuccess()
	case errors.Is(ctx.Err(), context.Canceled) && g.breaker.IsClosed():
	default:
		g.breaker.RecordFailure()
	}
}

// isAnswer reports whether an error was given by a part that works, rather than by the lack of one.
func isAnswer(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Internal:
		return false
	}
	return true
}

// result names what a call came to, for the metric.
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
