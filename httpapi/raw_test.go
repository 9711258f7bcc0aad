package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/httpapi"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// keys knows one key.
type keys struct{}

func (keys) Authenticate(_ context.Context, key string) (accounts.Principal, error) {
	if key == "secret-key" {
		return accounts.Principal{UserID: "src_1", SessionID: "key_1"}, nil
	}
	return accounts.Principal{}, fault.New(fault.Unauthenticated, "", "the key is not valid")
}

const maxLines = 64 << 10

// linesAnswer describes the body that was received.
type linesAnswer struct {
	Body struct {
		Bytes int    `json:"bytes"`
		Media string `json:"media"`
		From  string `json:"from"`
	}
}

// newRawServer returns a server with routes that read lines as bytes and as a stream, and one whose answer has no body.
func newRawServer(t *testing.T, o httpapi.Options) *httptest.Server {
	t.Helper()
	s, web := newServer(t, o, nil)
	route := func(path string) httpapi.Route {
		return httpapi.Route{
			Method: "POST", Path: path, Tag: "lines", Summary: "Send lines", Access: httpapi.Roles(accounts.Admin), Status: 200,
			Takes: []string{"text/plain", "application/x-ndjson"}, MaxBody: maxLines, Keys: keys{},
		}
	}
	answer := func(ctx context.Context, n int, body *httpapi.Body) *linesAnswer {
		a := &linesAnswer{}
		a.Body.Bytes, a.Body.Media, a.Body.From = n, body.MediaType, httpapi.PrincipalOf(ctx).UserID
		return a
	}
	httpapi.RegisterRaw(s, route("/v1/bytes"), func(ctx context.Context, _ *struct{}, body *httpapi.Body) (*linesAnswer, error) {
		lines, err := body.Bytes()
		if err != nil {
			return nil, fmt.Errorf("read the lines: %w", err)
		}
		return answer(ctx, len(lines), body), nil
	})
	httpapi.RegisterRaw(s, route("/v1/stream"), func(ctx context.Context, _ *struct{}, body *httpapi.Body) (*linesAnswer, error) {
		n, lines := 0, bufio.NewReader(body)
		for {
			line, err := lines.ReadSlice('\n')
			n += len(line)
			if errors.Is(err, io.EOF) {
				return answer(ctx, n, body), nil
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return nil, err
			}
		}
	})
	quiet := route("/v1/quiet")
	quiet.Access = httpapi.Public
	quiet.CORS = &httpapi.CORS{Origins: []string{"https://shop.example"}, Headers: []string{"X-Client"}, Exposes: []string{"Retry-After"}}
	httpapi.RegisterRaw(s, quiet, func(_ context.Context, in *struct {
		Skip bool `query:"skip"`
	}, body *httpapi.Body) (*struct{}, error) {
		if in.Skip {
			return nil, nil
		}
		_, err := body.Bytes()
		return nil, err
	})
	return web
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, text []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zstdFrame returns a frame (RFC 8878) that declares a window of 2^log bytes.
func zstdFrame(log int, text string) []byte {
	block := 1 | len(text)<<3 // the last one, not compressed
	return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte((log - 10) << 3), byte(block), byte(block >> 8), byte(block >> 16)}, text...)
}

