package load

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http/httputil"
	"time"
)

const (
	openTimeout = 10 * time.Second // of the answer to a request for a stream
	silence     = 30 * time.Second // without a byte, after which a stream is lost; servers send heartbeats
	lineBuffer  = 4 << 10          // bytes at first
	longestLine = 256 << 10        // bytes of an event
)

// Event is a server-sent event (HTML standard, section 9.2).
type Event struct {
	ID   string // the Last-Event-ID of a stream that goes on after the event
	Name string
	Data []byte // valid until the next event
}

// Listen opens a stream of server-sent events and calls each with every event, until the stream or ctx ends. last is the ID of
// the last event of an earlier stream, or empty. The answer has another status than 200 if the server did not open the stream.
// An error means that the stream was lost before the end of ctx.
func (r Run) Listen(ctx context.Context, path, token, last string, each func(Event)) (Reply, error) {
	c := Connection{wire: &wire{target: r.target, in: bufio.NewReaderSize(nil, lineBuffer)}}
	defer c.Hangup()
	c.encode("GET ", path, token)
	c.add("Accept: text/event-stream\r\n")
	if last != "" {
		c.add("Last-Event-ID: ", last, "\r\n")
	}
	c.add("\r\n")
	answer, err := c.wire.listen(ctx, c.request, each)
	if ctx.Err() != nil {
		return answer, nil
	}
	return answer, err
}

// listen sends a request for a stream and reads events until the connection fails or ctx ends.
func (w *wire) listen(ctx context.Context, request []byte, each func(Event)) (Reply, error) {
	if err := w.ready(ctx, openTimeout); err != nil {
		return Reply{}, err
	}
	conn := w.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends the read that waits
	defer stop()
	if _, err := conn.Write(request); err != nil {
		return Reply{}, lost(err)
	}
	h, err := w.readHead()
	if err != nil {
		return Reply{}, lost(err)
	}
	if h.status != 200 {
		w.body = w.body[:0]
		err := w.readBody(h, true)
		return Reply{h.status, w.body, ""}, err
	}
	var in io.Reader = w.in
	switch {
	case h.chunked:
		in = httputil.NewChunkedReader(w.in)
	case h.length >= 0:
		in = io.LimitReader(w.in, h.length)
	}
	if err := w.readEvents(in, each); err != nil {
		return Reply{Status: h.status}, lost(err)
	}
	return Reply{Status: h.status}, errLost // a server does not end a stream
}

// readEvents reads events until the stream ends.
func (w *wire) readEvents(in io.Reader, each func(Event)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, lineBuffer), longestLine)
	var e Event
	for {
		if now := time.Now(); w.deadline.Sub(now) < silence {
			w.deadline = now.Add(2 * silence)
			if err := w.conn.SetDeadline(w.deadline); err != nil {
				return err
			}
		}
		if !lines.Scan() {
			return lines.Err()
		}
		field, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			e.ID = string(value)
		case "event":
			e.Name = string(value)
		case "data":
			if len(e.Data) > 0 {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, value...)
		}
		if len(lines.Bytes()) == 0 && (e.ID != "" || e.Name != "" || len(e.Data) > 0) {
			each(e)
			e = Event{Data: e.Data[:0]}
		}
	}
}
