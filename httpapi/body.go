package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"sync"
	"time"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// bodies are buffers for request bodies. huma copies what it is given, so that they can be used again.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// refusedBody takes the place of a body that is refused: huma checks the parameters, cannot decode it, and asProblem says
// what is wrong with both.
var refusedBody = []byte("!")

const bodyKept = 64 << 10 // a larger buffer is left to the garbage collector

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
	buf, _ := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	defer func() {
		if buf.Cap() <= bodyKept {
			bodies.Put(buf)
		}
	}()
	if err := s.receive(x, w, r, buf); err != nil {
		s.fail(x, err)
		return
	}
	body, bad := buf.Bytes(), (*badBody)(nil)
	if len(body) > 0 {
		schema := ctx.Operation().RequestBody.Content[mediaJSON].Schema
		if bad = checkBody(s.api.OpenAPI().Components.Schemas, schema, body); bad != nil {
			body = refusedBody
		}
	}
	next(readContext{ctx, bytes.NewReader(body), bad})
}

// receive reads the body into buf. While it does, the request has no place among those at work, and gets one
// again when the body is there: else a few slow senders would keep everybody out.
func (s *Server) receive(x *exchange, w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) error {
	s.leave(x)
	// Not every ResponseWriter has a deadline; those that face a network do.
	_ = huma.SetReadDeadline(w, time.Now().Add(s.options.BodyTimeout))
	arrival, err := s.arriving.begin(x.address, func() { _ = huma.SetReadDeadline(w, time.Unix(1, 0)) })
	if err != nil {
		return err
	}
	defer arrival.end()
	body := http.MaxBytesReader(x.ResponseWriter, arrival.counted(r.Body), x.route.MaxBody)
	if _, err := buf.ReadFrom(body); err != nil {
		return unread(x, err)
	}
	if !s.parting.Load() {
		delete(w.Header(), "Connection")
	}
	if !s.enter(x) {
		return errFull
	}
	return nil
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

// unread says why a body could not be read.
func unread(x *exchange, err error) *Problem {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(x, http.StatusRequestEntityTooLarge, "", "the body is larger than "+sizeLimit(e.Limit))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return newProblem(x, http.StatusRequestTimeout, "", "the body did not arrive in time")
	}
	return newProblem(x, http.StatusBadRequest, "", "the body ended before its announced length, or is not framed as HTTP has it")
}
