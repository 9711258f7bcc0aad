package verify

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A SKU's stock is linearizable if all operations on it could have happened one after the other, each at
// some moment between its call and its return, and have told each client what it was told: Herlihy and Wing,
// "Linearizability: A Correctness Condition for Concurrent Objects", TOPLAS 1990. An order of several
// SKUs is one operation on each of them.

// never is when an operation returns of which nobody knows whether it happened. Put behind all others it
// changes nothing that anybody saw, which is as good as not having happened.
const never = math.MaxInt64

// effect is what an operation does to the stock of one SKU.
type effect struct {
	kind     effectKind
	quantity int64 // units; of look: those that the client was told
	slot     string
}

type effectKind uint8

const (
	look        effectKind = iota // there are quantity units for sale
	take                          // there are enough, and they are taken
	enough                        // there are enough, and they stay
	tooFew                        // there are too few
	give                          // units come, or go if negative
	takeMaybe                     // units are taken if there are enough
	takeSlot                      // as take, and the slot remembers it
	giveSlot                      // what the slot remembers comes back
	giveIfTaken                   // the same, or nothing if the slot remembers nothing
)

// level is the state of a SKU: the units for sale, and the slots that remember units which will come back.
type level struct {
	available int64
	slots     string // ids, sorted, each followed by a space
}

func (l level) step(e effect) (bool, level) {
	covered := l.available >= e.quantity
	taken := level{l.available - e.quantity, l.slots}
	returned := level{l.available + e.quantity, l.slots}
	switch e.kind {
	case look:
		return l.available == e.quantity, l
	case enough:
		return covered, l
	case tooFew:
		return !covered, l
	case take:
		return covered, taken
	case give:
		return true, returned
	case takeSlot:
		return covered, taken.with(e.slot)
	case takeMaybe:
		if covered {
			return true, taken.with(e.slot)
		}
		return true, l
	case giveSlot:
		return l.has(e.slot), returned.without(e.slot)
	default: // giveIfTaken
		if l.has(e.slot) {
			return true, returned.without(e.slot)
		}
		return true, l
	}
}

func (l level) has(slot string) bool { return strings.Contains(" "+l.slots, " "+slot+" ") }

func (l level) with(slot string) level {
	slots := append(strings.Fields(l.slots), slot)
	slices.Sort(slots)
	return level{l.available, strings.Join(slots, " ") + " "}
}

func (l level) without(slot string) level {
	return level{l.available, strings.TrimPrefix(strings.Replace(" "+l.slots, " "+slot+" ", " ", 1), " ")}
}

// model is a SKU that begins with the units.
func model(available int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return level{available: available} },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := state.(level).step(input.(effect))
			return ok, next
		},
	}
}

// effects returns what a history did to each SKU. mayEnd reports whether an order may have been given up
// by the shop itself, after the client was told that it is pending.
func effects(history []Operation, mayEnd func(orderID string) bool) map[string][]porcupine.Operation {
	bySKU := map[string][]porcupine.Operation{}
	for i, op := range history {
		slot := strconv.Itoa(i)
		end := op.Return
		if op.Output.Outcome == Unknown {
			end = never
		}
		for sku, quantity := range op.Input.Units {
			add := func(kind effectKind, call, end int64) {
				bySKU[sku] = append(bySKU[sku], porcupine.Operation{
					ClientId: op.Client, Call: call, Return: end, Input: effect{kind, quantity, slot},
				})
			}
			switch op.Kind {
			case Place:
				placed(op, sku, end, mayEnd, add)
			case Cancel, Restock:
				if op.Output.Outcome == OK || op.Output.Outcome == Unknown {
					add(give, op.Call, end)
				}
			case Read:
				if quantity = op.Output.Available; op.Output.Outcome == OK {
					add(look, op.Call, end)
				}
			}
		}
	}
	return bySKU
}

// placed adds what an order did to one of its SKUs.
func placed(op Operation, sku string, end int64, mayEnd func(string) bool, add func(effectKind, int64, int64)) {
	switch op.Output.Outcome {
	case OK:
		add(take, op.Call, end)
	case Pending:
		add(take, op.Call, end)
		if mayEnd(op.Output.Order) {
			add(give, end, never)
		}
	case Cancelled:
		add(takeSlot, op.Call, end)
		add(giveSlot, op.Call, end)
	case Short:
		if slices.Contains(op.Output.Short, sku) {
			add(tooFew, op.Call, end)
		} else {
			add(enough, op.Call, end)
		}
	case Unknown:
		add(takeMaybe, op.Call, end)
		add(giveIfTaken, op.Call, end)
	}
}

// window is a part of a SKU's history that can be checked by itself, because the units at its beginning are known.
type window struct {
	available  int64
	operations []porcupine.Operation
}

// windows cuts a SKU's history at each read that nothing else was under way with. There are none if the
// first operation is not such a read: nothing is known of the beginning then. An operation without a
// return prevents all cuts behind it.
func windows(ops []porcupine.Operation) []window {
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var all []window
	var busyUntil int64
	for i, op := range ops {
		e := op.Input.(effect)
		alone := op.Call > busyUntil && (i+1 == len(ops) || ops[i+1].Call > op.Return)
		busyUntil = max(busyUntil, op.Return)
		cut := alone && e.kind == look
		if i == 0 && !cut {
			return nil
		}
		if i > 0 {
			last := &all[len(all)-1]
			last.operations = append(last.operations, op)
		}
		if cut {
			all = append(all, window{available: e.quantity})
		}
	}
	return all
}

// decide checks the windows of one SKU, each in at most the time. It returns how many operations could have
// happened one after the other, and Illegal for the first window of which they could not, or Unknown if the
// time was not enough to know.
func decide(all []window, limit time.Duration) (checked int, result porcupine.CheckResult) {
	for _, w := range all {
		w, _ = narrow(w) // or the whole window, to be searched
		if result = porcupine.CheckOperationsTimeout(model(w.available), w.operations, limit); result != porcupine.Ok {
			return checked, result
		}
		checked += len(w.operations)
	}
	return checked, porcupine.Ok
}
