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

// Body is the body of a request while it is received. A handler reads it once, either with Read or with Bytes, and gets
// the decoded content, of at most Route.MaxBody bytes. An error of reading is a Problem, which the handler returns.
//
// While a body is received, its request has no place in flight and is counted among the arrivals. At the end of the body
// the request takes a place again.
type Body struct {
	MediaType string // one of Route.Takes

	x       *exchange
	w       http.ResponseWriter
	r       *http.Request
	coding  string        // content coding: "", "gzip" or "zstd"
	arrival *arrival      // nil before the first read and after the last
	source  io.Reader     // of the decoded content; nil before the first read
	release func()        // returns the decoder to its pool; nil for none
	err     error         // result of the last read; nil before the end
	whole   *bytes.Buffer // result of Bytes; nil before
}

// bodies are buffers for whole bodies.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const bodyKept = 64 << 10 // bytes; a larger buffer is not pooled

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

// begin counts the body among the arrivals and gives back the place in flight, so that slow senders do not fill the server.
func (b *Body) begin() error {
	s := b.x.server
	s.leave(b.x)
	// A ResponseWriter of a test may have no deadlines.
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

// end removes the body from the arrivals after the last read, and returns the error for the reader.
func (b *Body) end(err error) error {
	b.close()
	if !errors.Is(err, io.EOF) {
		return b.unread(err)
	}
	s := b.x.server
	if !s.parting.Load() {
		delete(b.w.Header(), "Connection")
	}
	if !s.enter(b.x) {
		return s.problem(b.x, errFull)
	}
	return io.EOF
}

// close removes the body from the arrivals, if it is there.
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

// discard ends the use of the body. After the answer, net/http receives the rest of a body that was not read for at most
// BodyTimeout, so that its sender can read the answer.
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

// unread returns the Problem of a body that could not be read.
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
