package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// RegisterStream adds a GET operation that answers with server-sent events (text/event-stream) for as long as the client
// stays connected. I holds path, query and header parameters. The stream ends when handle returns, which it has to do
// once ctx is done. An error that handle returns before the stream is open becomes a Problem.
//
// A stream has no deadline and takes no place in flight. It is counted in agora_http_streams, and its duration in no
// histogram. Its answer is never compressed.
func RegisterStream[I any](s *Server, rt Route, handle func(ctx context.Context, in *I, out *Stream) error) {
	rt.Method, rt.Status, rt.Stream = http.MethodGet, http.StatusOK, true
	input := reflect.TypeFor[I]()
	s.registering = roomPrefix(input.PkgPath())
	op := s.declare(rt)
	s.documentParameterFailures(op)
	op.Middlewares = huma.Middlewares{s.takeStream}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: lastEventID, In: "header", Description: "The id of the last event that was received; the stream continues after it.",
		Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(lastEventIDSize)},
	})
	huma.Register(s.api, *op, func(ctx context.Context, in *I) (*struct{}, error) {
		x := exchangeOf(ctx)
		if x.stream == nil {
			return nil, nil // HEAD
		}
		return nil, s.runStream(x, func(ctx context.Context) error { return handle(ctx, in, x.stream) })
	})
	op.Responses["200"].Content = map[string]*huma.MediaType{mediaEvents: {Schema: &huma.Schema{Type: huma.TypeString}}}
}

const (
	mediaEvents     = "text/event-stream"
	lastEventID     = "Last-Event-ID"
	lastEventIDSize = 512 // bytes
)

// Stream sends events to one client. Its methods may be called from several goroutines, until the handler returns.
//
// Events wait in a bounded queue for the client to take them. A client that lets the queue overflow, or that takes
// nothing for streamWrite, is disconnected.
type Stream struct {
	LastEventID string // of the request; "" for none

	x      *exchange
	w      *http.ResponseController
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	open    bool
	reason  error         // why nothing more is sent; nil while the stream goes on
	queue   []byte        // events that wait, encoded
	events  int           // number of events in queue
	writing bool          // the writer has events that it took from queue
	drained chan struct{} // closed when nothing waits or is written; nil if nobody asked for it
	wake    chan struct{} // tells the writer that there is something to do
	done    chan struct{} // closed when the writer has returned
}

// The bounds of what a stream takes of the server.
const (
	streamEvents    = 256              // in the queue
	streamBytes     = 64 << 10         // in the queue
	streamKept      = 4 << 10          // bytes of a queue that an idle stream keeps
	streamWrite     = 10 * time.Second // for a client to take what is written to it
	streamHeartbeat = 15 * time.Second // without an event, after which a comment is sent
)

var (
	errStreamSlow error = fault.New(fault.Exhausted, "stream_slow", "the client does not read the events of the stream")
	errStreamGone error = fault.New(fault.Unavailable, "", "the client of the stream is gone")
	errStreamDone error = fault.New(fault.Internal, "", "the stream was used after its handler returned")
)

// Open sends the head of the answer. Send does it too; a handler that has nothing to send yet calls Open, so that its
// client knows that it is connected.
func (st *Stream) Open() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.start()
}

// start opens the stream if it is not open. st.mu must be held.
func (st *Stream) start() error {
	if st.open || st.reason != nil {
		return st.reason
	}
	st.open, st.x.streamed = true, true
	h := st.x.Header()
	h.Set("Content-Type", mediaEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back to fill its buffer
	// Without these deadlines a ResponseWriter is not one that faces a network.
	_ = st.w.SetReadDeadline(time.Time{}) // the server's would end the context of the request
	_ = st.w.SetWriteDeadline(time.Now().Add(streamWrite))
	st.x.Flush()
	go st.write()
	return nil
}

// Send queues an event and does not wait. The error is that of a stream that has ended: the handler returns it.
func (st *Stream) Send(e Event) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.start(); err != nil {
		return err
	}
	before := len(st.queue)
	queue, err := e.append(st.queue)
	if err != nil {
		return err
	}
	size := len(queue) - before
	switch {
	case size > streamBytes:
		return fault.New(fault.Internal, "", "an event is larger than the queue of a stream")
	case before+size > streamBytes || st.events == streamEvents:
		st.end(errStreamSlow)
		return errStreamSlow
	}
	st.queue = queue
	st.events++
	st.signal()
	return nil
}

