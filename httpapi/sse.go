package httpapi

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"agora/fault"
)

// Event is one server-sent event (HTML standard, section 9.2). Every field may be empty.
type Event struct {
	ID    string        // the client sends it as Last-Event-ID when it reconnects; no line breaks
	Name  string        // type of the event; empty for "message"; no line breaks
	Retry time.Duration // how long the client waits before it reconnects; 0 to leave it unchanged
	Data  []byte        // text of any number of lines
}

// heartbeat is an empty comment. Clients ignore it.
const heartbeat = ":\n\n"

// append appends the encoded event. An id or a name with a line break or a NUL is a bug of the handler: the line break would
// end the field, and clients ignore an id with a NUL.
func (e Event) append(b []byte) ([]byte, error) {
	if strings.ContainsAny(e.ID, "\r\n\x00") || strings.ContainsAny(e.Name, "\r\n\x00") {
		return b, fault.New(fault.Internal, "", "the id or the name of an event has a line break or a NUL")
	}
	if e.ID != "" {
		b = append(append(append(b, "id: "...), e.ID...), '\n')
	}
	if e.Name != "" {
		b = append(append(append(b, "event: "...), e.Name...), '\n')
	}
	if e.Retry > 0 {
		b = append(b, "retry: "...)
		b = append(strconv.AppendInt(b, e.Retry.Milliseconds(), 10), '\n')
	}
	if e.Data != nil {
		data := e.Data
		for {
			end := bytes.IndexAny(data, "\r\n")
			if end < 0 {
				break
			}
			b = append(append(append(b, "data: "...), data[:end]...), '\n')
			if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
				end++
			}
			data = data[end+1:]
		}
		b = append(append(append(b, "data: "...), data...), '\n')
	}
	return append(b, '\n'), nil
}