func TestRawBodies(t *testing.T) {
	web := newRawServer(t, httpapi.Options{})
	whole := bytes.Repeat([]byte("line\n"), maxLines/5)
	full := append(bytes.Clone(whole), 'x') // of exactly maxLines bytes
	tooLong := append(bytes.Clone(full), 'x')
	for _, tt := range []struct {
		name, media, coding string
		body                []byte
		status, bytes       int
	}{
		{"plain", "text/plain", "", whole, 200, len(whole)},
		{"charset", "text/plain; charset=utf-8", "", whole, 200, len(whole)},
		{"NDJSON", "application/x-ndjson", "identity", whole, 200, len(whole)},
		{"empty", "text/plain", "", nil, 200, 0},
		{"gzip", "text/plain", "gzip", gzipped(t, full), 200, len(full)},
		{"gzip in two members", "text/plain", "x-gzip", append(gzipped(t, []byte("a\n")), gzipped(t, []byte("b\n"))...), 200, 4},
		{"zstd", "text/plain", "ZSTD", zstded(t, full), 200, len(full)},
		{"zstd of a large window", "text/plain", "zstd", zstded(t, full, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false)), 200, len(full)},
		{"full", "text/plain", "", full, 200, len(full)},
		{"one byte too long", "text/plain", "", tooLong, 413, 0},
		{"one byte too long in gzip", "text/plain", "gzip", gzipped(t, tooLong), 413, 0},
		{"one byte too long in zstd", "text/plain", "zstd", zstded(t, tooLong), 413, 0},
		{"zstd that asks for 64 MiB", "text/plain", "zstd", zstdFrame(26, "line\n"), 200, 5},
		{"zstd that asks for 4 GiB", "text/plain", "zstd", zstdFrame(32, "line\n"), 413, 0},
		{"zstd of nothing", "text/plain", "zstd", nil, 400, 0},
		{"no gzip", "text/plain", "gzip", []byte("plain text, not compressed"), 400, 0},
		{"no zstd", "text/plain", "zstd", []byte("plain text, not compressed"), 400, 0},
		{"gzip of nothing", "text/plain", "gzip", nil, 400, 0},
		{"gzip cut", "text/plain", "gzip", gzipped(t, full)[:40], 400, 0},
		{"zstd cut", "text/plain", "zstd", zstded(t, full)[:20], 400, 0},
		{"more after gzip", "text/plain", "gzip", append(gzipped(t, full), "more"...), 400, 0},
		{"unknown coding", "text/plain", "br", whole, 415, 0},
		{"two codings", "text/plain", "gzip, gzip", whole, 415, 0},
		{"JSON", "application/json", "", []byte(`{}`), 415, 0},
		{"no media type", "", "", whole, 415, 0},
	} {
		for _, path := range []string{"/v1/bytes", "/v1/stream"} {
			// A client that sends a body without being asked to may meet the end of the connection before it reads why.
			got := call(t, "POST", web.URL+path, string(tt.body), append(as("admin"),
				"Content-Type", tt.media, "Content-Encoding", tt.coding, "Expect", "100-continue")...)
			if got.status != tt.status {
				t.Errorf("%s to %s: got %d, want %d: %s", tt.name, path, got.status, tt.status, got.body)
				continue
			}
			if tt.status != 200 {
				got.problem(t)
				continue
			}
			media, _, _ := strings.Cut(tt.media, ";")
			if want := fmt.Sprintf(`{"bytes":%d,"media":%q,"from":"usr_admin"}`, tt.bytes, media); strings.TrimSpace(got.body) != want {
				t.Errorf("%s to %s: got %s, want %s", tt.name, path, got.body, want)
			}
		}
	}
	if got := call(t, "POST", web.URL+"/v1/bytes", "x", append(as("admin"), "Content-Type", "text/plain", "Content-Encoding", "br")...); got.header.Get("Accept-Encoding") != "gzip, zstd" {
		t.Errorf("a refused coding is answered without those that are taken: %v", got.header)
	}
}

// TestBombs sends bodies of a few kilobytes that expand to 64 MiB. The memory to refuse them depends on the limit only.
func TestBombs(t *testing.T) {
	s := httpapi.New(httpapi.Options{Authenticator: tokens{}})
	httpapi.RegisterRaw(s, httpapi.Route{
		Method: "POST", Path: "/v1/bytes", Access: httpapi.Public, Status: 200, Takes: []string{"text/plain"}, MaxBody: maxLines,
	}, func(_ context.Context, _ *struct{}, body *httpapi.Body) (*struct{}, error) {
		_, err := body.Bytes()
		return nil, err
	})
	const size = 64 << 20
	for coding, bomb := range map[string][]byte{
		"gzip": gzipped(t, make([]byte, size)), "zstd": zstded(t, make([]byte, size), zstd.WithWindowSize(8<<20)),
	} {
		if len(bomb) > maxLines {
			bomb = bomb[:maxLines]
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/bytes", bytes.NewReader(bomb))
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("Content-Encoding", coding)
		got := httptest.NewRecorder()
		s.Handler().ServeHTTP(got, r)
		runtime.ReadMemStats(&after)
		if got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: got %d, want 413: %s", coding, got.Code, got.Body)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 4<<20 {
			t.Errorf("%s: refusing it takes %d bytes", coding, cost)
		}
	}
}

