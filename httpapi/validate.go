package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// badBody is the reason why a body is refused. It is not JSON (status 400), or does not fit its schema (422).
type badBody struct {
	status int
	mistakes
}

// bodyChecker checks a JSON body against a schema in one pass over its text. It records the first mistakes and counts the
// others, so that its memory does not grow with their number. huma decodes the whole body into maps and lists
// and records every mistake, which took 600 MB for a body of 1 MiB.
type bodyChecker struct {
	schemas huma.Registry
	body    bytes.Buffer // tokens reads from a buffer without a copy
	tokens  *jsontext.Decoder
	path    *huma.PathBuffer // always empty: the position is that of tokens
	result  huma.ValidateResult
	found   mistakes
}

var checkers = sync.Pool{New: func() any {
	return &bodyChecker{tokens: new(jsontext.Decoder), path: huma.NewPathBuffer(nil, 0)}
}}

// checkBody returns why a body does not fit the schema, or nil.
func checkBody(schemas huma.Registry, root *huma.Schema, body []byte) *badBody {
	c, _ := checkers.Get().(*bodyChecker)
	c.schemas, c.found = schemas, mistakes{}
	c.body = *bytes.NewBuffer(body)
	c.tokens.Reset(&c.body)
	defer func() {
		if len(body) <= bodyKept { // tokens refers to the body
			checkers.Put(c)
		}
	}()
	err := c.value(root)
	if err == nil {
		err = c.end(body)
	}
	switch {
	case err != nil:
		name, message := unreadable(err, len(body))
		bad := &badBody{status: http.StatusBadRequest}
		bad.add(name, message)
		return bad
	case c.found.any():
		return &badBody{http.StatusUnprocessableEntity, c.found}
	}
	return nil
}

// end returns an error unless there is only space after the value.
func (c *bodyChecker) end(body []byte) error {
	at := int(c.tokens.InputOffset())
	rest := bytes.TrimLeft(body[at:], " \t\r\n")
	if len(rest) == 0 {
		return nil
	}
	return &jsontext.SyntacticError{ByteOffset: int64(len(body) - len(rest))}
}

// value checks the next value. It returns an error if the text is not JSON.
func (c *bodyChecker) value(s *huma.Schema) error {
	for s.Ref != "" {
		s = c.schemas.SchemaFromRef(s.Ref)
	}
	switch kind := c.tokens.PeekKind(); {
	case s.Type == "" && len(s.Enum) == 0:
		return c.tokens.SkipValue() // any value is valid
	case kind == '{' && s.Type == huma.TypeObject:
		return c.object(s)
	case kind == '[' && s.Type == huma.TypeArray:
		return c.array(s)
	case kind == '{' || kind == '[':
		if err := c.tokens.SkipValue(); err != nil {
			return err
		}
		c.scalar(s, struct{}{}) // a value of a type that no schema has
		return nil
	}
	token, err := c.tokens.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case '"':
		c.scalar(s, token.String())
	case '0':
		number := token.Float()
		if math.Abs(number) == math.MaxFloat64 {
			if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
				return &json.SemanticError{JSONKind: '0', JSONPointer: c.tokens.StackPointer(), Err: err}
			}
		}
		c.scalar(s, number)
	case 't', 'f':
		c.scalar(s, token.Bool())
	default:
		c.scalar(s, nil)
	}
	return nil
}

// scalar lets huma check a value that has no members.
func (c *bodyChecker) scalar(s *huma.Schema, value any) {
	c.result.Reset()
	huma.Validate(c.schemas, s, c.path, huma.ModeWriteToServer, value, &c.result)
	for _, err := range c.result.Errors {
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			c.mistake("", plainly(d.Message))
		}
	}
}

