package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// FuzzDecode feeds the decoder of request bodies. What it takes, the standard library takes too; what it
// refuses, it gives a reason for that is about the input and not about Go.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"a","lines":[{"quantity":1}]}`, `{"name":1}`, `{"lines":[{"quantity":1e99}]}`, `{"a":`, `{"":{"/":1}}`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var into struct {
			Name  string `json:"name"`
			Lines []struct {
				Quantity int32 `json:"quantity"`
			} `json:"lines"`
			Free map[string]any `json:"free"`
		}
		err := decode(data, &into)
		if err == nil {
			if !json.Valid(data) {
				t.Errorf("%q is taken, though it is not JSON", data)
			}
			return
		}
		if got := offending(&huma.ErrorDetail{Location: "body", Message: err.Error()}); got.Message == "" {
			t.Errorf("%q is refused without a reason: %v", data, err)
		}
	})
}

func TestOffending(t *testing.T) {
	for _, tt := range []struct{ location, message, name, want string }{
		{"body", "expected required property sku to be present", "sku", "is missing"},
		{"body.lines[1]", "expected required property quantity to be present", "lines[1].quantity", "is missing"},
		{"body[0]", "expected required property id to be present", "[0].id", "is missing"},
		{"body.lines[0].quantity", "expected number >= 1", "lines[0].quantity", "does not fit: expected number >= 1"},
		{"body.colour", "unexpected property", "colour", "is not a known field"},
		{"body", "lines[0].quantity: is out of range", "lines[0].quantity", "is out of range"},
		{"body", ": is not valid JSON at byte 1", "", "the body is not valid JSON at byte 1"},
		{"body", "expected object", "", "the body does not fit: expected object"},
		{"query.limit", "invalid integer", "limit", "is an invalid integer"},
		{"query.q", "required query parameter is missing", "q", "is missing"},
		{"header.If-Match", "required header parameter is missing", "If-Match", "is missing"},
	} {
		got := offending(&huma.ErrorDetail{Location: tt.location, Message: tt.message, Value: "secret"})
		if got.Name != tt.name || got.Message != tt.want {
			t.Errorf("%s, %q: got %q %q, want %q %q", tt.location, tt.message, got.Name, got.Message, tt.name, tt.want)
		}
	}
}