// TestRawBodyKeepsTheConnection sends several bodies over one connection. The answers have no body.
func TestRawBodyKeepsTheConnection(t *testing.T) {
	web := newRawServer(t, httpapi.Options{})
	c := announceText(t, web, "/v1/quiet", "5", "hello")
	for i := range 3 {
		got := c.answer(t)
		if got.status != 200 || got.body != "" || got.header.Get("Content-Length") != "0" || got.header.Get("Connection") != "" {
			t.Fatalf("answer %d: %d %q with %v", i, got.status, got.body, got.header)
		}
		c.write(t, textRequest("/v1/quiet", "5", "hello", "Accept-Encoding: gzip"))
	}
	// A body that the handler does not read ends the connection.
	web = newRawServer(t, httpapi.Options{BodyTimeout: 10 * time.Millisecond})
	c = announceText(t, web, "/v1/quiet?skip=true", "100000", "")
	got := c.answer(t)
	if _, err := c.answers.ReadByte(); got.status != 200 || !errors.Is(err, io.EOF) {
		t.Errorf("a body that is not read: %d and then %v, want 200 and the end of the connection", got.status, err)
	}
	if got := call(t, "POST", web.URL+"/v1/quiet?skip=maybe", "hello", "Content-Type", "text/plain"); got.status != 422 || fields(got.problem(t)) != "skip" {
		t.Errorf("a wrong parameter gave %d: %s", got.status, got.body)
	}
}

func textRequest(path, length, body string, headers ...string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: " + length + "\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n" + body
}

func announceText(t *testing.T, web *httptest.Server, path, length, body string, headers ...string) *sender {
	t.Helper()
	s := connect(t, web)
	s.write(t, textRequest(path, length, body, headers...))
	return s
}

// TestRawBodyTakesNoPlace checks that the only place of a server is free while a body is received.
func TestRawBodyTakesNoPlace(t *testing.T) {
	web := newRawServer(t, httpapi.Options{MaxInFlight: 1})
	c := announceText(t, web, "/v1/stream", "10", "", "Authorization: Bearer admin", "Expect: 100-continue")
	if got := c.answer(t); got.status != http.StatusContinue {
		t.Fatalf("got %d before the body is read: %s", got.status, got.body)
	}
	c.write(t, "line\n")
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("while a body is on its way a page gave %d", got.status)
	}
	c.write(t, "more\n")
	if got := c.answer(t); got.status != 200 || got.header.Get("Connection") != "" {
		t.Errorf("got %d: %s", got.status, got.body)
	}
}

// TestBodyTimeoutIsForTheBody has a handler that takes longer than a body may.
func TestBodyTimeoutIsForTheBody(t *testing.T) {
	s := httpapi.New(httpapi.Options{BodyTimeout: 50 * time.Millisecond})
	httpapi.RegisterRaw(s, httpapi.Route{
		Method: "POST", Path: "/v1/slow", Access: httpapi.Public, Status: 200, Takes: []string{"text/plain"},
	}, func(ctx context.Context, _ *struct{}, body *httpapi.Body) (*struct{}, error) {
		if _, err := body.Bytes(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
			return nil, nil
		}
	})
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	if got := call(t, "POST", web.URL+"/v1/slow", "x", "Content-Type", "text/plain"); got.status != 200 {
		t.Errorf("got %d: %s", got.status, got.body)
	}
}

