// Package verify proves from the outside what clients of the shop saw: a history of their operations, with
// when each was called and when it returned, is checked against what has to hold of any run.
//
// Load and crash tests write the history with a Recorder; Check reads it. What it is not: an audit of a
// data folder, which is shop.Audit. The two belong together: the audit shows that what is kept is
// consistent, and the history that nothing which clients were told is missing from it.
package verify

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Kind says what a client asked for.
type Kind string

const (
	Place   Kind = "place"   // an order of Units under Key
	Cancel  Kind = "cancel"  // Units of Order
	Restock Kind = "restock" // a change of the units on hand by Units, which may be negative
	Read    Kind = "read"    // the stock of the one SKU in Units
)

// Outcome says what a client was told.
type Outcome string

const (
	OK        Outcome = "ok"        // done; a placed order is confirmed
	Pending   Outcome = "pending"   // the order is taken and waits for its payment
	Cancelled Outcome = "cancelled" // the order was taken and given up again before the answer, such as when it was declined
	Short     Outcome = "short"     // refused for want of the SKUs in Output.Short
	Refused   Outcome = "refused"   // refused for another reason, with nothing changed
	Unknown   Outcome = "unknown"   // no answer: it may have happened, or may yet happen
)

// Operation is one operation of a client, and a line of a history. A request that is repeated under one key
// may be recorded as one operation, from the first call to the last return, or as one for each call.
type Operation struct {
	Client int    `json:"client"`
	Call   int64  `json:"call"`   // nanoseconds since 1970, by the recorder's one clock
	Return int64  `json:"return"` // the same; without meaning for Unknown
	Kind   Kind   `json:"kind"`
	Input  Input  `json:"input"`
	Output Output `json:"output"`
}

// Input is what an operation asked for.
type Input struct {
	Key   string           `json:"key,omitempty"`   // Idempotency-Key, with what makes it unique among users
	Order string           `json:"order,omitempty"` // what to cancel
	Units map[string]int64 `json:"units"`           // by SKU
}

// Output is what an operation was told.
type Output struct {
	Outcome   Outcome  `json:"outcome"`
	Order     string   `json:"order,omitempty"`     // of Place: OK, Pending and Cancelled
	Short     []string `json:"short,omitempty"`     // of Short: every SKU of which there was too little
	Available int64    `json:"available,omitempty"` // of Read: units on hand less units held
}

// Recorder writes a history, one JSON object a line, as operations return. It is safe for concurrent use.
type Recorder struct {
	begin time.Time

	mu   sync.Mutex
	out  *bufio.Writer
	open map[*Call]struct{}
	err  error
}

// NewRecorder returns a recorder that writes to w. Close it, or the end of the history may be missing.
func NewRecorder(w io.Writer) *Recorder {
	return &Recorder{begin: time.Now(), out: bufio.NewWriter(w), open: map[*Call]struct{}{}}
}

// now is wall-clock time that never goes back: the time of the beginning, and what passed since.
func (r *Recorder) now() int64 { return r.begin.UnixNano() + int64(time.Since(r.begin)) }

// Call is an operation under way.
type Call struct {
	recorder *Recorder
	op       Operation
}

// Call notes that a client is about to ask for something.
func (r *Recorder) Call(client int, kind Kind, input Input) *Call {
	c := &Call{r, Operation{Client: client, Kind: kind, Input: input}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[c] = struct{}{}
	c.op.Call = r.now()
	return c
}

// Return notes what the client was told. Only the first Return of a call counts.
func (c *Call) Return(output Output) {
	r := c.recorder
	at := r.now() // before the lock: to wait for it is not part of the operation
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

// Close writes the calls that never returned, as Unknown, and returns the first error there was.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.op.Output.Outcome = Unknown
		r.write(c)
	}
	return errors.Join(r.err, r.out.Flush())
}

// ReadHistory reads what a Recorder wrote, and returns it in the order of the calls.
func ReadHistory(r io.Reader) ([]Operation, error) {
	var history []Operation
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	for {
		var op Operation
		err := dec.Decode(&op)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = op.check()
		}
		if err != nil {
			return nil, fmt.Errorf("operation %d of the history: %w", len(history)+1, err)
		}
		history = append(history, op)
	}
	slices.SortStableFunc(history, func(a, b Operation) int { return cmp.Compare(a.Call, b.Call) })
	return history, nil
}

// check refuses what no client can have done.
func (op Operation) check() error {
	kinds := []Kind{Place, Cancel, Restock, Read}
	outcomes := []Outcome{OK, Pending, Cancelled, Short, Refused, Unknown}
	taken := op.Kind == Place && slices.Contains([]Outcome{OK, Pending, Cancelled}, op.Output.Outcome)
	switch {
	case !slices.Contains(kinds, op.Kind):
		return fmt.Errorf("no operation is called %q", op.Kind)
	case !slices.Contains(outcomes, op.Output.Outcome):
		return fmt.Errorf("no outcome is called %q", op.Output.Outcome)
	case op.Output.Outcome != Unknown && op.Return < op.Call:
		return errors.New("it returned before it was called")
	case taken && op.Output.Order == "":
		return errors.New("an order that was taken has no id")
	case op.Kind == Read && len(op.Input.Units) != 1:
		return errors.New("a read is of one SKU")
	}
	return nil
}

// merged returns the history with all calls by which a client came to one order, under one key, as one
// operation: from the first of them, which may be the one that made it, to the first that was answered.
func merged(history []Operation) []Operation {
	all := make([]Operation, 0, len(history))
	lost, answered := map[string][]int{}, map[string]int{} // by key: where in all
	drop := map[int]bool{}
	for _, op := range history {
		key := op.Input.Key
		at, again := answered[key]
		switch {
		case op.Kind != Place || key == "":
		case again && all[at].Output.Order == op.Output.Order:
			all[at].Return = min(all[at].Return, op.Return)
			continue
		case again && op.Output.Outcome == Unknown:
			continue // what it repeats has happened
		case op.Output.Outcome == Unknown:
			lost[key] = append(lost[key], len(all))
		case op.Output.Order != "":
			for _, i := range lost[key] {
				op.Call = min(op.Call, all[i].Call)
				drop[i] = true
			}
			answered[key] = len(all)
		}
		all = append(all, op)
	}
	kept := all[:0]
	for i, op := range all {
		if !drop[i] {
			kept = append(kept, op)
		}
	}
	return kept
}
