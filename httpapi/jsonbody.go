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

// refusedBody takes the place of a body that is refused: huma checks the parameters, cannot decode it, and asProblem says
// what is wrong with both.
var refusedBody = []byte("!")

// readBody returns the huma middleware of routes that take a body, which may be optional. It reads all of it
// before anything else happens, within the route's limits, and hands it on from memory. The media type has
// to be named: a page of another site can make a browser post a form here, but not JSON.
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
	r.Header["Content-Type"] = contentJSON // huma compares it to the letter
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

// humaContext has another name than huma.Context so that embedding it leaves its method Context visible.
type humaContext huma.Context

// readContext is a huma.Context whose body is in memory.
type readContext struct {
	humaContext
	body io.Reader
	bad  *badBody // why the body is refused, or nil
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

// Unwrap is for humago.Unwrap.
func (c readContext) Unwrap() huma.Context { return c.humaContext }
