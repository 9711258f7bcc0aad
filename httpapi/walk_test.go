package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"agora/accounts"
	"agora/httpapi"
)

// schema has the keywords of a JSON schema that are needed to make an example.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a string, or a list with "null" in it
	Examples   []any             `json:"examples"`
	Enum       []any             `json:"enum"`
	Default    any               `json:"default"`
	Minimum    *float64          `json:"minimum"`
	Maximum    *float64          `json:"maximum"`
	MinLength  int               `json:"minLength"`
	MaxLength  int               `json:"maxLength"`
	MinItems   int               `json:"minItems"`
	MaxItems   int               `json:"maxItems"`
	Pattern    string            `json:"pattern"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
}

type operation struct {
	Roles      []string `json:"x-roles"`
	Parameters []struct {
		Name, In string
		Required bool
		Schema   schema
	}
	RequestBody *struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Codes map[string]string `json:"x-codes"`
	}
}

// openAPI is the document at /openapi.json. The tests of all routes read it, so that they include new routes.
type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

func documentOf(t *testing.T, base string) openAPI {
	t.Helper()
	var doc openAPI
	got := call(t, "GET", base+"/openapi.json", "")
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
		t.Fatalf("/openapi.json: %v", err)
	}
	return doc
}

// example returns a valid value, from the examples of the schema if it has some.
func (d openAPI) example(s schema) any {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.example(d.Components.Schemas[name])
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	}
	switch s.kind() {
	case "object":
		object := map[string]any{}
		for name, property := range s.Properties {
			if slices.Contains(s.Required, name) || len(property.Examples) > 0 {
				object[name] = d.example(property)
			}
		}
		return object
	case "array":
		if s.Items == nil {
			return []any{}
		}
		return []any{d.example(*s.Items)}
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return true
	}
	return strings.Repeat("x", max(1, s.MinLength))
}

func (s schema) kind() string {
	if list, ok := s.Type.([]any); ok {
		s.Type = list[0]
	}
	kind, _ := s.Type.(string)
	return kind
}

// request is a request of one route, made from its examples.
type request struct {
	method, url string
	body        any // nil for none
	headers     []string
}

func (d openAPI) request(base, method, path string, op operation) request {
	r := request{method: method, url: path}
	query := url.Values{}
	for _, p := range op.Parameters {
		value := fmt.Sprint(d.example(p.Schema))
		switch {
		case p.In == "path":
			r.url = strings.ReplaceAll(r.url, "{"+p.Name+"}", url.PathEscape(value))
		case p.In == "query" && p.Required:
			query.Set(p.Name, value)
		case p.In == "header" && (p.Required || p.Name == "If-Match"):
			r.headers = append(r.headers, p.Name, value)
		}
	}
	r.url = base + r.url
	if len(query) > 0 {
		r.url += "?" + query.Encode()
	}
	if op.RequestBody != nil {
		r.body = d.example(op.RequestBody.Content["application/json"].Schema)
	}
	return r
}

func (r request) send(t *testing.T, headers ...string) answer {
	t.Helper()
	body := ""
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(encoded)
	}
	return call(t, r.method, r.url, body, append(slices.Clone(r.headers), headers...)...)
}

// walk calls visit for every route of the market. op is the operation in the OpenAPI document; it is zero for a route that is not
// documented.
func walk(t *testing.T, visit func(t *testing.T, rt httpapi.Route, op operation, doc openAPI)) {
	m := newMarket(t, accounts.Shopper)
	doc := documentOf(t, m.url)
	for _, rt := range m.server.Routes() {
		t.Run(rt.Pattern(), func(t *testing.T) {
			t.Parallel()
			op, documented := doc.Paths[rt.Path][strings.ToLower(rt.Method)]
			if documented != (rt.Tag != "") {
				t.Fatalf("documented = %v, though its tag is %q", documented, rt.Tag)
			}
			visit(t, rt, op, doc)
		})
	}
}

// TestExamplesWork checks that every example of the documentation is accepted.
func TestExamplesWork(t *testing.T) {
	first := []string{"POST /v1/users", "POST /v1/products"} // create the objects of the other examples
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		m := newMarket(t, accounts.Admin)
		if !slices.Contains(first, rt.Pattern()) {
			m = stocked(t, accounts.Admin)
		}
		got := doc.request(m.url, rt.Method, rt.Path, op).send(t, as(m.owner)...)
		if got.status >= 400 {
			t.Errorf("the documented example gave %d: %s", got.status, got.body)
		}
		if _, documented := op.Responses[strconv.Itoa(got.status)]; op.Responses != nil && !documented {
			t.Errorf("%d is not documented", got.status)
		}
	})
}

func TestOpenAPIDocument(t *testing.T) {
	_, web := newServer(t, httpapi.Options{Version: "1.2.3"}, nil)
	doc := documentOf(t, web.URL)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi = %q, want 3.1.0", doc.OpenAPI)
	}
	create := doc.Paths["/v1/widgets"]["post"]
	if create.Responses["409"].Codes["widget_exists"] == "" {
		t.Error("the code that the route declares is not documented under 409")
	}
	for _, status := range []string{"201", "400", "401", "403", "413", "415", "422", "429", "500", "503"} {
		if _, ok := create.Responses[status]; !ok {
			t.Errorf("POST /v1/widgets does not document %s", status)
		}
	}
	if _, ok := doc.Components.Schemas["ErrorModel"]; ok {
		t.Error("the schema of an error that is never sent is documented")
	}
	if got := call(t, http.MethodHead, web.URL+"/openapi.json", ""); got.status != 200 {
		t.Errorf("HEAD /openapi.json gave %d", got.status)
	}
}
