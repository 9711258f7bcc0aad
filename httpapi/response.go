package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// response buffers an answer until its handler has returned, and then writes it. So a slow reader delays only the goroutine of its
// own connection: the handler's resources, such as its place in flight and the compressor, are already released. An answer that is
// larger than answerHeld, or that is flushed, is sent while the handler runs; its request then gives up its place in flight.
type response struct {
	http.ResponseWriter
	exchange *exchange
	status   int           // of the answer; 0 before the handler sets it
	bytes    int64         // of the body that the handler has written
	begun    bool          // the header is sent
	held     *bytes.Buffer // copied body that waits; nil for none
	whole    []byte        // immutable body that waits; nil for none
}

// answerHeld is the largest answer that is copied into a buffer, in bytes.
const answerHeld = 64 << 10

// answers are buffers for answers.
var answers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// WriteHeader implements http.ResponseWriter. Only the first status of an answer counts.
func (w *response) WriteHeader(status int) {
	switch {
	case status < 200:
		w.ResponseWriter.WriteHeader(status)
	case w.status == 0:
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.bytes += int64(len(p))
	if !w.begun && w.whole == nil && w.holds()+len(p) <= answerHeld {
		if w.held == nil {
			w.held, _ = answers.Get().(*bytes.Buffer)
		}
		return w.held.Write(p)
	}
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

func (w *response) holds() int {
	if w.held == nil {
		return 0
	}
	return w.held.Len()
}

// writeWhole writes an immutable body, without a copy if w is a response. A disconnected client is not an error of the server.
func writeWhole(w io.Writer, body []byte) {
	r, ok := w.(*response)
	if !ok || r.begun || r.held != nil || r.whole != nil {
		_, _ = w.Write(body)
		return
	}
	r.WriteHeader(http.StatusOK)
	r.bytes += int64(len(body))
	r.whole = body
}

// begin sends the header and the buffered body.
func (w *response) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	w.exchange.server.leave(w.exchange)
	w.ResponseWriter.WriteHeader(w.status)
	body := w.whole
	if w.held != nil {
		body = w.held.Bytes()
	}
	if len(body) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(body) //nolint:gosec // G705: the handler has chosen the media type, and nosniff is set
	w.discard()
	return err
}

// finish sends the rest of the answer after the handler has returned. Without one, net/http sends an empty answer.
func (w *response) finish() {
	if w.status == 0 {
		return
	}
	if n := len(w.whole) + w.holds(); n > 0 && !w.begun && w.Header()["Content-Length"] == nil {
		w.Header()["Content-Length"] = []string{strconv.Itoa(n)} // net/http knows the length of small answers only
	}
	_ = w.begin() // a disconnected client is not an error of the server
}

// discard drops the buffered body.
func (w *response) discard() {
	if w.held != nil {
		w.held.Reset()
		answers.Put(w.held)
	}
	w.held, w.whole = nil, nil
}

// restart drops an answer of which nothing is sent, so that the handler can write another one.
func (w *response) restart() {
	w.discard()
	w.status, w.bytes = 0, 0
}

// Flush implements http.Flusher, which compression looks for.
func (w *response) Flush() {
	w.WriteHeader(http.StatusOK)
	if err := w.begin(); err != nil {
		return
	}
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
