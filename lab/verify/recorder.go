package verify

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"
)

// Recorder writes a history, one JSON object per line, as operations return. It is safe for concurrent use.
type Recorder struct {
	begin time.Time

	mu   sync.Mutex
	out  *bufio.Writer
	open map[*Call]struct{} // calls that have not returned
	err  error
}

// NewRecorder returns a recorder that writes to w. Close writes the end of the history.
func NewRecorder(w io.Writer) *Recorder {
	return &Recorder{begin: time.Now(), out: bufio.NewWriter(w), open: map[*Call]struct{}{}}
}

// Now returns the recorder's time in nanoseconds since 1970. It never goes back: it is the wall-clock time of the beginning plus the
// monotonic time since then.
func (r *Recorder) Now() int64 { return r.begin.UnixNano() + int64(time.Since(r.begin)) }

// Call is an operation that has not returned.
type Call struct {
	recorder *Recorder
	op       Operation[any, any]
}

// Call records that a client is about to send a request. The input must not change until the call has returned.
func (r *Recorder) Call(client int, kind Kind, input any) *Call {
	c := &Call{r, Operation[any, any]{Client: client, Kind: kind, Input: input}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[c] = struct{}{}
	c.op.Call = r.Now()
	return c
}

// Return records what the client was told. Only the first Return of a call counts.
func (c *Call) Return(output Output) {
	r := c.recorder
	at := r.Now() // before the lock, because the wait for it is no part of the operation
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, open := r.open[c]; !open {
		return
	}
	c.op.Return, c.op.Output = at, output
	r.write(c)
}

func (r *Recorder) write(c *Call) {
	delete(r.open, c)
	line, err := json.Marshal(c.op)
	if err == nil {
		_, err = r.out.Write(append(line, '\n'))
	}
	r.err = cmp.Or(r.err, err)
}

// unanswered is the output of a call that never returned.
type unanswered struct {
	Outcome Outcome `json:"outcome"`
}

// Close writes the calls that never returned, with the outcome Unknown, and returns the first error of the recorder.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.op.Output = unanswered{Unknown}
		r.write(c)
	}
	return errors.Join(r.err, r.out.Flush())
}
