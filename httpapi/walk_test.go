package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"agora/httpapi"
)

// schema is the part of a JSON schema that an example can be made from.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a string, or a list with "null" in it
	Examples   []any             `json:"examples"`
	Enum       []any             `json:"enum"`
	Default    any               `json:"default"`
	Minimum    *float64          `json:"minimum"`
	MinLength  int               `json:"minLength"`
	MinItems   int               `json:"minItems"`
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

// openAPI is what /openapi.json says. The walks below read it, so that a route that is added later is
// walked without anybody thinking of it.
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

// example makes a value that the schema allows, from its examples where there are some.
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

// request is one route with everything filled in from its examples.
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
		case p.In == "header" && p.Required:
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

// walk calls visit for every route of the server: the documented ones with a request made from their
// examples, the others with their bare path.
func walk(t *testing.T, visit func(t *testing.T, rt httpapi.Route, r request, op operation)) {
	s, web := newServer(t, httpapi.Options{}, nil)
	doc := documentOf(t, web.URL)
	for _, rt := range s.Routes() {
		t.Run(rt.Pattern(), func(t *testing.T) {
			op, documented := doc.Paths[rt.Path][strings.ToLower(rt.Method)]
			if documented != (rt.Tag != "") {
				t.Fatalf("documented = %v, though its tag is %q", documented, rt.Tag)
			}
			visit(t, rt, doc.request(web.URL, rt.Method, rt.Path, op), op)
		})
	}
}

// TestExamplesWork holds the documentation to its word: what it shows as an example is accepted.
func TestExamplesWork(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, r request, _ operation) {
		if rt.Path == "/v1/panics" {
			return
		}
		if got := r.send(t, as("admin")...); got.status >= 400 {
			t.Errorf("the documented example gave %d: %s", got.status, got.body)
		}
	})
}

// TestBadBodies sends every route with a body everything that no route takes.
func TestBadBodies(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, r request, _ operation) {
		if r.body == nil {
			return
		}
		good, err := json.Marshal(r.body)
		if err != nil {
			t.Fatal(err)
		}
		limit := rt.MaxBody
		for _, tt := range []struct {
			name, media, body string
			status            int
		}{
			{"not JSON", "application/json", "<xml/>", 400},
			{"truncated", "application/json", string(good[:len(good)-1]), 400},
			{"more behind it", "application/json", string(good) + "{}", 400},
			{"empty", "application/json", "", 400},
			{"other media type", "text/plain", string(good), 415},
			{"too large", "application/json", `"` + strings.Repeat("x", int(limit)) + `"`, 413},
			{"list for object", "application/json", "[" + string(good) + "]", 422},
		} {
			got := call(t, r.method, r.url, tt.body, append(as("admin"), "Content-Type", tt.media)...)
			if p := got.problem(t); got.status != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, got.status, p.Code, tt.status)
			}
		}
		object, ok := r.body.(map[string]any)
		if !ok {
			return
		}
		for name, value := range object {
			wrong := any([]any{map[string]any{}})
			if _, isList := value.([]any); isList {
				wrong = "a text"
			}
			expectField(t, r, object, name, wrong)
		}
		expectField(t, r, object, "no_such_field", 1)
	})
}

// expectField replaces one field of a good body, and wants that field named in a 422.
func expectField(t *testing.T, r request, good map[string]any, name string, value any) {
	t.Helper()
	bad := map[string]any{}
	for k, v := range good {
		bad[k] = v
	}
	bad[name] = value
	r.body = bad
	got := r.send(t, as("admin")...)
	if p := got.problem(t); got.status != 422 || !strings.HasPrefix(fields(p), name) {
		t.Errorf("%s = %v gave %d naming %q, want 422 naming it", name, value, got.status, fields(p))
	}
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
