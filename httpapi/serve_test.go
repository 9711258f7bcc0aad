package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/httpapi"
)

// tokens accepts the name of each role as a token of that role.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (accounts.Principal, error) {
	role := accounts.Role(token)
	for _, known := range accounts.Roles {
		if role == known {
			return accounts.Principal{UserID: "usr_" + token, Role: role, SessionID: "ses_" + token}, nil
		}
	}
	if token == "store-away" {
		return accounts.Principal{}, fault.Wrap(fault.Unavailable, errors.New("no route to host"), "sessions cannot be read now")
	}
	return accounts.Principal{}, fault.New(fault.Unauthenticated, "", "the token is not valid")
}

// The widgets are a small API that uses each feature of the package.
type (
	widgetInput struct {
		Body struct {
			Name   string         `json:"name" minLength:"1" maxLength:"40" example:"Teapot"`
			Amount int64          `json:"amount" minimum:"0" maximum:"1000000000000" example:"1999"`
			Lines  []widgetLine   `json:"lines,omitempty" maxItems:"10"`
			Free   map[string]any `json:"free,omitempty"`
		}
	}
	widgetLine struct {
		Quantity int32 `json:"quantity" minimum:"1" example:"2"`
	}
	widgetPath struct {
		ID string `path:"id" minLength:"3" example:"wid_1"`
	}
	widgetQuery struct {
		Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" example:"10"`
		Cursor string `query:"cursor" maxLength:"64"`
	}
	widget struct {
		ID   string   `json:"id" example:"wid_1"`
		Name string   `json:"name" example:"Teapot"`
		Tags []string `json:"tags"`
	}
	widgetOutput struct{ Body widget }
)

// newServer returns a server with the widget routes. Their handlers return err if it is not nil.
func newServer(t *testing.T, o httpapi.Options, err error) (*httpapi.Server, *httptest.Server) {
	t.Helper()
	if o.Authenticator == nil {
		o.Authenticator = tokens{}
	}
	s := httpapi.New(o)
	addWidgets(s, err)
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(s.Handler(), nil)
	web.Start()
	t.Cleanup(web.Close)
	return s, web
}