func TestKeys(t *testing.T) {
	web := newRawServer(t, httpapi.Options{})
	basic := func(credentials string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
	}
	for _, tt := range []struct {
		name, path, authorization string
		status                    int
		says                      string
	}{
		{"a key", "/v1/bytes", basic("secret-key:"), 200, `"from":"src_1"`},
		{"the scheme in another case", "/v1/bytes", strings.Replace(basic("secret-key:"), "Basic", "bAsIc", 1), 200, `"from":"src_1"`},
		{"a wrong key", "/v1/bytes", basic("wrong:"), 401, "the key is not valid"},
		{"a key with a password", "/v1/bytes", basic("secret-key:x"), 401, "no password"},
		{"a key as the password", "/v1/bytes", basic(":secret-key"), 401, "no password"},
		{"not base64", "/v1/bytes", "Basic ?", 401, "no password"},
		{"a key as a token", "/v1/bytes", "Bearer secret-key", 401, "token is not valid"},
		{"a token", "/v1/bytes", "Bearer admin", 200, `"from":"usr_admin"`},
		{"a token of another role", "/v1/bytes", "Bearer shopper", 403, "may not call"},
		{"nothing", "/v1/bytes", "", 401, "sign in"},
		{"a key on a public route that takes keys", "/v1/quiet", basic("secret-key:"), 200, ""},
		{"a wrong key there", "/v1/quiet", basic("wrong:"), 401, "the key is not valid"},
		{"nothing there", "/v1/quiet", "", 200, ""},
		{"a key on a route that takes none", "/v1/widgets", basic("secret-key:"), 401, "takes a token and no key"},
	} {
		var headers []string
		if tt.authorization != "" {
			headers = []string{"Authorization", tt.authorization}
		}
		got := call(t, "POST", web.URL+tt.path, "line\n", append(headers, "Content-Type", "text/plain")...)
		if got.status != tt.status || !strings.Contains(got.body, tt.says) {
			t.Errorf("%s: got %d, want %d with %q: %s", tt.name, got.status, tt.status, tt.says, got.body)
		}
		challenge := got.header.Get("Www-Authenticate")
		if got.status == 401 && strings.Contains(challenge, "Basic") != (tt.path != "/v1/widgets") {
			t.Errorf("%s: the challenge is %q", tt.name, challenge)
		}
	}
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", "", "Authorization", basic("secret-key:")); got.status != 401 {
		t.Errorf("a key on a public route that takes none gave %d, want 401", got.status)
	}
}

func TestCORS(t *testing.T) {
	web := newRawServer(t, httpapi.Options{})
	ask := func(path, origin, method string) answer {
		return call(t, "OPTIONS", web.URL+path, "", "Origin", origin, "Access-Control-Request-Method", method)
	}
	got := ask("/v1/quiet", "https://shop.example", "POST")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "3600",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Client", "Access-Control-Allow-Credentials": "",
	} {
		if got.status != 204 || got.header.Get(name) != want {
			t.Errorf("the preflight gave %d with %s: %q, want %q", got.status, name, got.header.Get(name), want)
		}
	}
	if vary := strings.Join(got.header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Access-Control-Request-Method") {
		t.Errorf("the preflight varies by %q", vary)
	}
	for _, refused := range []answer{ask("/v1/quiet", "https://other.example", "POST"), ask("/v1/quiet", "https://shop.example", "DELETE"), ask("/v1/quiet", "", "POST")} {
		if refused.status != 403 || refused.problem(t).Code != "origin_denied" || refused.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a preflight that is not allowed gave %d with %v", refused.status, refused.header)
		}
	}
	if off := ask("/v1/bytes", "https://shop.example", "POST"); off.status != 405 {
		t.Errorf("a preflight where CORS is off gave %d, want 405", off.status)
	}
	for origin, want := range map[string]string{"https://shop.example": "https://shop.example", "https://other.example": "", "": ""} {
		for status, token := range map[int]string{200: "Bearer admin", 401: "Bearer wrong"} {
			got := call(t, "POST", web.URL+"/v1/quiet", "x", "Content-Type", "text/plain", "Origin", origin, "Authorization", token)
			if got.status != status || got.header.Get("Access-Control-Allow-Origin") != want || (got.header.Get("Access-Control-Expose-Headers") != "") != (want != "") {
				t.Errorf("from %q: got %d with %v, want %d for %q", origin, got.status, got.header, status, want)
			}
			if vary := strings.Join(got.header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
				t.Errorf("from %q the answer varies by %q", origin, vary)
			}
		}
	}
}

func TestRawRouteIsDocumented(t *testing.T) {
	web := newRawServer(t, httpapi.Options{})
	got := call(t, "GET", web.URL+"/openapi.json", "").body
	op := documentOf(t, web.URL).Paths["/v1/bytes"]["post"]
	if op.RequestBody == nil || len(op.RequestBody.Content) != 2 || op.RequestBody.Content["text/plain"].Schema.kind() != "string" {
		t.Errorf("the request body is documented as %+v", op.RequestBody)
	}
	for status, code := range map[string]string{"413": "too_large", "415": "unsupported_media_type", "400": "malformed"} {
		if op.Responses[status].Codes[code] == "" {
			t.Errorf("%s %s is not documented: %v", status, code, op.Responses[status])
		}
	}
	if want := "the limit of " + strconv.Itoa(maxLines) + " bytes"; !strings.Contains(got, want) || !strings.Contains(got, `"scheme":"basic"`) {
		t.Errorf("the document lacks %q, or how a key is sent", want)
	}
}
