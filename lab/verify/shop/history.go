// Package shop checks the history of a shop's clients: whether each answer still holds, whether a SKU was oversold, and
// whether the operations on each SKU are linearizable. It is used by load tests, crash tests and agora verify shop.
package shop

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"agora/lab/verify"
)

// The kinds of operations.
const (
	Place   verify.Kind = "place"   // an order of Units under Key
	Cancel  verify.Kind = "cancel"  // the cancellation of Units of Order
	Restock verify.Kind = "restock" // a change of the units on hand by Units, which may be negative
	Read    verify.Kind = "read"    // a read of the stock of the one SKU in Units
)

// The outcomes of operations.
const (
	OK        verify.Outcome = "ok"        // done; a placed order is confirmed
	Pending   verify.Outcome = "pending"   // the order is accepted and waits for its payment
	Cancelled verify.Outcome = "cancelled" // the order was accepted, and cancelled before the answer, for example because it was declined
	Short     verify.Outcome = "short"     // refused because there were too few units of the SKUs in Output.Short
	Refused   verify.Outcome = "refused"   // refused for another reason; nothing changed
	Unknown                  = verify.Unknown
)

// Operation is one operation of a client. A request that is repeated under one key may be recorded as one operation, from
// the first call to the last return, or as one operation for each call.
type Operation = verify.Operation[Input, Output]

// Input is what an operation asked for.
type Input struct {
	Key   string           `json:"key,omitempty"`   // the Idempotency-Key, made unique among users
	Order string           `json:"order,omitempty"` // the order to cancel
	Units map[string]int64 `json:"units"`           // by SKU
}

// Output is what the client was told.
type Output struct {
	Outcome   verify.Outcome `json:"outcome"`
	Order     string         `json:"order,omitempty"`     // the placed order, if OK, Pending or Cancelled
	Short     []string       `json:"short,omitempty"`     // if Short, every SKU with too few units
	Available int64          `json:"available,omitempty"` // the answer to a Read: units on hand minus units held
}

// Result implements verify.Output.
func (o Output) Result() verify.Outcome { return o.Outcome }

// ReadHistory reads a history of a shop, and returns it in the order of the calls.
func ReadHistory(r io.Reader) ([]Operation, error) { return verify.ReadHistory(r, checkOperation) }

// checkOperation returns an error for an operation that no client can have recorded.
func checkOperation(op Operation) error {
	kinds := []verify.Kind{Place, Cancel, Restock, Read}
	outcomes := []verify.Outcome{OK, Pending, Cancelled, Short, Refused, Unknown}
	accepted := op.Kind == Place && slices.Contains([]verify.Outcome{OK, Pending, Cancelled}, op.Output.Outcome)
	switch {
	case !slices.Contains(kinds, op.Kind):
		return fmt.Errorf("no operation is called %q", op.Kind)
	case !slices.Contains(outcomes, op.Output.Outcome):
		return fmt.Errorf("no outcome is called %q", op.Output.Outcome)
	case accepted && op.Output.Order == "":
		return errors.New("an order that was taken has no id")
	case op.Kind == Read && len(op.Input.Units) != 1:
		return errors.New("a read is of one SKU")
	}
	return nil
}

// merged returns the history with all calls for one order under one key as one operation. It begins with the first of
// these calls, which may have created the order, and returns with the first that was answered.
func merged(history []Operation) []Operation {
	all := make([]Operation, 0, len(history))
	lost, answered := map[string][]int{}, map[string]int{} // indexes in all, by key
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
			continue // the order was created before
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