func addWidgets(s *httpapi.Server, err error) {
	page := []byte(`{"id":"wid_1","name":"` + strings.Repeat("Teapot ", 400) + `","tags":[]}`)
	httpapi.RegisterDocument[widgetPath, widget](s, httpapi.Route{
		Method: "GET", Path: "/v1/widgets/{id}", Tag: "widgets", Summary: "Get a widget", Access: httpapi.Public,
	}, func(r *http.Request) (httpapi.Document, error) {
		if r.PathValue("id") != "wid_1" {
			return httpapi.Document{}, fault.ErrNotFound("widget", r.PathValue("id"))
		}
		return httpapi.Document{Body: page, ETag: `"7"`, CacheControl: "public, max-age=60", SurrogateKey: "wid_1"}, err
	})
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/widgets", Tag: "widgets", Summary: "List widgets", Access: httpapi.SignedIn,
	}, func(_ context.Context, in *widgetQuery) (*struct{ Body []widget }, error) {
		return &struct{ Body []widget }{make([]widget, in.Limit)}, err
	})
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/widgets", Tag: "widgets", Summary: "Create a widget", Status: 201,
		Access: httpapi.Roles(accounts.Seller, accounts.Admin), MaxBody: 2048,
		Fails: []httpapi.Failure{{Kind: fault.Conflict, Code: "widget_exists", When: "There is one of that name."}},
	}, func(ctx context.Context, in *widgetInput) (*widgetOutput, error) {
		return &widgetOutput{widget{ID: httpapi.PrincipalOf(ctx).UserID, Name: in.Body.Name}}, err
	})
	httpapi.Register(s, httpapi.Route{
		Method: "DELETE", Path: "/v1/widgets/{id}", Tag: "widgets", Summary: "Delete a widget",
		Access: httpapi.Roles(accounts.Admin), Owned: true,
	}, func(context.Context, *widgetPath) (*struct{}, error) { return nil, err })
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/panics", Tag: "widgets", Summary: "Panic", Access: httpapi.Public,
	}, func(context.Context, *struct{}) (*struct{}, error) { panic("secret of the house") })
}

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a request. Headers are pairs; "" as a body sends none.
func call(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	read := io.ReadAll
	if method == http.MethodGet && res.StatusCode == http.StatusOK && r.URL.Path == "/v1/feed/stream" {
		read = func(r io.Reader) ([]byte, error) { return bufio.NewReader(r).ReadBytes('\n') } // it does not end
	}
	got, err := read(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

func as(role string) []string { return []string{"Authorization", "Bearer " + role} }

// problem checks that the answer is a complete Problem and returns it.
func (a answer) problem(t *testing.T) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("Content-Type = %q with status %d, want application/problem+json: %s", got, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if p.Status != a.status || p.Code == "" || p.Detail == "" || p.Title == "" || p.Type != "/docs#"+p.Code ||
		p.Instance != a.header.Get("X-Request-Id") || p.Instance == "" {
		t.Fatalf("status %d came with an incomplete problem: %s", a.status, a.body)
	}
	return p
}

func fields(p httpapi.Problem) string {
	var names []string
	for _, f := range p.Errors {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

func TestEveryKindOfFailureHasItsStatus(t *testing.T) {
	tests := []struct {
		err    error
		status int
		code   string
		header string
	}{
		{fault.ErrInvalid("name", "is taken"), 422, "invalid", ""},
		{fault.New(fault.Unauthenticated, "", "who are you"), 401, "unauthenticated", "Www-Authenticate"},
		{fault.New(fault.Denied, "not_yours", "no"), 403, "not_yours", ""},
		{fault.ErrNotFound("widget", "wid_2"), 404, "not_found", ""},
		{fault.New(fault.Conflict, "insufficient_stock", "short"), 409, "insufficient_stock", ""},
		{fault.New(fault.Stale, "", "changed"), 412, "stale", ""},
		{fault.New(fault.Declined, "payment_declined", "no"), 402, "payment_declined", ""},
		{fault.New(fault.TooLarge, "", "big"), 413, "too_large", ""},
		{&fault.Error{Kind: fault.Exhausted, Message: "slow down", RetryAfter: 1500 * time.Millisecond}, 429, "exhausted", "Retry-After"},
		{fault.Wrap(fault.Unavailable, errors.New("dial tcp"), "away"), 503, "unavailable", "Retry-After"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), 504, "timeout", ""},
		{errors.New("password=hunter2"), 500, "internal", ""},
		{&fault.Error{Kind: fault.Internal, Message: "hunter2"}, 500, "internal", ""},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			_, web := newServer(t, httpapi.Options{}, tt.err)
			for _, got := range []answer{
				call(t, "GET", web.URL+"/v1/widgets/wid_1", ""),
				call(t, "DELETE", web.URL+"/v1/widgets/wid_1", "", as("admin")...),
			} {
				p := got.problem(t)
				if got.status != tt.status || p.Code != tt.code {
					t.Errorf("got %d %s, want %d %s", got.status, p.Code, tt.status, tt.code)
				}
				if tt.header != "" && got.header.Get(tt.header) == "" {
					t.Errorf("%d comes without %s", got.status, tt.header)
				}
				if strings.Contains(got.body, "hunter2") || strings.Contains(got.body, "dial tcp") {
					t.Errorf("the cause is shown to the caller: %s", got.body)
				}
			}
		})
	}
}

func TestRetryAfterIsInWholeSecondsRoundedUp(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, &fault.Error{Kind: fault.Exhausted, RetryAfter: 1500 * time.Millisecond})
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", "").header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After = %q, want 2", got)
	}
}

