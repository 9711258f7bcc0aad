package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// Encoded is the body of an answer that is encoded already, such as one that is made of encoded parts. B is the type of its JSON,
// for the OpenAPI document.
type Encoded[B any] struct{ body []byte }

// NewEncodedAnswer returns an answer of JSON as EncodeJSON makes it. Nobody changes it any more.
func NewEncodedAnswer[B any](body []byte) *Answer[Encoded[B]] { return NewAnswer(Encoded[B]{body}) }

// Schema implements huma.SchemaProvider.
func (Encoded[B]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[B](), true, "")
}

func (e Encoded[B]) bytes() []byte { return e.body }

// EncodeJSON returns v as answers have it.
func EncodeJSON(v any) ([]byte, error) { return json.Marshal(v, encoding) }
