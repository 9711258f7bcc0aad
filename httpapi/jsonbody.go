package httpapi

import (
	"bytes"
	"io"
	"mime"
	"net/http"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// refusedBody replaces a body that is refused. huma checks the parameters and fails to decode refusedBody; asProblem then
// reports the mistakes of both.
var refusedBody = []byte("!")

// readBody returns the huma middleware of routes with a JSON body, which may be optional. It reads the whole body within the
// limits of the route and checks it. The media type is required, because a page of another site can make a browser send
// a form or plain text here, but not JSON.
func (s *Server) readBody(optional bool) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if r, _ := humago.Unwrap(ctx); optional && r.ContentLength == 0 {
			next(ctx)
			return
		}
		s.readWhole(ctx, next)
	}
}

func (s *Server) readWhole(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	x := exchangeOf(r.Context())
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != mediaJSON {
		x.send(newProblem(x, http.StatusUnsupportedMediaType, "", "the Content-Type has to be application/json",
			fault.Field{Name: "Content-Type", Message: "is not application/json"}))
		return
	}
	r.Header["Content-Type"] = contentJSON // huma does not parse it
	received := &Body{MediaType: mediaJSON, x: x, w: w, r: r}
	defer received.discard()
	body, err := received.Bytes()
	if err != nil {
		s.fail(x, err)
		return
	}
	var bad *badBody
	if len(body) > 0 {
		schema := ctx.Operation().RequestBody.Content[mediaJSON].Schema
		if bad = checkBody(s.api.OpenAPI().Components.Schemas, schema, body); bad != nil {
			body = refusedBody
		}
	}
	next(readContext{ctx, bytes.NewReader(body), bad})
}

// humaContext is huma.Context under another name, so that embedding it does not hide its method Context.
type humaContext huma.Context

// readContext is a huma.Context whose body was read.
type readContext struct {
	humaContext
	body io.Reader
	bad  *badBody // mistakes in the body; nil for none
}

// SetStatus implements huma.Context.
func (c readContext) SetStatus(code int) {
	if c.bad != nil {
		code = c.bad.status
	}
	c.humaContext.SetStatus(code)
}

// BodyReader implements huma.Context.
func (c readContext) BodyReader() io.Reader { return c.body }

// Unwrap returns the context of the request for humago.Unwrap.
func (c readContext) Unwrap() huma.Context { return c.humaContext }