func TestBadInputIsNamedAsTheCallerWroteIt(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	tests := []struct {
		name, method, path, body string
		status                   int
		code, field              string
	}{
		{"missing", "POST", "/v1/widgets", `{"amount":1}`, 422, "invalid", "name"},
		{"nested missing", "POST", "/v1/widgets", `{"name":"a","amount":1,"lines":[{"quantity":1},{}]}`, 422, "invalid", "lines[1].quantity"},
		{"nested too small", "POST", "/v1/widgets", `{"name":"a","amount":1,"lines":[{"quantity":0}]}`, 422, "invalid", "lines[0].quantity"},
		{"wrong type", "POST", "/v1/widgets", `{"name":7,"amount":1}`, 422, "invalid", "name"},
		{"too long", "POST", "/v1/widgets", `{"name":"` + strings.Repeat("x", 41) + `","amount":1}`, 422, "invalid", "name"},
		{"negative", "POST", "/v1/widgets", `{"name":"a","amount":-1}`, 422, "invalid", "amount"},
		{"over its maximum", "POST", "/v1/widgets", `{"name":"a","amount":1e30}`, 422, "invalid", "amount"},
		{"overflow", "POST", "/v1/widgets", `{"name":"a","amount":1,"lines":[{"quantity":2147483648}]}`, 422, "invalid", "lines[0].quantity"},
		{"fraction", "POST", "/v1/widgets", `{"name":"a","amount":1.5}`, 422, "invalid", "amount"},
		{"unknown", "POST", "/v1/widgets", `{"name":"a","amount":1,"colour":"red"}`, 422, "invalid", "colour"},
		{"unknown by its case", "POST", "/v1/widgets", `{"name":"a","Amount":1}`, 422, "invalid", "Amount"},
		{"given twice", "POST", "/v1/widgets", `{"name":"a","name":"b","amount":1}`, 400, "malformed", "name"},
		{"given twice within", "POST", "/v1/widgets", `{"name":"a","amount":1,"free":{"k":1,"k":2}}`, 400, "malformed", "free.k"},
		{"not JSON", "POST", "/v1/widgets", `name=a`, 400, "malformed", ""},
		{"cut", "POST", "/v1/widgets", `{"name":"a",`, 400, "malformed", ""},
		{"more after", "POST", "/v1/widgets", `{"name":"a","amount":1} {}`, 400, "malformed", ""},
		{"not UTF-8", "POST", "/v1/widgets", "{\"name\":\"\xff\",\"amount\":1}", 400, "malformed", ""},
		{"not an object", "POST", "/v1/widgets", `[]`, 422, "invalid", ""},
		{"null", "POST", "/v1/widgets", `null`, 422, "invalid", ""},
		{"oversized", "POST", "/v1/widgets", `{"name":"` + strings.Repeat("x", 4096) + `"}`, 413, "too_large", ""},
		{"query wrong type", "GET", "/v1/widgets?limit=many", "", 422, "invalid", "limit"},
		{"query overflow", "GET", "/v1/widgets?limit=99999999999999999999", "", 422, "invalid", "limit"},
		{"query over its maximum", "GET", "/v1/widgets?limit=101", "", 422, "invalid", "limit"},
		{"query unknown", "GET", "/v1/widgets?limt=1", "", 422, "invalid", "limt"},
		{"path too short", "DELETE", "/v1/widgets/x", "", 422, "invalid", "id"},
		{"no route", "GET", "/v1/nothing", "", 404, "no_such_route", ""},
		{"no method", "PATCH", "/v1/widgets", "", 405, "method_not_allowed", ""},
		{"panic", "POST", "/v1/panics", "", 500, "internal", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, tt.method, web.URL+tt.path, tt.body, as("admin")...)
			p := got.problem(t)
			if got.status != tt.status || p.Code != tt.code || fields(p) != tt.field {
				t.Errorf("got %d %s %q, want %d %s %q: %s", got.status, p.Code, fields(p), tt.status, tt.code, tt.field, got.body)
			}
			if strings.Contains(got.body, "secret of the house") {
				t.Errorf("the panic is shown to the caller: %s", got.body)
			}
		})
	}
}

