package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// FuzzDecode checks that the standard library accepts what the decoder accepts, and that the decoder gives a reason for what it
// refuses.
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
		if _, message := offending(&huma.ErrorDetail{Location: "body", Message: err.Error()}); message == "" {
			t.Errorf("%q is refused without a reason: %v", data, err)
		}
	})
}

func TestOffending(t *testing.T) {
	for _, tt := range []struct{ location, message, name, want string }{
		{"body.lines[0].quantity", "expected number >= 1", "lines[0].quantity", "does not fit: expected number >= 1"},
		{"body", "lines[0].quantity: is out of range", "lines[0].quantity", "is out of range"},
		{"body", ": is not valid JSON at byte 1", "", "is not valid JSON at byte 1"},
		{"body", "expected object", "", "does not fit: expected object"},
		{"query.limit", "invalid integer", "limit", "is an invalid integer"},
		{"query.q", "required query parameter is missing", "q", "is missing"},
		{"header.If-Match", "required header parameter is missing", "If-Match", "is missing"},
	} {
		name, message := offending(&huma.ErrorDetail{Location: tt.location, Message: tt.message, Value: "secret"})
		if name != tt.name || message != tt.want {
			t.Errorf("%s, %q: got %q %q, want %q %q", tt.location, tt.message, name, message, tt.name, tt.want)
		}
	}
}
