package httpapi

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"agora/accounts"
	"agora/telemetry"
)

// exchange is one request and its answer, with the state of the chain in one allocation. It is also the context of handlers. It
// is never reused, because a context may outlive its request.
type exchange struct {
	context.Context // of the request, with its span, if there is one
	response
	server *Server

	id        string
	started   time.Time
	deadline  time.Time  // zero until the route is known
	route     *Route     // nil before routing, and if no route matches
	address   netip.Addr // of the client; an IPv6 network
	principal accounts.Principal
	token     string // bearer token of the request
	keyed     bool   // the principal came with a key that the route knows
	placed    bool   // counted in Server.inFlight
	streamed  bool   // its stream is open
	span      telemetry.Span
	failure   error  // cause of an answer of 5xx, for the span
	code      string // of the Problem, for the access log
	body      *Body  // of a route that takes raw bodies
	stream    *Stream

	arming sync.Mutex
	armed  atomic.Pointer[armedContext]
}

type armedContext struct {
	context.Context
	cancel context.CancelFunc
}

type exchangeKey struct{}

// exchangeOf returns the exchange that ctx belongs to. Every handler of a Server has one.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// PrincipalOf returns the caller of the request that ctx belongs to; the zero Principal outside of a request.
func PrincipalOf(ctx context.Context) accounts.Principal {
	if x := exchangeOf(ctx); x != nil {
		return x.principal
	}
	return accounts.Principal{}
}

// TokenOf returns the bearer token of the request that ctx belongs to, or "".
func TokenOf(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.token
	}
	return ""
}

// AddressOf returns the address of the client that makes the request that ctx belongs to, or "".
func AddressOf(ctx context.Context) accounts.Origin {
	if x := exchangeOf(ctx); x != nil && x.address.IsValid() {
		return accounts.Origin(x.address.String())
	}
	return ""
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// Deadline implements context.Context.
func (x *exchange) Deadline() (time.Time, bool) {
	if x.deadline.IsZero() {
		return x.Context.Deadline()
	}
	return x.deadline, true
}

// Done implements context.Context. The first call starts the timer, because a timer costs more than an answer from memory.
func (x *exchange) Done() <-chan struct{} {
	if x.deadline.IsZero() {
		return x.Context.Done()
	}
	return x.arm().Done()
}

// Err implements context.Context.
func (x *exchange) Err() error {
	if a := x.armed.Load(); a != nil {
		return a.Err()
	}
	if err := x.Context.Err(); err != nil || x.deadline.IsZero() {
		return err
	}
	if time.Now().Before(x.deadline) {
		return nil
	}
	return x.arm().Err() // armed after its deadline, it has ended at once
}

// Value implements context.Context. Once armed, it asks the armed context, so that package context finds its own type and
// needs no goroutine to watch this one.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	if a := x.armed.Load(); a != nil {
		return a.Value(key)
	}
	return x.Context.Value(key)
}

func (x *exchange) arm() *armedContext {
	x.arming.Lock()
	defer x.arming.Unlock()
	if a := x.armed.Load(); a != nil {
		return a
	}
	ctx, cancel := context.WithDeadline(x.Context, x.deadline)
	a := &armedContext{ctx, cancel}
	x.armed.Store(a)
	return a
}

// release stops the timer, if there is one.
func (x *exchange) release() {
	if a := x.armed.Load(); a != nil {
		a.cancel()
	}
}
