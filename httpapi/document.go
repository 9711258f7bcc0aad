package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Document is an answer that is encoded already, such as a cached product page.
type Document struct {
	Body         []byte
	ETag         string // entity tag with its quotes; empty for none
	CacheControl string
	SurrogateKey string // names by which a CDN can purge the answer, separated by spaces
}

// RegisterDocument adds a GET operation that answers with bytes that are encoded already. I and B are for the OpenAPI document:
// I has the parameters, as in Register, and B is the type of the JSON body. load reads the parameters from the request
// itself (r.PathValue). Conditional requests (If-None-Match) are answered with 304.
func RegisterDocument[I, B any](s *Server, rt Route, load func(r *http.Request) (Document, error)) {
	type described struct{ Body B }
	s.registering = roomPrefix(reflect.TypeFor[I]().PkgPath())
	op := s.declare(rt)
	op.Metadata[metaServe] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, err := load(r)
		if err != nil {
			s.fail(exchangeOf(r.Context()), err)
			return
		}
		doc.write(w, r)
	})
	// huma needs a handler for its types; the adapter uses the one above.
	huma.Register(s.api, *op, func(context.Context, *I) (*described, error) { return nil, nil })
}

const mediaJSON = "application/json"

var contentJSON = []string{mediaJSON}

func (d Document) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	setHeader(h, "Etag", d.ETag)
	setHeader(h, "Cache-Control", d.CacheControl)
	setHeader(h, "Surrogate-Key", d.SurrogateKey)
	if d.ETag != "" && matches(r.Header["If-None-Match"], d.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = contentJSON
	}
	writeWhole(w, d.Body)
}

// setHeader sets a header whose name is in canonical form.
func setHeader(h http.Header, name, value string) {
	if value != "" {
		h[name] = []string{value}
	}
}

// matches reports whether one of the entity tags of an If-None-Match header is etag, or etag compressed. The comparison is
// weak (RFC 9110, section 13.1.2).
func matches(given []string, etag string) bool {
	if len(given) == 0 {
		return false
	}
	compressed := strings.TrimSuffix(etag, `"`) + gzipSuffix + `"`
	for tag := range strings.SplitSeq(strings.Join(given, ","), ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == etag || tag == compressed {
			return true
		}
	}
	return false
}