func (c *bodyChecker) object(s *huma.Schema) error {
	if _, err := c.tokens.ReadToken(); err != nil {
		return err
	}
	missing := make([]string, len(s.Required), 16)
	copy(missing, s.Required)
	extra, extraAllowed := s.AdditionalProperties.(*huma.Schema)
	closed, _ := s.AdditionalProperties.(bool)
	closed = !closed && s.AdditionalProperties != nil && !extraAllowed
	before, count := c.found, 0
	for c.tokens.PeekKind() == '"' {
		token, err := c.tokens.ReadToken()
		if err != nil {
			return err
		}
		count++
		name := token.String()
		property, known := s.Properties[name]
		switch {
		case known:
			required := drop(&missing, name)
			if c.tokens.PeekKind() == 'n' && (!required || s.Nullable) {
				err = c.tokens.SkipValue() // null means that the field is missing
			} else {
				err = c.value(property)
			}
		case s.MaxProperties != nil && count > *s.MaxProperties:
			err = c.tokens.SkipValue()
		case extraAllowed:
			err = c.value(extra)
		default:
			if closed {
				c.mistake("", unknownField)
				dropFold(&missing, name) // a name in the wrong case is one mistake
			}
			err = c.tokens.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := c.tokens.ReadToken(); err != nil {
		return err
	}
	for _, name := range missing {
		if p := s.Properties[name]; p == nil || !p.ReadOnly {
			c.mistake(name, "is missing")
		}
	}
	c.size(before, count, s.MinProperties, s.MaxProperties, validation.MsgExpectedMinProperties, validation.MsgExpectedMaxProperties)
	return nil
}

func (c *bodyChecker) array(s *huma.Schema) error {
	if _, err := c.tokens.ReadToken(); err != nil {
		return err
	}
	before, count := c.found, 0
	for c.tokens.PeekKind() != ']' {
		count++
		var err error
		if s.MaxItems != nil && count > *s.MaxItems {
			err = c.tokens.SkipValue()
		} else {
			err = c.value(s.Items)
		}
		if err != nil {
			return err
		}
	}
	if _, err := c.tokens.ReadToken(); err != nil {
		return err
	}
	c.size(before, count, s.MinItems, s.MaxItems, validation.MsgExpectedMinItems, validation.MsgExpectedMaxItems)
	return nil
}

// size checks the number of members of the object or list that was read last. If there are too many, it drops the mistakes in
// the members.
func (c *bodyChecker) size(before mistakes, count int, least, most *int, tooFew, tooMany string) {
	if least != nil && count < *least {
		c.mistake("", plainly(fmt.Sprintf(tooFew, *least)))
	}
	if most != nil && count > *most {
		c.found = before
		c.mistake("", plainly(fmt.Sprintf(tooMany, *most)))
	}
}

// mistake records a mistake in the value that was read last, or in its member.
func (c *bodyChecker) mistake(member, message string) {
	if c.found.full() {
		c.found.more++
		return
	}
	var name []byte
	depth := 0
	for token := range c.tokens.StackPointer().Tokens() {
		depth++
		kind, _ := c.tokens.StackIndex(depth)
		name = appendToken(name, token, kind == '[')
	}
	if member != "" {
		name = appendToken(name, member, false)
	}
	c.found.add(string(name), message)
}

// drop removes the name and reports whether it was there.
func drop(names *[]string, name string) bool {
	for i, n := range *names {
		if n == name {
			*names = append((*names)[:i], (*names)[i+1:]...)
			return true
		}
	}
	return false
}

// dropFold removes the names that are equal to name but for their case.
func dropFold(names *[]string, name string) {
	kept := (*names)[:0]
	for _, n := range *names {
		if !strings.EqualFold(n, name) {
			kept = append(kept, n)
		}
	}
	*names = kept
}

// checkable panics if the schema has keywords that bodyChecker does not support.
func checkable(schemas huma.Registry, s *huma.Schema, route string, seen map[*huma.Schema]bool) {
	for s != nil && s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	if len(s.OneOf) > 0 || len(s.AnyOf) > 0 || len(s.AllOf) > 0 || s.Not != nil || len(s.DependentRequired) > 0 || s.UniqueItems {
		panic("httpapi: the body of " + route + " has a schema with a keyword that bodyChecker does not support")
	}
	checkable(schemas, s.Items, route, seen)
	for _, p := range s.Properties {
		checkable(schemas, p, route, seen)
	}
	if extra, ok := s.AdditionalProperties.(*huma.Schema); ok {
		checkable(schemas, extra, route, seen)
	}
}
