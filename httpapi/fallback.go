package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// routed serves a request by its route. Routes have their limits in admission. Requests without a route (404, 405, and redirects to
// the clean form of a path) are limited by address here.
func (s *Server) routed(w http.ResponseWriter, r *http.Request, x *exchange) {
	dispatch(s.mux, s.noRoute, w, r)
	if x.route != nil {
		return
	}
	if err := s.limitAddress(x, r); err != nil {
		x.restart()
		delete(w.Header(), "Allow")
		delete(w.Header(), "Location")
		s.fail(x, err)
	}
}

// dispatch serves a request by the mux. It calls noRoute for CONNECT and for the target *, which have no path: http.ServeMux
// would answer them itself, without a Problem.
func dispatch(mux *http.ServeMux, noRoute http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect || r.RequestURI == "*" {
		noRoute(w, r)
		return
	}
	mux.ServeHTTP(w, r)
}

// noRoute answers a request without a route: with 405 if the path has other methods, else with 404. No path has CONNECT.
func (s *Server) noRoute(_ http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	if allowed := s.methodsOf(r); len(allowed) > 0 || r.Method == http.MethodConnect {
		p := newProblem(x, http.StatusMethodNotAllowed, "", r.Method+" is not a method of this path")
		p.set("Allow", strings.Join(allowed, ", "))
		x.send(p)
		return
	}
	x.send(newProblem(x, http.StatusNotFound, "", "there is nothing at this path"))
}

// methodsOf returns the methods for which the path of the request has a route.
func (s *Server) methodsOf(r *http.Request) []string {
	var allowed []string
	probe := r.Clone(r.Context())
	for _, method := range []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"} {
		probe.Method = method
		if _, pattern := s.mux.Handler(probe); pattern != "/" && !slices.Contains(allowed, method) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
