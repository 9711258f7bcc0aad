package httpapi

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encoding has the options of every answer: an empty list is not null, equal values have equal bytes, and stored text that
// is not UTF-8 is replaced.
var encoding = json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true))

// jsonFormat is strict JSON (RFC 8259 and I-JSON, RFC 7493): one value, no duplicate names, valid UTF-8, names in the
// declared case. The library is the prototype of encoding/json/v2.
var jsonFormat = huma.Format{
	Marshal:   encode,
	Unmarshal: decode,
}

// encode writes v as JSON. It returns the errors of encoding, which are bugs, and not those of writing, because huma panics
// on an error.
func encode(w io.Writer, v any) error {
	if made, ok := v.(interface{ bytes() []byte }); ok {
		writeWhole(w, made.bytes())
		return nil
	}
	body, err := EncodeJSON(v)
	if err == nil {
		writeWhole(w, body)
	}
	return err
}

// decode reads one JSON value into v. The text of its error has the name of the wrong field.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	name, message := unreadable(err, len(data))
	return errors.New(name + placeEnd + message)
}

// placeEnd separates the name and the message in an error of decode, of which huma passes on only the text. The name is
// empty if the body as a whole is wrong.
const placeEnd = ": "

// unreadable returns the field that the error of a JSON decoder is about, and what is wrong with it. size is the length of
// the JSON text.
func unreadable(err error, size int) (name, message string) {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(e.Err, jsontext.ErrDuplicateName) {
			return fieldAt(e.JSONPointer), "is given twice"
		}
		return "", "is not valid JSON at byte " + strconv.FormatInt(e.ByteOffset, 10)
	}
	if errors.Is(err, io.EOF) {
		return "", "is not valid JSON at byte " + strconv.Itoa(size)
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	switch {
	case !ok:
		return "", "cannot be read"
	case errors.Is(e.Err, json.ErrUnknownName):
		return fieldAt(e.JSONPointer), unknownField
	case e.JSONKind == '0':
		return fieldAt(e.JSONPointer), "is out of range, or not a whole number"
	}
	return fieldAt(e.JSONPointer), "does not have the form that is asked for"
}

const unknownField = "is not a known field"

// checkTexts refuses parameters that huma accepts: a query that is not well formed, a query parameter that is given twice,
// of which huma takes the first, and texts with control characters or invalid UTF-8, which some stores do not accept.
func checkTexts(parameters []*huma.Param, r *http.Request) error {
	var c fault.Collector
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return fault.New(fault.Invalid, "", "the query of the URL is not well formed")
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			c.Check(len(query[name]) == 1, name, "is given twice")
			c.Check(!hasControl(name) && !hasControl(query[name][0]), name, notText)
		}
	}
	for _, p := range parameters {
		switch p.In {
		case "path":
			c.Check(!hasControl(r.PathValue(p.Name)), p.Name, notText)
		case "header":
			c.Check(!hasControl(r.Header.Get(p.Name)), p.Name, notText)
		}
	}
	return c.Err()
}

const notText = "holds a control character, or is not UTF-8"

// offending returns the field that a finding of huma is about, and what is wrong with it. The name is empty if the body as a
// whole is wrong. The value of the field is left out, because it may be secret.
func offending(d *huma.ErrorDetail) (name, message string) {
	name, inBody := strings.CutPrefix(d.Location, "body")
	if !inBody {
		_, name, _ = strings.Cut(d.Location, ".") // after path, query or header
	}
	name = strings.TrimPrefix(name, ".")
	message = d.Message
	// The last end: the names before it are the caller's and may hold one.
	if end := strings.LastIndex(message, placeEnd); end >= 0 && inBody && name == "" {
		name, message = message[:end], message[end+len(placeEnd):]
	}
	return name, plainly(message)
}

// plainly rewrites a message of huma so that it follows the name of the field in a sentence.
func plainly(message string) string {
	switch {
	case message == validation.MsgUnexpectedProperty:
		return unknownField
	case message == "unknown query parameter":
		return "is not a known parameter"
	case strings.HasPrefix(message, "required "):
		return "is missing"
	case strings.HasPrefix(message, "expected "):
		return "does not fit: " + message
	case strings.HasPrefix(message, "invalid "):
		return "is an " + message
	}
	return message
}

// missingBody is huma's message about a missing body.
const missingBody = "request body is required"

// hasControl reports whether a text of a request holds a control character, or is not UTF-8.
func hasControl(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
}
