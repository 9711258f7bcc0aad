package httpapi

import (
	"strconv"
	"unicode/utf8"

	"agora/fault"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of a Problem. Its answer is small for any number of mistakes and any length of names.
const (
	fieldsSize  = 32 << 10 // most bytes of all offending fields as JSON
	detailSize  = 12 << 10 // most bytes of the detail as JSON
	nameSize    = 128      // most bytes of the name of a field
	messageSize = 512      // most bytes of the message about a field
)

// mistakes are the first offending fields of an input, and the number of the others.
type mistakes struct {
	whole  string // mistake of the input as a whole; "" for none
	fields []fault.Field
	more   int
}

func (m *mistakes) any() bool { return m.whole != "" || len(m.fields) > 0 }

func (m *mistakes) full() bool { return len(m.fields) >= fault.MaxFields }

// add adds a mistake. The name is empty if the body as a whole is wrong.
func (m *mistakes) add(name, message string) {
	switch {
	case name == "":
		m.whole = "the body " + message
	case m.full():
		m.more++
	default:
		m.fields = append(m.fields, fault.Field{Name: cut(name, nameSize), Message: cut(message, messageSize)})
	}
}

// join adds the mistakes of another part of the input.
func (m *mistakes) join(other mistakes) {
	if other.whole != "" {
		m.whole = other.whole
	}
	for _, f := range other.fields {
		m.add(f.Name, f.Message)
	}
	m.more += other.more
}

// detail returns a sentence for a person.
func (m *mistakes) detail() string {
	if len(m.fields) == 0 {
		return m.whole
	}
	return fault.Sentence(m.fields, m.more)
}

// bounded returns the fields with cut texts, up to fieldsSize.
func bounded(fields []fault.Field) []fault.Field {
	if len(fields) == 0 {
		return nil
	}
	kept := make([]fault.Field, 0, len(fields))
	room := fieldsSize
	for _, f := range fields {
		f = fault.Field{Name: cut(f.Name, nameSize), Message: cut(f.Message, messageSize)}
		room -= encodedSize(f.Name) + encodedSize(f.Message)
		if room < 0 {
			break
		}
		kept = append(kept, f)
	}
	return kept
}

// boundedDetail returns the detail, cut to detailSize.
func boundedDetail(detail string) string {
	detail = cut(detail, detailSize)
	if encodedSize(detail) > detailSize {
		return cut(detail, detailSize/6) // JSON has at most six characters for a byte: \u0001
	}
	return detail
}

func encodedSize(text string) int {
	quoted, _ := jsontext.AppendQuote(nil, text) // the error is about invalid UTF-8, which is replaced
	return len(quoted)
}

// cut returns the text, or its beginning and an ellipsis if it is longer than size bytes.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	const end = "…"
	size -= len(end)
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size] + end
}

// fieldAt returns the name of the field at a JSON pointer: lines[0].quantity for /lines/0/quantity.
func fieldAt(p jsontext.Pointer) string {
	var name []byte
	for token := range p.Tokens() {
		_, err := strconv.ParseUint(token, 10, 32)
		name = appendToken(name, token, err == nil)
	}
	return string(name)
}

// appendToken appends the name of a member to that of its list or object.
func appendToken(name []byte, token string, index bool) []byte {
	if index {
		return append(append(append(name, '['), token...), ']')
	}
	if len(name) > 0 {
		name = append(name, '.')
	}
	if token == "" {
		token = `""`
	}
	return append(name, token...)
}
