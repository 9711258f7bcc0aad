package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"agora/accounts"
	"agora/httpapi"
	"agora/shop"
)

const dearProduct = "prd_01jd8q6m3k9v2n4x7y5z8w1t0e"

// wrong is a value that a schema does not allow.
type wrong struct {
	how   string
	value any
}

// wrongs returns values that break the schema of one field, one for each rule.
func (s schema) wrongs() []wrong {
	var all []wrong
	add := func(broken bool, how string, value any) {
		if broken {
			all = append(all, wrong{how, value})
		}
	}
	kind := s.kind()
	number := kind == "integer"
	add(number, "a text", "many")
	add(number, "a fraction", json.Number("1.5"))
	add(number, "an overflow", json.Number("99999999999999999999"))
	if s.Minimum != nil {
		add(true, "below its minimum", json.Number(fmt.Sprintf("%.0f", *s.Minimum-1)))
	}
	if s.Maximum != nil {
		add(true, "over its maximum", json.Number(fmt.Sprintf("%.0f", *s.Maximum+1)))
	}
	add(kind == "boolean", "a text", "perhaps")
	add(s.MinLength > 0, "too short", strings.Repeat("x", max(0, s.MinLength-1)))
	add(s.MaxLength > 0, "too long", strings.Repeat("x", s.MaxLength+1))
	add(s.Pattern != "", "another form", "no-such-form")
	add(len(s.Enum) > 0, "none of its values", "nonsense")
	return all
}

// wrongsInBody also returns values that only a body can have. It leaves out null, which means that the field is missing.
func (s schema) wrongsInBody() []wrong {
	all := s.wrongs()
	switch s.kind() {
	case "string":
		all = append(all, wrong{"a number", 7})
	case "array":
		all = append(all, wrong{"a text", "all"})
		if s.MaxItems > 0 {
			all = append(all, wrong{"too many", make([]any, s.MaxItems+1)})
		}
		if s.MinItems > 0 {
			all = append(all, wrong{"too few", []any{}})
		}
	case "object":
		all = append(all, wrong{"a list", []any{}})
	}
	return all
}

// TestBadParameters sends to every route values of its parameters that break their schemas, an unknown parameter, and cursors
// that the server did not make.
func TestBadParameters(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		m := stocked(t, accounts.Admin)
		before := m.state(t)
		for _, p := range op.Parameters {
			for _, w := range p.Schema.wrongs() {
				if fmt.Sprint(w.value) == "" {
					continue // an empty parameter is a missing one
				}
				r := doc.request(m.url, rt.Method, rt.Path, op)
				r.set(p.In, p.Name, fmt.Sprint(w.value), fmt.Sprint(doc.example(p.Schema)))
				expect(t, r, m.admin, p.Name, p.Name+" is "+w.how)
			}
			if p.Name != "cursor" {
				continue
			}
			for _, cursor := range []string{"!", "AAAA", "AAAAAHt9", strings.Repeat("A", 500)} {
				r := doc.request(m.url, rt.Method, rt.Path, op)
				r.set("query", "cursor", cursor, "")
				expect(t, r, m.admin, "cursor", "the cursor is "+cursor)
			}
		}
		if _, decoded := op.Responses["422"]; decoded && !slices.Contains(ready, rt.Pattern()) {
			r := doc.request(m.url, rt.Method, rt.Path, op)
			r.set("query", "no_such_parameter", "1", "")
			expect(t, r, m.admin, "no_such_parameter", "an unknown parameter is given")
			r.set("query", "no_such_parameter", "2", "")
			expect(t, r, m.admin, "no_such_parameter", "a parameter is given twice")
			r.url += "&%zz"
			expect(t, r, m.admin, "", "the query is not well formed")
		}
		if m.state(t) != before {
			t.Error("a request that was refused changed something")
		}
	})
}

// TestParametersAreText sends control characters and invalid UTF-8 in every parameter of every route.
func TestParametersAreText(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		m := stocked(t, accounts.Admin)
		for _, p := range op.Parameters {
			for _, text := range []string{"a\tb", "a\x7fb", "a\xffb", "a\xc2\x85b"} {
				r := doc.request(m.url, rt.Method, rt.Path, op)
				name := p.Name
				if p.Schema.kind() == "object" {
					name += "[color]"
				}
				if p.In == "header" && text == "a\x7fb" {
					continue // net/http refuses it
				}
				r.set(p.In, name, text, fmt.Sprint(doc.example(p.Schema)))
				expect(t, r, m.admin, name, fmt.Sprintf("%s is %q", p.Name, text))
			}
		}
	})
}

