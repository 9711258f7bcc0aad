// Package verify checks from outside what a system told its clients. Load and crash tests record a history with a
// Recorder: each operation, when it was called, and when it returned. A package below this one, such as verify/shop,
// knows the operations of its system and checks a history against a Model and against the stored data.
//
// An audit of the stored data, such as shop.Audit, completes the proof: it shows that the data is consistent, and the
// history that the data contains everything that clients were told.
package verify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Kind is the name of what a client asked for. Each system has kinds of its own.
type Kind string

// Outcome says what a client was told. Each system has outcomes of its own, except for Unknown.
type Outcome string

// Unknown is the outcome of an operation without an answer: it may have happened, or may yet happen.
const Unknown Outcome = "unknown"

// Operation is one operation of a client, and one line of a history. I and O are the input and the output of a system's
// operations.
type Operation[I, O any] struct {
	Client int   `json:"client"`
	Call   int64 `json:"call"`   // nanoseconds since 1970, by the recorder's clock
	Return int64 `json:"return"` // nanoseconds since 1970; without meaning if the outcome is Unknown
	Kind   Kind  `json:"kind"`
	Input  I     `json:"input"`
	Output O     `json:"output"`
}

// Output is what an operation told its client. Its JSON has a member "outcome".
type Output interface {
	// Result returns the outcome.
	Result() Outcome
}

// ReadHistory reads a history that a Recorder wrote, and returns it in the order of the calls. check returns an error for
// an operation that no client of the system can have recorded.
func ReadHistory[I any, O Output](r io.Reader, check func(Operation[I, O]) error) ([]Operation[I, O], error) {
	var history []Operation[I, O]
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	for {
		var op Operation[I, O]
		err := dec.Decode(&op)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = check(op)
		}
		if err == nil && op.Output.Result() != Unknown && op.Return < op.Call {
			err = errors.New("it returned before it was called")
		}
		if err != nil {
			return nil, fmt.Errorf("operation %d of the history: %w", len(history)+1, err)
		}
		history = append(history, op)
	}
	slices.SortStableFunc(history, func(a, b Operation[I, O]) int { return cmp.Compare(a.Call, b.Call) })
	return history, nil
}
