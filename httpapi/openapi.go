package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
)

//go:generate go test -tags sqlite_fts5 -count=1 -run ^TestOpenAPIFile$ . -update

// config returns the configuration of huma, without the routes that huma adds by default.
func (s *Server) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "agora", Version: cmp.Or(s.options.Version, "dev"),
				Description: "The data backend of a marketplace.",
			},
			Extensions: map[string]any{"x-codes": routeless},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", s.schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "The token that POST /v1/sessions gives."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}, // the suffix +json is that of problem+json
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{s.asProblem},
	}
}

// routeless has the codes of failures without a route, by status, in the form of x-codes.
var routeless = map[string]map[string]string{
	"404": {codes[http.StatusNotFound]: "There is nothing at this path."},
	"405": {codes[http.StatusMethodNotAllowed]: "The path has other methods, which Allow lists."},
	"408": {codes[http.StatusRequestTimeout]: "The body did not arrive in time."},
}

// declare returns the huma operation of a route, with the failures that follow from its declaration.
func (s *Server) declare(rt Route) *huma.Operation {
	op := &huma.Operation{
		OperationID: operationID(rt), Method: rt.Method, Path: rt.Path,
		Summary: rt.Summary, Description: rt.Description, DefaultStatus: rt.Status, Hidden: rt.Tag == "",
		Metadata:   map[string]any{metaRoute: rt},
		Extensions: map[string]any{"x-roles": rt.Access.Names()},
		Responses:  map[string]*huma.Response{},
	}
	if rt.Tag != "" {
		op.Tags = []string{rt.Tag}
	}
	if rt.Owned {
		op.Extensions["x-owned"] = true
	}
	if rt.Keys != nil {
		s.api.OpenAPI().Components.SecuritySchemes["key"] = &huma.SecurityScheme{
			Type: "http", Scheme: "basic", Description: "A key as the user, and no password.",
		}
		op.Security = append(op.Security, map[string][]string{"key": {}})
	}
	switch {
	case rt.Access != Public:
		op.Security = append(op.Security, map[string][]string{"bearer": {}})
		s.documentFailure(op, Failure{Kind: fault.Unauthenticated, When: "No token, or one that is not valid or has ended."})
	case rt.Keys != nil:
		op.Security = append(op.Security, map[string][]string{}) // no credential is required
	}
	if rt.Access != Public && rt.Access != AnyToken || rt.Owned {
		s.documentFailure(op, Failure{Kind: fault.Denied, When: "The role of the token may not call this route."})
	}
	if strings.Contains(rt.Path, "{") {
		s.documentFailure(op, Failure{Kind: fault.NotFound, When: "There is no such object."})
	}
	for _, f := range rt.Fails {
		s.documentFailure(op, f)
	}
	if rt.Stream {
		s.documentFailure(op, Failure{Kind: fault.Unavailable, Code: errStopping.Code, When: "The server is about to stop. Reconnect to another one."})
	}
	s.documentFailure(op, Failure{Kind: fault.Exhausted, Code: "rate_limited", When: "Too many requests. Retry after Retry-After."})
	if !rt.unplaced {
		s.documentFailure(op, Failure{Kind: fault.Unavailable, Code: "overloaded", When: "The server is full. Retry after Retry-After."})
	}
	s.documentFailure(op, Failure{Kind: fault.Internal, When: "A failure of the server. The log has its cause under the request id."})
	return op
}

// documentParameterFailures adds the failures of wrong parameters and wrong values in a body.
func (s *Server) documentParameterFailures(op *huma.Operation) {
	s.documentStatus(op, http.StatusUnprocessableEntity, fault.Invalid.String(), "A field is missing, unknown or wrong; errors lists the fields.")
}

// documentBodyFailures adds the failures of a body.
func (s *Server) documentBodyFailures(op *huma.Operation, rt Route) {
	malformed, media := "The body is not one valid JSON value.", mediaJSON
	if len(rt.Takes) > 0 {
		malformed, media = "The body is not whole, or not in its Content-Encoding.", strings.Join(rt.Takes, " or ")
	}
	for status, when := range map[int]string{
		http.StatusBadRequest:            malformed,
		http.StatusRequestEntityTooLarge: "The body is larger than " + sizeLimit(s.maxBody(rt)) + ".",
		http.StatusUnsupportedMediaType:  "The Content-Type is not " + media + ".",
	} {
		s.documentStatus(op, status, codes[status], when)
	}
}

// sizeLimit returns the limit of a body as words.
func sizeLimit(bytes int64) string { return fmt.Sprintf("the limit of %d bytes", bytes) }

func (s *Server) documentFailure(op *huma.Operation, f Failure) {
	s.documentStatus(op, cmp.Or(f.Status, statuses[f.Kind]), cmp.Or(f.Code, f.Kind.String()), f.When)
}

// documentStatus adds a code to the answer of a status. Several codes can have one status.
func (s *Server) documentStatus(op *huma.Operation, status int, code, when string) {
	key := strconv.Itoa(status)
	answer := op.Responses[key]
	if answer == nil {
		problem := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
		answer = &huma.Response{
			Content:    map[string]*huma.MediaType{problemJSON: {Schema: problem}},
			Extensions: map[string]any{"x-codes": map[string]string{}},
		}
		op.Responses[key] = answer
	}
	byCode, _ := answer.Extensions["x-codes"].(map[string]string)
	byCode[code] = when
	var lines []string
	for code, when := range byCode {
		lines = append(lines, code+": "+when)
	}
	slices.Sort(lines)
	answer.Description = strings.Join(lines, "\n")
}

// document returns a function that makes the OpenAPI document at its first call, after all routes are registered.
func (s *Server) document() func() []byte {
	return sync.OnceValue(func() []byte {
		doc := s.api.OpenAPI()
		for _, name := range []string{"ErrorModel", "ErrorDetail"} {
			delete(doc.Components.Schemas.Map(), name) // the error of huma, which is never sent
		}
		body, err := json.Marshal(doc)
		if err != nil {
			panic("httpapi: the OpenAPI document cannot be written: " + err.Error())
		}
		return body
	})
}

// withoutNull declares that lists are never null. huma declares every slice as nullable.
func withoutNull(schemas map[string]*huma.Schema) {
	for _, s := range schemas {
		if s.Type == huma.TypeArray {
			s.Nullable = false
		}
		withoutNull(s.Properties)
	}
}
