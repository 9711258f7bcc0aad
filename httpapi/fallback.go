package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// noRoute answers a request without a route: with 405 if the path has other methods, else with 404.
func (s *Server) noRoute(_ http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	if allowed := s.methodsOf(r); len(allowed) > 0 {
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