// ready are the routes that ignore unknown parameters, because their answers are encoded already.
var ready = []string{"GET /v1/products/{id}"}

// set replaces the example value of a parameter.
func (r *request) set(in, name, value, example string) {
	switch in {
	case "path":
		r.url = strings.Replace(r.url, url.PathEscape(example), url.PathEscape(value), 1)
	case "header":
		r.headers = append(r.headers, name, value)
	case "query":
		joint := "?"
		if strings.Contains(r.url, "?") {
			joint = "&"
		}
		r.url += joint + url.QueryEscape(name) + "=" + url.QueryEscape(value)
	}
}

// expect checks that a request is refused with 422, and that field is the first wrong field.
func expect(t *testing.T, r request, token, field, what string) {
	t.Helper()
	got := r.send(t, as(token)...)
	p := got.problem(t)
	if named := fields(p); got.status != 422 || !strings.HasPrefix(named, field) {
		t.Errorf("%s: %d naming %q, want 422 naming %q: %s", what, got.status, named, field, p.Detail)
	}
}

// TestBadBodies sends to every route with a body what no route accepts, and then its example with one field missing, unknown or
// wrong.
func TestBadBodies(t *testing.T) {
	walk(t, func(t *testing.T, rt httpapi.Route, op operation, doc openAPI) {
		if op.RequestBody == nil {
			return
		}
		m := stocked(t, accounts.Admin)
		before := m.state(t)
		r := doc.request(m.url, rt.Method, rt.Path, op)
		good, err := json.Marshal(r.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, media, body string
			status            int
		}{
			{"not JSON", "application/json", "<xml/>", 400},
			{"truncated", "application/json", string(good[:len(good)-1]), 400},
			{"more after it", "application/json", string(good) + "{}", 400},
			{"given twice", "application/json", `{"a":1,"a":1}`, 400},
			{"not UTF-8", "application/json", "{\"a\":\"\xff\"}", 400},
			{"too deep", "application/json", strings.Repeat("[", min(20_000, int(rt.MaxBody))), 400},
			{"other media type", "text/plain", string(good), 415},
			{"form", "application/x-www-form-urlencoded", "a=1", 415},
			{"too large", "application/json", `"` + strings.Repeat("x", int(rt.MaxBody)) + `"`, 413},
			{"list for object", "application/json", "[" + string(good) + "]", 422},
			{"null for object", "application/json", "null", 422},
		} {
			got := call(t, r.method, r.url, tt.body, append(append(as(m.admin), r.headers...), "Content-Type", tt.media)...)
			if p := got.problem(t); got.status != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, got.status, p.Code, tt.status)
			}
		}
		for where, broken := range doc.broken(op.RequestBody.Content["application/json"].Schema, r.body, "") {
			r.body = broken
			expect(t, r, m.admin, where.field, where.field+" is "+where.how)
		}
		if m.state(t) != before {
			t.Error("a request that was refused changed something")
		}
	})
}

// place is a field of a body and how it is wrong.
type place struct{ field, how string }

// broken returns the variants of a valid value that are wrong in one field below path.
func (d openAPI) broken(s schema, good any, path string) map[place]any {
	s = d.resolve(s)
	all := map[place]any{}
	switch value := good.(type) {
	case map[string]any:
		if len(s.Properties) == 0 {
			return all // any name is valid
		}
		all[place{join(path, "no_such_field"), "unknown"}] = with(value, "no_such_field", 1)
		for name, property := range s.Properties {
			field := join(path, name)
			if slices.Contains(s.Required, name) {
				less := maps.Clone(value)
				delete(less, name)
				all[place{field, "missing"}] = less
				all[place{field, "null"}] = with(value, name, nil)
			}
			for _, w := range d.resolve(property).wrongsInBody() {
				all[place{field, w.how}] = with(value, name, w.value)
			}
			inner, there := value[name]
			if !there {
				continue
			}
			for where, b := range d.broken(property, inner, field) {
				all[where] = with(value, name, b)
			}
		}
	case []any:
		for where, b := range d.broken(*s.Items, value[0], path+"[0]") {
			all[where] = []any{b}
		}
	}
	return all
}

func (d openAPI) resolve(s schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.resolve(d.Components.Schemas[name])
	}
	return s
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func with(object map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(object)
	changed[name] = value
	return changed
}

