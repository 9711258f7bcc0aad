package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"agora/accounts"
	"agora/fault"
)

// admitted returns a handler that decides whether a request may reach the handler of its route.
func (s *Server) admitted(rt *Route, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		x.route = rt
		if s.options.Tracer.Enabled() {
			x.Context, x.span = s.options.Tracer.StartServer(r.WithContext(x.Context), rt.pattern, s.fromProxy(r))
		}
		if !rt.Stream {
			x.deadline = x.started.Add(rt.Timeout)
		}
		if rt.CORS != nil {
			rt.CORS.allow(w.Header(), r.Header.Get("Origin"))
		}
		if !rt.unplaced {
			if !s.enter(x) {
				s.fail(x, errFull)
				return
			}
			defer s.leave(x)
		}
		if err := s.admit(x, r); err != nil {
			s.fail(x, err)
			return
		}
		if rt.Access&anonymous == 0 {
			w.Header()["Cache-Control"] = noStore
		}
		if r.ContentLength != 0 {
			w.Header()["Connection"] = closeConnection // until the body is read
		}
		serve(w, r)
	}
}

// noStore is the Cache-Control of routes that are not public. A handler may replace it.
var noStore = []string{"no-store"}

// closeConnection makes net/http send an answer without reading the rest of the body first, which would take as long as the
// sender likes.
var closeConnection = []string{"close"}

// enter counts the request among those in flight, and reports false if there are too many.
func (s *Server) enter(x *exchange) bool {
	x.placed = s.inFlight.Add(1) <= int64(s.options.MaxInFlight)
	if !x.placed {
		s.inFlight.Add(-1)
	}
	return x.placed
}

// leave ends the counting of the request among those in flight, if it is counted.
func (s *Server) leave(x *exchange) {
	if x.placed {
		x.placed = false
		s.inFlight.Add(-1)
	}
}

var errFull = &fault.Error{
	Kind: fault.Unavailable, Code: "overloaded", RetryAfter: time.Second,
	Message: "the server works on as many requests as it can",
}

// admit decides whether the request may reach the handler. A credential that is not valid is refused on every route, also on
// public ones, so that a caller learns that it is not signed in. The limit by address is before authentication, so that
// guessing tokens is limited. Probes are answered without authentication, because they must not depend on the session store.
func (s *Server) admit(x *exchange, r *http.Request) error {
	if err := s.limitAddress(x, r); err != nil {
		return err
	}
	if x.route.unplaced && x.route.Access == Public {
		return nil
	}
	if len(r.Header["Authorization"]) > 0 {
		p, token, err := s.identify(x, r)
		if err != nil {
			return err
		}
		x.principal, x.token = p, token
		if s.options.TokenLimit != nil {
			if err := s.limit(x, s.options.TokenLimit, "token", p.SessionID); err != nil {
				return err
			}
		}
	}
	return authorize(x)
}

func (s *Server) authenticate(ctx context.Context, token string) (accounts.Principal, error) {
	if token == "" || s.options.Authenticator == nil {
		return accounts.Principal{}, fault.New(fault.Unauthenticated, "", "the Authorization header holds no bearer token that is known")
	}
	return s.options.Authenticator.Authenticate(ctx, token)
}

// bearer returns the token of the Authorization header (RFC 6750) and whether there is such a header. A
// header of another scheme gives an empty token, which is never valid.
func bearer(r *http.Request) (string, bool) {
	given := r.Header["Authorization"]
	if len(given) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimSpace(token), true
}

func (s *Server) limitAddress(x *exchange, r *http.Request) error {
	x.address = s.clientAddress(r)
	if s.options.AddressLimit == nil {
		return nil
	}
	return s.limit(x, s.options.AddressLimit, "address", x.address.String())
}

// limit checks a rate limit. If the limiter fails, the request passes and the failure is counted.
func (s *Server) limit(ctx context.Context, limiter RateLimiter, name, key string) error {
	ok, retryAfter, err := limiter.Allow(ctx, key)
	if err != nil {
		s.unasked.Inc(name)
		ok = true
	}
	if !ok {
		return &fault.Error{
			Kind: fault.Exhausted, Code: "rate_limited", RetryAfter: retryAfter,
			Message: "too many requests for this " + name,
		}
	}
	return nil
}

// authorize checks whether the principal may call the route.
func authorize(x *exchange) error {
	switch {
	case x.keyed, x.route.Access.Allows(x.principal):
		return nil
	case !x.principal.Known():
		return fault.New(fault.Unauthenticated, "", "sign in to call this route")
	}
	return fault.New(fault.Denied, "", "the role "+string(x.principal.Role)+" may not call this route")
}
