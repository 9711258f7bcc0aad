package httpapi

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"agora/fault"
)

// Event is one server-sent event, as the HTML standard has it (section 9.2). Every field may be empty.
type Event struct {
	ID    string        // that a client sends as Last-Event-ID when it connects again; without line breaks
	Name  string        // the type of the event, "message" without one; without line breaks
	Retry time.Duration // how long the client has to wait before it connects again
	Data  []byte        // lines of text
}

// heartbeat is a comment, which clients ignore.
const heartbeat = ":\n\n"

// append appends the event as it is sent. It is an error of the program that an id or a name holds a line break, which would
// end the field, or an id a zero, which makes clients ignore it.
func (e Event) append(b []byte) ([]byte, error) {
	if strings.ContainsAny(e.ID, "\r\n\x00") || strings.ContainsAny(e.Name, "\r\n\x00") {
		return b, fault.New(fault.Internal, "", "the id or the name of an event holds a line break or a zero")
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