// TestRulesOfTheServicesReachTheCaller breaks rules that the schemas do not have.
func TestRulesOfTheServicesReachTheCaller(t *testing.T) {
	const product = `{"sku":"S-2","name":"n","price":{"amount":1,"currency":"USD"}`
	tests := []struct{ name, method, path, body, field string }{
		{"e-mail", "POST", "/v1/users", `{"email":"reader","password":"correct horse","name":"n","country":"GB"}`, "email"},
		{"country", "POST", "/v1/users", `{"email":"a@example.org","password":"correct horse","name":"n","country":"ZZ"}`, "country"},
		{"admin by registration", "POST", "/v1/users", `{"email":"a@example.org","password":"correct horse","name":"n","country":"GB","role":"admin"}`, "role"},
		{"born tomorrow", "POST", "/v1/users", `{"email":"a@example.org","password":"correct horse","name":"n","country":"GB","birth_date":"2999-01-01"}`, "birth_date"},
		{"negative price", "POST", "/v1/products", `{"sku":"S-2","name":"n","price":{"amount":-1,"currency":"USD"}}`, "price.amount"},
		{"no such currency", "POST", "/v1/products", `{"sku":"S-2","name":"n","price":{"amount":1,"currency":"XQZ"}}`, "price.currency"},
		{"SKU with a space", "POST", "/v1/products", `{"sku":"S 2","name":"n","price":{"amount":1,"currency":"USD"}}`, "sku"},
		{"category", "POST", "/v1/products", product + `,"categories":["Home Decor"]}`, "categories[0]"},
		{"attribute", "POST", "/v1/products", product + `,"attributes":{"color":"` + strings.Repeat("r", 257) + `"}}`, "attributes.color"},
		{"attribute of another type", "POST", "/v1/products", product + `,"attributes":{"color":7}}`, "attributes.color"},
		{"image", "POST", "/v1/products", product + `,"images":["javascript:alert(1)"]}`, "images[0]"},
		{"another SKU", "PUT", "/v1/products/" + exampleProduct, product + `}`, "sku"},
		{"unknown product", "POST", "/v1/orders", `{"lines":[{"product_id":"prd_01jd8q6m3k9v2n4x7y5z8w1t0d","quantity":1}]}`, "lines[0].product_id"},
		{"no product", "POST", "/v1/orders", `{"lines":[{"product_id":"lamp","quantity":1}]}`, "lines[0].product_id"},
		{"price too high", "POST", "/v1/orders", `{"lines":[{"product_id":"` + dearProduct + `","quantity":1000000}]}`, "lines[0].quantity"},
		{"two currencies", "POST", "/v1/orders", `{"lines":[{"product_id":"` + exampleProduct + `","quantity":1},{"product_id":"` + dearProduct + `","quantity":1}]}`, "lines[1].product_id"},
		{"a change where a count belongs", "PUT", "/v1/stock/" + exampleSKU, `{"on_hand":1,"change":1}`, "change"},
		{"neither", "PUT", "/v1/stock/" + exampleSKU, `{}`, "on_hand"},
		{"change of nothing", "POST", "/v1/stock/" + exampleSKU, `{"change":0}`, "change"},
		{"line that is not there", "POST", "/v1/orders/" + exampleOrder + "/cancel", `{"lines":[{"line":1,"quantity":1}]}`, "lines[0].line"},
		{"more than is left", "POST", "/v1/orders/" + exampleOrder + "/cancel", `{"lines":[{"line":0,"quantity":3}]}`, "lines[0].quantity"},
		{"range without currency", "GET", "/v1/search/products?price_min=5", "", "currency"},
		{"empty range", "GET", "/v1/search/products?price_min=5&price_max=4&currency=USD", "", "price_max"},
		{"category", "GET", "/v1/products?category=Home+Decor", "", "category"},
		{"nothing to search for", "GET", "/v1/search/products?q=%3F%3F", "", "q"},
		{"more than the user may", "POST", "/v1/tokens", `{"user_id":"%s","role":"admin"}`, "role"},
	}
	m := stocked(t, accounts.Seller)
	m.offer(t, dearProduct, "GEM-01", shop.Money{Amount: 1 << 45, Currency: "EUR"})
	before := m.state(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := strings.ReplaceAll(tt.body, "%s", m.ownerID)
			got := m.send(t, m.admin, tt.method, tt.path, body, "If-Match", `"1.0"`)
			if p := got.problem(t); got.status != 422 || fields(p) != tt.field {
				t.Errorf("got %d naming %q, want 422 naming %q: %s", got.status, fields(p), tt.field, p.Detail)
			}
		})
	}
	if m.state(t) != before {
		t.Error("a request that was refused changed something")
	}
}
