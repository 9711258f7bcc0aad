package httpapi

import (
	"strconv"
	"unicode/utf8"

	"agora/fault"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of what a Problem repeats of a request: its answer stays small however many mistakes a caller makes, and
// however long the names are that they give.
const (
	fieldsSize  = 32 << 10 // bytes of all offending fields, encoded
	detailSize  = 12 << 10 // bytes of the detail, encoded
	nameSize    = 128      // bytes of the name of a field
	messageSize = 512      // bytes of what is wrong with it
)

// mistakes are the first offending fields of an input, and the number of the others.
type mistakes struct {
	whole  string // what is wrong with the input as a whole
	fields []fault.Field
	more   int
}

func (m *mistakes) any() bool { return m.whole != "" || len(m.fields) > 0 }

func (m *mistakes) full() bool { return len(m.fields) >= fault.MaxFields }

// add notes a mistake. One without a name is about the body as a whole.
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

// detail is a sentence for a person: fields say more than what is said of the whole.
func (m *mistakes) detail() string {
	if len(m.fields) == 0 {
		return m.whole
	}
	return fault.Sentence(m.fields, m.more)
}

// bounded returns the fields within the bounds, as far as they fit.
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

// boundedDetail returns the detail within its bound.
func boundedDetail(detail string) string {
	detail = cut(detail, detailSize)
	if encodedSize(detail) > detailSize {
		return cut(detail, detailSize/6) // a byte is six characters at most: \u0001
	}
	return detail
}

func encodedSize(text string) int {
	quoted, _ := jsontext.AppendQuote(nil, text) // fails only on text that is not UTF-8, which it replaces
	return len(quoted)
}

// cut shortens a text to a number of bytes, and shows that it did.
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

// fieldAt writes a JSON pointer as a caller would: lines[0].quantity for /lines/0/quantity.
func fieldAt(p jsontext.Pointer) string {
	var name []byte
	for token := range p.Tokens() {
		_, err := strconv.ParseUint(token, 10, 32)
		name = appendToken(name, token, err == nil)
	}
	return string(name)
}

// appendToken appends to the name of a list or an object that of its member.
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
