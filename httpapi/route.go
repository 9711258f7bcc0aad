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

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Failure documents a failure of a route, in addition to those that every route has.
type Failure struct {
	Kind   fault.Kind
	Status int    // HTTP status; 0 for that of the kind
	Code   string // stable code; empty for the name of the kind
	When   string // one sentence for the documentation
}

// Route declares one operation: its place, who may call it, its limits and its documentation.
type Route struct {
	Method, Path string // the path is a pattern of net/http: /v1/products/{id}
	Tag          string // group in the documentation; empty for a route that is not documented
	Summary      string // a few words for the documentation
	Description  string // what a caller has to know in addition to the schemas; may be empty
	Access       Access
	Owned        bool   // the object of the request has an owner, and the service refuses everybody else
	Status       int    // status of success; 0 for 200, or for 204 if the answer has no body
	Accepted     string // when the status of success is 202 instead, with the same body; empty for never
	Fails        []Failure
	Takes        []string      // media types of a raw body, see RegisterRaw; none for JSON
	MaxBody      int64         // most bytes of a body; 0 for Options.MaxBody, which JSON bodies never exceed
	Timeout      time.Duration // of the whole request; 0 for Options.Timeout
	Keys         Authenticator // knows keys whose owners may call too, sent as the user of Basic authentication; nil for none
	Stream       bool          // the answer is a stream of events; set by RegisterStream
	CORS         *CORS         // scripts of other sites that may call; nil for none

	unplaced bool             // requests take no place in flight, and are answered also when the server is full
	pattern  string           // result of Pattern
	serve    http.HandlerFunc // handler without the chain
}

// Pattern returns the pattern of the route for http.ServeMux, such as "GET /v1/products/{id}".
func (rt Route) Pattern() string { return rt.Method + " " + rt.Path }

// Register adds an operation. I has the path, query and header parameters and the Body, O has the headers and the Body of
// the answer. Struct tags describe both (https://huma.rocks/features/).
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
		op.SkipValidateBody = true // readBody does it
		op.MaxBodyBytes = -1       // readBody does it
		op.BodyReadTimeout = -1    // huma would set a deadline of 5 s
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

// Mount adds a handler that is not an operation of the API, such as a page, or a group of files below a path that ends
// with a slash. Its requests pass through the same chain.
func (s *Server) Mount(rt Route, h http.Handler) {
	s.add(rt, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Referrer-Policy"] = noReferrer
		h.ServeHTTP(w, r)
	})
}

// add adds a route to the mux, with admission before its handler.
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

// maxBody returns the most bytes that a body of the route may have.
func (s *Server) maxBody(rt Route) int64 {
	switch {
	case rt.MaxBody == 0:
		return s.options.MaxBody
	case len(rt.Takes) > 0:
		return rt.MaxBody
	}
	return min(rt.MaxBody, s.options.MaxBody)
}

// The keys of the metadata of a huma operation that the adapter reads.
const (
	metaRoute = "route" // a Route
	metaServe = "serve" // an http.HandlerFunc to use instead of huma's handler, see RegisterDocument
)

// adapter lets huma register its operations with the server.
type adapter struct{ *Server }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	rt, _ := op.Metadata[metaRoute].(Route) // the zero Route has no access, and add panics
	schemas := a.api.OpenAPI().Components.Schemas
	withoutNull(schemas.Map())
	if op.RequestBody != nil && op.RequestBody.Content[mediaJSON] != nil {
		checkable(schemas, op.RequestBody.Content[mediaJSON].Schema, rt.Pattern(), map[*huma.Schema]bool{})
	}
	if len(rt.Takes) > 0 {
		op.RequestBody = documentRawBody(rt) // after huma has read the operation: else it would decode the body
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

// operationID returns the id of an operation, such as get-v1-products-id for GET /v1/products/{id}.
func operationID(rt Route) string {
	words := strings.FieldsFunc(rt.Path, func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(rt.Method) + "-" + strings.Join(words, "-")
}
