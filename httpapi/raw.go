package httpapi

import (
	"context"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// RegisterRaw adds an operation whose handler reads the body itself, as bytes or as a stream. Route.Takes has the media types
// of the body. I has the path, query and header parameters, O the headers and the Body of the answer, as in Register. The
// body may be compressed with gzip or zstd; Route.MaxBody is the limit after expansion. A nil answer has Route.Status and
// Content-Length: 0.
//
// A route that takes text/plain can be called from a form on any site. It must not trust anything but the Authorization
// header.
func RegisterRaw[I, O any](s *Server, rt Route, handle func(ctx context.Context, in *I, body *Body) (*O, error)) {
	input := reflect.TypeFor[I]()
	if _, has := input.FieldByName("Body"); has || len(rt.Takes) == 0 {
		panic("httpapi: " + rt.Pattern() + " has to name the media types that it takes, and no Body among its parameters")
	}
	s.registering = roomPrefix(input.PkgPath())
	op := s.declare(rt)
	if input.NumField() > 0 {
		s.documentParameterFailures(op)
	}
	s.documentBodyFailures(op, rt)
	op.Middlewares = huma.Middlewares{s.takeRaw}
	huma.Register(s.api, *op, func(ctx context.Context, in *I) (*O, error) {
		x := exchangeOf(ctx)
		out, err := handle(ctx, in, x.body)
		if err != nil {
			return nil, s.problem(x, err)
		}
		return out, nil
	})
}

// takeRaw refuses a media type or a content coding that the route does not take.
func (s *Server) takeRaw(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	x := exchangeOf(r.Context())
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(x.route.Takes, media) {
		taken := strings.Join(x.route.Takes, " or ")
		x.send(newProblem(x, http.StatusUnsupportedMediaType, "", "the Content-Type has to be "+taken,
			fault.Field{Name: "Content-Type", Message: "is not " + taken}))
		return
	}
	coding, known := codingOf(r)
	if !known {
		p := newProblem(x, http.StatusUnsupportedMediaType, "", "the Content-Encoding has to be "+strings.Join(codings, " or ")+", or none",
			fault.Field{Name: "Content-Encoding", Message: "is not " + strings.Join(codings, " or ")})
		p.set("Accept-Encoding", strings.Join(codings, ", "))
		x.send(p)
		return
	}
	x.body = &Body{MediaType: media, x: x, w: w, r: r, coding: coding}
	defer x.body.discard()
	next(ctx)
}

// documentRawBody returns the documentation of a raw body.
func documentRawBody(rt Route) *huma.RequestBody {
	body := &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{},
		Description: "May be compressed, with Content-Encoding: gzip or zstd.",
	}
	for _, media := range rt.Takes {
		body.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return body
}