// TestRequestsWithoutAPath sends targets that http.ServeMux answers itself if they reach it.
func TestRequestsWithoutAPath(t *testing.T) {
	s, web := newServer(t, httpapi.Options{}, nil)
	s.Mount(httpapi.Route{Method: "GET", Path: "/{$}", Access: httpapi.Public}, http.NotFoundHandler())
	operations := httptest.NewServer(s.OperationsHandler())
	defer operations.Close()
	for _, tt := range []struct {
		server       *httptest.Server
		line         string
		status       int
		code, allows string
	}{
		{web, "CONNECT example.com:443", 405, "method_not_allowed", "GET, HEAD"},
		{web, "CONNECT /v1/widgets", 405, "method_not_allowed", "GET, HEAD, POST"},
		{web, "CONNECT /v1/nothing", 405, "method_not_allowed", ""},
		{web, "GET *", 404, "no_such_route", ""},
		{operations, "CONNECT example.com:443", 404, "no_such_route", ""},
	} {
		c := connect(t, tt.server)
		c.write(t, tt.line+" HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
		got := c.answer(t)
		if p := got.problem(t); got.status != tt.status || p.Code != tt.code || got.header.Get("Allow") != tt.allows {
			t.Errorf("%s gave %d %s and allows %q, want %d %s and %q", tt.line, got.status, p.Code, got.header.Get("Allow"), tt.status, tt.code, tt.allows)
		}
	}
}

func TestDetailIsASentence(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	for body, want := range map[string]string{
		``:                                 "the body is missing",
		` `:                                "the body is not valid JSON at byte 1",
		`{`:                                "the body is not valid JSON at byte 1",
		`{"name":"a","amount":1} {}`:       "the body is not valid JSON at byte 24",
		`[]`:                               "the body does not fit: expected object",
		`{"amount":1,"amount":2}`:          "amount is given twice",
		`{"free":{"a: b":1,"a: b":2}}`:     "free.a: b is given twice",
		`{"":1,"":2}`:                      `"" is given twice`,
		`{"name":"a","amount":1e999}`:      "amount is out of range, or not a whole number",
		`{"7":1,"name":"a","amount":1}`:    "7 is not a known field",
		`{"free":{"":1,"":2}}`:             `free."" is given twice`,
		`{"name":"a"}`:                     "amount is missing",
		`{"name":7,"amount":1,"colour":0}`: "name does not fit: expected string; colour is not a known field",
	} {
		got := call(t, "POST", web.URL+"/v1/widgets", body, append(as("seller"), "Content-Type", "application/json")...)
		if p := got.problem(t); p.Detail != want {
			t.Errorf("%s gave %d %q, want %q", body, got.status, p.Detail, want)
		}
	}
}

// TestManyMistakes checks that mistakes beyond the first are counted, and that of a list that is too long only its length is
// reported.
func TestManyMistakes(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	var unknown []string
	for i := range 25 {
		unknown = append(unknown, fmt.Sprintf(`"u%d":1`, i))
	}
	tenLines := `{"name":"a","amount":1,"lines":[` + strings.Repeat("{},", 9) + "{}]}"
	for _, tt := range []struct {
		name, body, end string
		errors          int
	}{
		{"unknown names", `{"name":"a",` + strings.Join(unknown, ",") + `}`, "u19 is not a known field; and 6 more", 20},
		{"a full list of wrong items", tenLines, "lines[9].quantity is missing", 10},
		{"a list of one item too many", strings.Replace(tenLines, "{}", "{},{}", 1), "lines does not fit: expected array length <= 10", 1},
		{"a long name", `{"name":"a","amount":1,"` + strings.Repeat("ö", 500) + `":1}`, strings.Repeat("ö", 62) + "… is not a known field", 1},
	} {
		got := call(t, "POST", web.URL+"/v1/widgets", tt.body, as("seller")...)
		p := got.problem(t)
		if got.status != 422 || len(p.Errors) != tt.errors || !strings.HasSuffix(p.Detail, tt.end) {
			t.Errorf("%s: got %d with %d errors, want 422 with %d, and a detail that ends with %q: %s", tt.name, got.status, len(p.Errors), tt.errors, tt.end, p.Detail)
		}
	}
	if got := call(t, "GET", web.URL+"/v1/widgets?"+strings.Repeat("a", 900)+"&"+strings.ReplaceAll(strings.Join(unknown, "&"), `"`, ""), "", as("seller")...); len(got.problem(t).Errors) != 20 {
		t.Errorf("of 26 unknown parameters these are named: %s", got.body)
	}
}

func TestMediaTypeHasToBeJSON(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	body := `{"name":"a","amount":1}`
	for media, want := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "Application/JSON": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data": 415, "application/problem+json": 415, "json": 415,
	} {
		if got := call(t, "POST", web.URL+"/v1/widgets", body, append(as("seller"), "Content-Type", media)...); got.status != want {
			t.Errorf("%q gave %d, want %d", media, got.status, want)
		}
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	if got := call(t, "PATCH", web.URL+"/v1/widgets/wid_1", "").header.Get("Allow"); got != "DELETE, GET, HEAD" {
		t.Errorf("Allow = %q, want DELETE, GET, HEAD", got)
	}
}

func TestAnswersHaveNoNullLists(t *testing.T) {
	_, web := newServer(t, httpapi.Options{}, nil)
	got := call(t, "POST", web.URL+"/v1/widgets", `{"name":"a","amount":1}`, as("seller")...)
	if want := `{"id":"usr_seller","name":"a","tags":[]}`; got.status != 201 || strings.TrimSpace(got.body) != want {
		t.Errorf("got %d %s, want 201 %s", got.status, got.body, want)
	}
}

func TestRouteWithoutAccessPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route that does not say who may call it was registered")
		}
	}()
	s := httpapi.New(httpapi.Options{})
	httpapi.Register(s, httpapi.Route{Method: "GET", Path: "/v1/open"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}

// TestStoppingServerClosesConnections checks that a proxy does not send another request over a connection that is about to be
// closed.
func TestStoppingServerClosesConnections(t *testing.T) {
	api, web := newServer(t, httpapi.Options{}, nil)
	ask := func(want bool) {
		t.Helper()
		for _, request := range []struct{ method, path, body string }{
			{"GET", "/healthz", ""}, {"GET", "/v1/widgets/wid_1", ""}, {"POST", "/v1/widgets", `{"name":"Teapot","amount":1}`}, {"GET", "/none", ""},
		} {
			r, err := http.NewRequestWithContext(t.Context(), request.method, web.URL+request.path, strings.NewReader(request.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+string(accounts.Admin))
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Body.Close(); err != nil || res.StatusCode >= 500 || res.Close != want {
				t.Errorf("%s %s: %s, closed %v, %v; want %v", request.method, request.path, res.Status, res.Close, err, want)
			}
		}
	}
	ask(false)
	api.CloseConnections()
	ask(true)
}
