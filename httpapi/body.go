package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Body is the body of a request while it is received. It is read once, either with Read or with Bytes. What is read
// is decoded, and has at most as many bytes as the route allows. An error of reading is a Problem, which a handler returns
// as it is.
//
// While a body is received, its request has no place in flight: it is counted among the arrivals. At the end of the body
// it gets a place again.
type Body struct {
	MediaType string // one of the route's Takes

	x       *exchange
	w       http.ResponseWriter
	r       *http.Request
	coding  string // of the content: "", "gzip" or "zstd"
	arrival *arrival
	source  io.Reader
	release func() // returns the decoder to its pool; nil for none
	err     error  // of the last read; nil before it
	whole   *bytes.Buffer
}

// bodies are buffers for whole bodies.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const bodyKept = 64 << 10 // a larger buffer is left to the garbage collector

// Bytes returns the whole body. The bytes are valid until the answer is written.
func (b *Body) Bytes() ([]byte, error) {
	if b.whole == nil {
		b.whole, _ = bodies.Get().(*bytes.Buffer)
		b.whole.Reset()
		if _, err := b.whole.ReadFrom(b); err != nil {
			return nil, err
		}
	}
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		return nil, b.err
	}
	return b.whole.Bytes(), nil
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.err == nil && b.source == nil {
		b.err = b.begin()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.source.Read(p)
	if err != nil {
		b.err = b.end(err)
	}
	return n, b.err
}

// begin counts the body among the arrivals. A few slow senders would else take all places in flight.
func (b *Body) begin() error {
	s := b.x.server
	s.leave(b.x)
	// Not every ResponseWriter has a deadline; those that face a network do.
	_ = huma.SetReadDeadline(b.w, time.Now().Add(s.options.BodyTimeout))
	arrival, err := s.arriving.begin(b.x.address, func() { _ = huma.SetReadDeadline(b.w, time.Unix(1, 0)) })
	if err != nil {
		return s.problem(b.x, err)
	}
	b.arrival = arrival
	limit := b.x.route.MaxBody
	received := http.MaxBytesReader(b.x.ResponseWriter, arrival.counted(b.r.Body), limit)
	if b.source, b.release, err = expand(b.coding, received, limit); err != nil {
		return b.end(err)
	}
	return nil
}

// end counts the body out, because of the error of a read, and returns the error to give to the reader.
func (b *Body) end(err error) error {
	b.close()
	if !errors.Is(err, io.EOF) {
		return b.unread(err)
	}
	_ = huma.SetReadDeadline(b.w, time.Time{}) // else it would end the handler's context
	s := b.x.server
	if !s.parting.Load() {
		delete(b.w.Header(), "Connection")
	}
	if !s.enter(b.x) {
		return s.problem(b.x, errFull)
	}
	return io.EOF
}

// close counts the body out if nobody has read it to its end.
func (b *Body) close() {
	if b.arrival != nil {
		b.arrival.end()
		b.arrival = nil
	}
	if b.release != nil {
		b.release()
		b.release = nil
	}
}

// discard ends the use of the body. What nobody has read net/http still receives for a while, so that its sender gets to
// read the answer.
func (b *Body) discard() {
	b.close()
	if b.err == nil && b.source == nil {
		_ = huma.SetReadDeadline(b.w, time.Now().Add(b.x.server.options.BodyTimeout))
	}
	if b.whole != nil && b.whole.Cap() <= bodyKept {
		bodies.Put(b.whole)
	}
	b.whole = nil
}

// unread says why a body could not be read.
func (b *Body) unread(err error) *Problem {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(b.x, http.StatusRequestEntityTooLarge, "", "the body is larger than "+sizeLimit(e.Limit))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(b.x, http.StatusRequestTimeout, "", "the body did not arrive in time")
	case b.coding != "":
		return newProblem(b.x, http.StatusBadRequest, "", "the body is not valid "+b.coding+", or ended before its announced length")
	}
	return newProblem(b.x, http.StatusBadRequest, "", "the body ended before its announced length, or is not framed as HTTP has it")
}
