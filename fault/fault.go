// Package fault names the ways in which work can fail, once, for the whole program.
//
// Engines turn their driver's errors into a Kind at their edge, domain services add what the caller
// needs to know, and the HTTP layer maps each Kind to a status in one place. Wrap a fault with fmt.Errorf and %w as
// any error: KindOf unwraps it.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says who has to do what about a failure. The zero Kind is Internal, so that an error nobody
// classified is treated as a bug and never shown to a caller.
type Kind uint8

const (
	Internal        Kind = iota // a bug or a broken store: nothing the caller can change
	Invalid                     // the input breaks a rule; Fields name where
	Unauthenticated             // nobody is signed in, or the credential is not valid (any more)
	Denied                      // the caller is known and may not do this
	NotFound                    // no such object, or none that the caller may know of
	Conflict                    // the object's state does not allow it now
	Stale                       // the caller's version is not the current one
	Declined                    // the payment provider said no
	TooLarge                    // the input is over a limit
	Exhausted                   // a rate or a quota is used up; RetryAfter says for how long
	Unavailable                 // a part that is needed is away; the same call may succeed later
	Timeout                     // the time that the call was given is over
	Gone                        // what the caller refers to was there, and does not come back
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "denied", "not_found", "conflict", "stale",
	"declined", "too_large", "exhausted", "unavailable", "timeout", "gone",
}

// String returns the kind's stable name, which is also the default code of an error of that kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Field is one offending place of the input. Name is its path as the caller wrote it, such as
// "lines[2].quantity" or "If-Match".
type Field struct {
	Name    string `json:"field"`
	Message string `json:"message"`
}

// Error is a classified failure. Message is meant for the caller and must not hold secrets or
// internals; those belong into the wrapped error, which is only logged.
type Error struct {
	Kind       Kind
	Code       string        // stable and machine-readable, such as "insufficient_stock"; empty means Kind.String()
	Message    string        // one sentence for the caller
	Fields     []Field       // offending places of the input, if any
	RetryAfter time.Duration // how long to wait before trying again; 0 if unknown
	cause      error
}

// New returns an error of the kind with a stable code, a message for the caller, and the offending fields.
func New(kind Kind, code, message string, fields ...Field) *Error {
	return &Error{Kind: kind, Code: code, Message: message, Fields: fields}
}

// Wrap classifies cause. The message is for the caller; the cause is for the log.
// It returns nil for a nil cause, as an error so that the result can be returned directly.
func Wrap(kind Kind, cause error, message string) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: kind, Message: message, cause: cause}
}

// ErrInvalid returns an Invalid error about one field of the input.
func ErrInvalid(field, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return New(Invalid, "invalid", field+" "+message, Field{Name: field, Message: message})
}

// ErrNotFound returns the NotFound error for a thing that was asked for by name.
func ErrNotFound(thing, name string) *Error {
	return New(NotFound, "not_found", thing+" "+name+" does not exist")
}

// CodeNewerSchema is the code of ErrNewerSchema.
const CodeNewerSchema = "schema_newer"

// ErrNewerSchema returns the error of a program that finds a store in a newer form than it knows. The program
// has to leave such a store as it is: store names it, found is its version, and known the newest that can be read.
func ErrNewerSchema(store string, found, known int64) *Error {
	return New(Conflict, CodeNewerSchema, fmt.Sprintf(
		"%s has schema version %d, and this program knows versions up to %d: run the newer program, or restore a backup of the older version; nothing was changed",
		store, found, known))
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Message == "" {
		b.WriteString(e.CodeOrKind())
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// CodeOrKind returns the stable code, or the kind's name where none was given.
func (e *Error) CodeOrKind() string {
	if e.Code != "" {
		return e.Code
	}
	return e.Kind.String()
}

// KindOf returns the kind of the outermost classified error in err's chain. A context that ended is
// Timeout; anything else is Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Timeout
	}
	return Internal
}

// Is reports whether err is of the kind; a nil error is of none.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Passing reports whether the same call may succeed later: a part that is needed is away or too slow.
func Passing(err error) bool { return Away(err) || Is(err, Timeout) }

// Away reports whether a part that is needed cannot be reached or does not work at the moment.
func Away(err error) bool { return Is(err, Unavailable) }

// CodeOf returns the stable code of the outermost classified error in err's chain.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.CodeOrKind()
	}
	return KindOf(err).String()
}

// MaxFields is how many offending fields a Collector names. It counts the others, so that an input with any number of
// mistakes makes an error of bounded size.
const MaxFields = 20

// Collector gathers the offending fields of an input, so that a caller sees them at once and not one by one.
// The zero value is ready to use.
type Collector struct {
	fields []Field
	more   int
}

// Add records that a field is wrong.
func (c *Collector) Add(field, format string, args ...any) {
	if len(c.fields) == MaxFields {
		c.more++
		return
	}
	c.fields = append(c.fields, Field{Name: field, Message: fmt.Sprintf(format, args...)})
}

// Check records that a field is wrong unless ok holds.
func (c *Collector) Check(ok bool, field, format string, args ...any) {
	if !ok {
		c.Add(field, format, args...)
	}
}

// Err returns one Invalid error naming the recorded fields, or nil if there is none.
func (c *Collector) Err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return New(Invalid, "invalid", Sentence(c.fields, c.more), c.fields...)
}

// Sentence says what is wrong with each of the fields, and how many more there are.
func Sentence(fields []Field, more int) string {
	parts := make([]string, len(fields), len(fields)+1)
	for i, f := range fields {
		parts[i] = f.Name + " " + f.Message
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}
