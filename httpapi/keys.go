package httpapi

import (
	"net/http"
	"strings"

	"agora/accounts"
	"agora/fault"
)

// identify returns who makes a request with an Authorization header, and the bearer token, if it has one. Every route accepts
// bearer tokens. A route with Keys also accepts a key as the user of Basic authentication (curl -u key:). Other routes refuse
// Basic authentication, even if they are public, so that a caller with the wrong credential notices.
func (s *Server) identify(x *exchange, r *http.Request) (by accounts.Principal, token string, err error) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") || len(r.Header["Authorization"]) > 1 {
		token, _ = bearer(r)
		by, err = s.authenticate(x, token)
		return by, token, err
	}
	if x.route.Keys == nil {
		return by, "", fault.New(fault.Unauthenticated, "", "this route takes a token and no key: send it as Authorization: Bearer")
	}
	key, password, _ := r.BasicAuth()
	if key == "" || password != "" {
		return by, "", fault.New(fault.Unauthenticated, "", "the Authorization header has to hold a key as the user, and no password")
	}
	by, err = x.route.Keys.Authenticate(x, key)
	x.keyed = err == nil
	return by, "", err
}

// challenge returns WWW-Authenticate for the route of a request.
func challenge(x *exchange) string {
	const usual = `Bearer realm="agora"`
	if x.route != nil && x.route.Keys != nil {
		return usual + `, Basic realm="agora"`
	}
	return usual
}
