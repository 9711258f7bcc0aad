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

// RegisterStream adds a GET operation that answers with server-sent events (text/event-stream) until the client disconnects.
// I has the path, query and header parameters. The stream ends when handle returns; handle has to return soon after ctx
// is done. If handle returns an error before the stream is open, the answer is a Problem.
//
// A stream has no deadline, takes no place in flight, and is not compressed. agora_http_streams counts it; the histogram of
// request durations does not.
func RegisterStream[I any](s *Server, rt Route, handle func(ctx context.Context, in *I, out *Stream) error) {
	rt.Method, rt.Status, rt.Stream = http.MethodGet, http.StatusOK, true
	input := reflect.TypeFor[I]()
	s.registering = roomPrefix(input.PkgPath())
	op := s.declare(rt)
	s.documentParameterFailures(op)
	op.Middlewares = huma.Middlewares{s.takeStream}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: lastEventID, In: "header", Description: "The id of the last event that the client received. The stream continues after it.",
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

// Stream sends events to one client. Its methods may be called concurrently until the handler returns.
//
// Events wait in a bounded queue until they are written. The client is disconnected if the queue overflows, or if a write
// takes longer than streamWrite.
type Stream struct {
	LastEventID string // of the request; "" for none

	x      *exchange
	w      *http.ResponseController
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	open    bool
	reason  error         // why the stream ended; nil before
	queue   []byte        // encoded events that wait
	events  int           // number of events in queue
	writing bool          // the writer writes events that it took from queue
	drained chan struct{} // closed when all events are written; nil without a call of Flush
	wake    chan struct{} // wakes the writer
	done    chan struct{} // closed when the writer has returned
}

// The bounds of one stream.
const (
	streamEvents    = 256              // in the queue
	streamBytes     = 64 << 10         // in the queue
	streamKept      = 4 << 10          // bytes of the buffers of an idle stream
	streamWrite     = 10 * time.Second // deadline of a write
	streamHeartbeat = 5 * time.Second  // time without an event after which a heartbeat is sent; proxies in deploy wait for 10 s
)

var (
	errStreamSlow error = fault.New(fault.Exhausted, "stream_slow", "the client does not read the events of the stream")
	errStreamGone error = fault.New(fault.Unavailable, "", "the client of the stream is gone")
	errStreamDone error = fault.New(fault.Internal, "", "the stream was used after its handler returned")
)

// Open sends the header of the answer. Send does it too. A handler without a first event calls Open, so that its client
// knows that it is connected.
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
	// A ResponseWriter of a test may have no deadlines.
	_ = st.w.SetWriteDeadline(time.Now().Add(streamWrite))
	st.x.Flush()
	go st.write()
	return nil
}

// Send queues an event. It does not wait. If it returns an error, the stream has ended, and the handler returns the error.
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

// Flush waits until all queued events are written. A handler that sends many events at once, such as those that a client
// missed, calls it in between, so that they do not overflow the queue.
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

// end ends the stream and cancels the context of the handler. st.mu must be held.
func (st *Stream) end(reason error) {
	if st.reason != nil {
		return
	}
	st.reason = reason
	st.cancel(reason)
	st.settle()
	if errors.Is(reason, errStreamSlow) {
		st.x.server.streams.dropped.Inc(st.x.route.pattern)
		_ = st.w.SetWriteDeadline(time.Unix(1, 0)) // ends a write that blocks
	}
	st.signal()
}

// settle wakes the callers of Flush. st.mu must be held.
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

// write writes queued events and heartbeats until the stream ends. No other goroutine writes to the client.
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

// writeNow writes a batch and wakes the callers of Flush if nothing else waits.
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

// take returns the queued events and whether the stream has ended. It reuses the buffer of the last batch for the queue. The
// events of a client that does not read are dropped.
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

// stop ends the stream.
func (st *Stream) stop(reason error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.end(reason)
}

// takeStream creates the stream of a request. HEAD has no stream, because its answer would never end.
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

// runStream calls the handler of a stream and ends the stream after it.
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
		_ = s.problem(x, err) // logs the error; the answer has begun
		panic(http.ErrAbortHandler)
	case errors.Is(reason, errStreamSlow):
		panic(http.ErrAbortHandler) // the client must not take this for a regular end
	}
	return nil
}

// finish ends a stream whose handler has returned, and waits until the queued events are written.
func (st *Stream) finish() {
	st.mu.Lock()
	st.end(errStreamDone)
	open := st.open
	st.mu.Unlock()
	if open {
		<-st.done
	}
}
