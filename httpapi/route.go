package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"agora/accounts"
	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Access is the set of those who may call a route. The zero Access is nobody: a route that declares none
// panics when it is registered.
type Access uint8

const (
	anonymous Access = 1 << iota
	shopper
	seller
	admin
	metrics

	SignedIn = shopper | seller | admin // everybody who has a token that is not only for figures
	AnyToken = SignedIn | metrics       // everybody who has a token
	Public   = anonymous | AnyToken     // everybody
)

// Roles returns the access of exactly these roles. It panics on a role that does not exist.
func Roles(roles ...accounts.Role) Access {
	var a Access
	for _, r := range roles {
		one := accessOf(r)
		if one == 0 {
			panic("httpapi: there is no role " + string(r))
		}
		a |= one
	}
	return a
}

func accessOf(r accounts.Role) Access {
	switch r {
	case accounts.Shopper:
		return shopper
	case accounts.Seller:
		return seller
	case accounts.Admin:
		return admin
	case accounts.Metrics:
		return metrics
	}
	return 0
}

// Allows reports whether the principal is one of those who may call. Whether an object is the
// principal's own is not asked here: the service knows.
func (a Access) Allows(p accounts.Principal) bool {
	if !p.Known() {
		return a&anonymous != 0
	}
	return a&accessOf(p.Role) != 0
}

// Names lists those who may call, "anonymous" first, as the OpenAPI document's x-roles has them.
func (a Access) Names() []string {
	var names []string
	if a&anonymous != 0 {
		names = append(names, "anonymous")
	}
	for _, r := range accounts.Roles {
		if a&accessOf(r) != 0 {
			names = append(names, string(r))
		}
	}
	return names
}

// Failure is an answer that a route gives beside those that every route can give.
type Failure struct {
	Kind   fault.Kind
	Status int    // instead of the kind's, for what only HTTP knows of
	Code   string // the stable code; empty for the kind's name
	When   string // one sentence for the documentation
}

// Route declares one operation: where it is, who may call it, and what a reader should know.
type Route struct {
	Method, Path string // the path as net/http's patterns have it: /v1/products/{id}
	Tag          string // the group in the documentation; a route without one is left out of it
	Summary      string // a few words
	Description  string // what a caller has to know beside the shapes; may be empty
	Access       Access
	Owned        bool   // it touches an object that belongs to somebody, and the service refuses everybody else
	Status       int    // of success; 0 for 200, or 204 where there is no body
	Accepted     string // when it answers 202 with the same body instead; empty for never
	Fails        []Failure
	Takes        []string      // media types of a body that the handler reads, see RegisterRaw; none for JSON
	MaxBody      int64         // bytes; 0 for the server's limit, which a JSON body cannot exceed
	Timeout      time.Duration // 0 for the server's
	Keys         Authenticator // knows the keys that may call beside those of Access, sent as the user of Basic authentication; nil for none
	Stream       bool          // it answers with a stream of events; RegisterStream sets it
	CORS         *CORS         // which other sites' scripts may call it; nil for none

	unplaced bool             // it takes no place in flight, so that it answers also when the server is full
	pattern  string           // Pattern(), made once
	serve    http.HandlerFunc // without what surrounds it
}

// Pattern returns the route as net/http's mux has it, such as "GET /v1/products/{id}".
func (rt Route) Pattern() string { return rt.Method + " " + rt.Path }

// Register adds an operation. I holds path, query and header parameters and the Body, O the headers and
// the Body of the answer, both as struct tags describe them (https://huma.rocks/features/).
func Register[I, O any](s *Server, rt Route, handle func(ctx context.Context, in *I) (*O, error)) {
	op := s.declare(rt)
	input := reflect.TypeFor[I]()
	s.registering = roomPrefix(input.PkgPath())
	if input.NumField() > 0 {
		s.documentParameterFailures(op)
	}
	if body, has := input.FieldByName("Body"); has {
		s.documentBodyFailures(op, rt)
		op.Middlewares = huma.Middlewares{s.readBody(body.Type.Kind() == reflect.Pointer)}
		op.SkipValidateBody = true // readBody has seen to it
		op.MaxBodyBytes = -1       // readBody has seen to it
		op.BodyReadTimeout = -1    // lifts the deadline that readBody set, which else would end the handler's context
	}
	huma.Register(s.api, *op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(exchangeOf(ctx), err)
		}
		return out, nil
	})
	if rt.Accepted != "" {
		ok := op.Responses[strconv.Itoa(rt.Status)]
		op.Responses["202"] = &huma.Response{Description: rt.Accepted, Content: ok.Content, Headers: ok.Headers}
	}
}

// Mount adds a handler that is not an operation of the API: a page, or a group of files below a path that
// ends with a slash. It passes through the same chain as every route.
func (s *Server) Mount(rt Route, h http.Handler) {
	s.add(rt, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Referrer-Policy"] = noReferrer
		h.ServeHTTP(w, r)
	})
}

// add puts a handler behind admission and into the mux.
func (s *Server) add(rt Route, serve http.HandlerFunc) {
	if rt.Access == 0 {
		panic(fmt.Sprintf("httpapi: %s does not declare who may call it", rt.Pattern()))
	}
	rt.Timeout = cmp.Or(rt.Timeout, s.options.Timeout)
	rt.MaxBody = s.maxBody(rt)
	rt.pattern = rt.Pattern()
	rt.serve = serve
	s.routes = append(s.routes, rt)
	if !rt.Stream {
		serve = s.compressed(serve)
	}
	s.mux.Handle(rt.Pattern(), s.admitted(&rt, serve))
	if rt.CORS != nil {
		s.addPreflight(rt)
	}
}

// maxBody returns the bytes that a body of the route may have.
func (s *Server) maxBody(rt Route) int64 {
	switch {
	case rt.MaxBody == 0:
		return s.options.MaxBody
	case len(rt.Takes) > 0:
		return rt.MaxBody
	}
	return min(rt.MaxBody, s.options.MaxBody)
}

// The keys of what a huma operation carries for the adapter.
const (
	metaRoute = "route" // Route
	metaServe = "serve" // http.HandlerFunc that takes the place of huma's own, see RegisterDocument
)

// adapter lets huma register its operations with the server.
type adapter struct{ *Server }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	rt, _ := op.Metadata[metaRoute].(Route) // without one it declares no access, and add panics
	schemas := a.api.OpenAPI().Components.Schemas
	withoutNull(schemas.Map())
	if op.RequestBody != nil && op.RequestBody.Content[mediaJSON] != nil {
		checkable(schemas, op.RequestBody.Content[mediaJSON].Schema, rt.Pattern(), map[*huma.Schema]bool{})
	}
	if len(rt.Takes) > 0 {
		op.RequestBody = documentRawBody(rt) // now, because huma would decode a body that it knew of
	}
	if serve, ok := op.Metadata[metaServe].(http.HandlerFunc); ok {
		a.add(rt, serve)
		return
	}
	a.add(rt, func(w http.ResponseWriter, r *http.Request) {
		if err := checkTexts(op.Parameters, r); err != nil {
			a.fail(exchangeOf(r.Context()), err)
			return
		}
		handler(humago.NewContext(op, r, w))
	})
}

// ServeHTTP implements huma.Adapter; requests come in through Handler.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// operationID makes get-v1-products-id of GET /v1/products/{id}.
func operationID(rt Route) string {
	words := strings.FieldsFunc(rt.Path, func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(rt.Method) + "-" + strings.Join(words, "-")
}
