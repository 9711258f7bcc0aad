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

// exchange is one request and its answer: everything that the chain knows of it in one allocation. It is
// the context that handlers get, and is never reused, because a context may outlive its request.
type exchange struct {
	context.Context // the request's own; below it the span, if there is one
	response
	server *Server

	id        string
	started   time.Time
	deadline  time.Time  // zero until the route is known
	route     *Route     // nil while, and if, no route takes the request
	address   netip.Addr // of the client; an IPv6 network
	principal accounts.Principal
	token     string // that the principal came with
	keyed     bool   // the principal came with a key that the route knows
	placed    bool   // it is one of Server.inFlight
	streamed  bool   // its stream is open
	span      telemetry.Span
	failure   error  // what a Problem of our own fault was made of, for the span
	code      string // the Problem's code, for the access log
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

// PrincipalOf returns who makes the request that ctx belongs to; nobody outside of a request.
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

// Done implements context.Context. A timer costs more than answering from memory does, so there is one
// only from the first time that somebody asks for the channel.
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
	return x.arm().Err() // armed past its deadline, it is over and stays so
}

// Value implements context.Context. Once armed, the armed context answers, so that the standard library
// finds its own kind of context and needs no goroutine to watch this one.
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
