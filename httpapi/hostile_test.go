package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"agora/accounts"
)

// repeated returns a body of at most size bytes: begin, as many items as fit, separated by commas, and end.
func repeated(size int, begin, end string, item func(i int) string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; ; i++ {
		next := item(i)
		if b.Len()+len(next)+len(end)+1 > size {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(next)
	}
	b.WriteString(end)
	return b.String()
}

// hostileBodies are bodies that are expensive for a server that records, copies or repeats every mistake. Most of them are made
// for one property of the schema.
var hostileBodies = map[string]func(size int, property string) string{
	"unknown names": func(size int, property string) string {
		return repeated(size, `{`, `}`, func(i int) string { return fmt.Sprintf(`"%x":1`, i) })
	},
	"unknown names below": func(size int, property string) string {
		return repeated(size, `{"`+property+`":{`, `}}`, func(i int) string { return fmt.Sprintf(`"%x":1`, i) })
	},
	"long unknown names": func(size int, property string) string {
		return repeated(size, `{`, `}`, func(i int) string { return fmt.Sprintf(`"%d%s":1`, i, strings.Repeat(`\u0001`, size/200)) })
	},
	"one long name": func(size int, property string) string {
		return `{"` + strings.Repeat("x", size-8) + `":1}`
	},
	"one long name twice": func(size int, property string) string {
		name := strings.Repeat("x", size/2-8)
		return `{"` + name + `":1,"` + name + `":1}`
	},
	"empty objects": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `{}` })
	},
	"objects with unknown names": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `{"a":1,"b":1}` })
	},
	"empty lists": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `[]` })
	},
	"numbers": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `1` })
	},
	"texts": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `"!"` })
	},
	"nulls": func(size int, property string) string {
		return repeated(size, `{"`+property+`":[`, `]}`, func(int) string { return `null` })
	},
	"empty objects at the root": func(size int, property string) string {
		return repeated(size, `[`, `]`, func(int) string { return `{}` })
	},
	"deep lists": func(size int, property string) string {
		depth := min(size/2-20, 9_000)
		return `{"` + property + `":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
	},
	"deep objects": func(size int, property string) string {
		depth := min((size-20)/6, 9_000)
		return strings.Repeat(`{"`+property+`":`, depth/10) + `1` + strings.Repeat("}", depth/10)
	},
	"deeper than JSON may be": func(size int, property string) string { return strings.Repeat("[", size) },
	"a huge number": func(size int, property string) string {
		return `{"` + property + `":` + strings.Repeat("9", size-20) + `}`
	},
	"a huge exponent": func(size int, property string) string { return `{"` + property + `":1e999999999}` },
	"a long text": func(size int, property string) string {
		return `{"` + property + `":"` + strings.Repeat("x", size-20) + `"}`
	},
	"a text of escapes": func(size int, property string) string {
		return `{"` + property + `":"` + strings.Repeat(`\u0000`, size/6-10) + `"}`
	},
	"names in another case": func(size int, property string) string {
		return repeated(size, `{`, `}`, func(i int) string {
			return fmt.Sprintf(`"%s%x":1`, strings.ToUpper(property), i)
		})
	},
	"never ends": func(size int, property string) string {
		return repeated(size, `{`, `,`, func(i int) string { return fmt.Sprintf(`"%x":1`, i) })
	},
}

const (
	mostAnswer = 64 << 10 // bytes of an answer to any body
	mostWork   = 64       // bytes allocated for each byte that a body of the route may have
)

// TestHostileBodies sends the largest bodies with many mistakes to each route with a body. The answer and the memory to make it
// are bounded.
func TestHostileBodies(t *testing.T) {
	m := stocked(t, accounts.Admin)
	doc := documentOf(t, m.url)
	handler := m.server.Handler()
	for _, rt := range m.server.Routes() {
		op := doc.Paths[rt.Path][strings.ToLower(rt.Method)]
		if op.RequestBody == nil {
			continue
		}
		if rt.MaxBody > 128<<10 {
			t.Errorf("%s takes bodies of %d bytes", rt.Pattern(), rt.MaxBody)
		}
		schema := doc.resolve(op.RequestBody.Content["application/json"].Schema)
		properties := []string{"other"}
		for name := range schema.Properties {
			properties = append(properties, name)
		}
		for _, property := range properties {
			for name, body := range hostileBodies {
				what := fmt.Sprintf("%s, %s in %s", rt.Pattern(), name, property)
				text := body(int(rt.MaxBody), property)
				r := doc.request("", rt.Method, rt.Path, op)
				request := httptest.NewRequestWithContext(t.Context(), rt.Method, r.url, strings.NewReader(text))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Authorization", "Bearer "+m.admin)
				request.Header.Set("If-Match", `"1.0"`)
				answer := httptest.NewRecorder()
				answer.Body.Grow(mostAnswer)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				handler.ServeHTTP(answer, request)
				runtime.ReadMemStats(&after)
				if n := answer.Body.Len(); n > mostAnswer {
					t.Errorf("%s: the answer to %d bytes has %d", what, len(text), n)
				}
				if work := after.TotalAlloc - before.TotalAlloc; work > mostWork*uint64(rt.MaxBody) {
					t.Errorf("%s: the answer to %d bytes takes %d bytes to make", what, len(text), work)
				}
				if answer.Code != 400 && answer.Code != 422 && answer.Code != 413 {
					t.Errorf("%s: got %d", what, answer.Code)
					continue
				}
				var p struct {
					Errors []json.RawMessage
				}
				if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || len(p.Errors) > 20 {
					t.Errorf("%s: %d mistakes are named, want at most 20: %v", what, len(p.Errors), err)
				}
			}
		}
	}
}