// Flush waits until the client has taken all events so far. A handler that sends many events at once, such as those that
// a client missed, calls it in between, so that they do not overflow the queue.
func (st *Stream) Flush(ctx context.Context) error {
	st.mu.Lock()
	if st.reason != nil || len(st.queue) == 0 && !st.writing {
		defer st.mu.Unlock()
		return st.reason
	}
	if st.drained == nil {
		st.drained = make(chan struct{})
	}
	drained := st.drained
	st.mu.Unlock()
	select {
	case <-drained:
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.reason
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end takes no more events, and ends the handler's context. st.mu must be held.
func (st *Stream) end(reason error) {
	if st.reason != nil {
		return
	}
	st.reason = reason
	st.cancel(reason)
	st.settle()
	if errors.Is(reason, errStreamSlow) {
		st.x.server.streams.dropped.Inc(st.x.route.pattern)
		_ = st.w.SetWriteDeadline(time.Unix(1, 0)) // for a write that waits
	}
	st.signal()
}

// settle lets those go on who wait in Flush. st.mu must be held.
func (st *Stream) settle() {
	if st.drained != nil {
		close(st.drained)
		st.drained = nil
	}
}

func (st *Stream) signal() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// write sends what is queued until the stream ends, and a heartbeat where nothing is. It alone writes to the client.
func (st *Stream) write() {
	defer close(st.done)
	idle := time.NewTimer(streamHeartbeat)
	defer idle.Stop()
	var batch []byte
	for {
		beat := false
		select {
		case <-st.wake:
		case <-idle.C:
			beat = true
		}
		var last bool
		batch, last = st.take(batch)
		if beat && len(batch) == 0 {
			batch = append(batch, heartbeat...)
		}
		if len(batch) > 0 {
			err := st.writeNow(batch)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				st.stop(errStreamSlow)
				return
			}
			if err != nil {
				st.stop(errStreamGone)
				return
			}
			idle.Reset(streamHeartbeat)
		}
		if last {
			return
		}
	}
}

// writeNow writes a batch, and lets those go on who wait for it.
func (st *Stream) writeNow(batch []byte) error {
	st.mu.Lock()
	if errors.Is(st.reason, errStreamSlow) {
		st.mu.Unlock()
		return st.reason
	}
	_ = st.w.SetWriteDeadline(time.Now().Add(streamWrite))
	st.mu.Unlock()
	if _, err := st.x.Write(batch); err != nil {
		return err
	}
	if err := st.w.Flush(); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.writing = false
	if len(st.queue) == 0 {
		st.settle()
	}
	return nil
}

// take swaps the queue for the batch that was written, and reports whether it is the last. What waits for a client that
// does not read is given up.
func (st *Stream) take(written []byte) (batch []byte, last bool) {
	if cap(written) > streamKept {
		written = nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	batch, st.queue, st.events = st.queue, written[:0], 0
	if errors.Is(st.reason, errStreamSlow) {
		batch = nil
	}
	st.writing = len(batch) > 0
	return batch, st.reason != nil
}

// stop ends the stream from outside of its handler.
func (st *Stream) stop(reason error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.end(reason)
}

// takeStream makes the stream of a request. HEAD has none: it asks for the head of an answer without an end.
func (s *Server) takeStream(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	x := exchangeOf(r.Context())
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", mediaEvents)
		next(ctx)
		return
	}
	id := strings.Join(r.Header.Values(lastEventID), ",")
	if len(id) > lastEventIDSize {
		s.fail(x, fault.ErrInvalid(lastEventID, "is not an id of an event"))
		return
	}
	x.stream = &Stream{
		LastEventID: id, x: x, w: http.NewResponseController(w),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	next(ctx)
}

// runStream lets the handler of a stream work, and ends the stream after it.
func (s *Server) runStream(x *exchange, handle func(context.Context) error) error {
	st := x.stream
	ctx, cancel := context.WithCancelCause(x)
	defer cancel(nil)
	st.cancel = cancel
	if err := s.streams.begin(x); err != nil {
		return s.problem(x, err)
	}
	defer s.streams.end(x)
	defer st.finish()
	err := handle(ctx)
	if err == nil {
		err = st.Open()
	}
	if err == nil {
		return nil
	}
	st.mu.Lock()
	open, reason := st.open, st.reason
	st.mu.Unlock()
	switch {
	case !open:
		return s.problem(x, cmp.Or(reason, err))
	case reason == nil && ctx.Err() == nil:
		_ = s.problem(x, err) // for the log: the answer has begun
		panic(http.ErrAbortHandler)
	case errors.Is(reason, errStreamSlow):
		panic(http.ErrAbortHandler) // the client must not take this for the end
	}
	return nil
}

// finish ends a stream whose handler has returned, and waits until what is queued is sent.
func (st *Stream) finish() {
	st.mu.Lock()
	st.end(errStreamDone)
	open := st.open
	st.mu.Unlock()
	if open {
		<-st.done
	}
}
