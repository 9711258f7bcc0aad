package shop

import (
	"slices"
	"strconv"
	"strings"

	"agora/lab/verify"
)

// The model of the shop is the stock of one SKU. An order of several SKUs is one operation on each of them.

// effect is what an operation does to the stock of one SKU.
type effect struct {
	kind     effectKind
	quantity int64  // units; for see, the units that the client was told
	slot     string // remembers units that may come back
}

type effectKind uint8

const (
	see         effectKind = iota // there are exactly the units for sale
	take                          // there are enough units, and they are taken
	enough                        // there are enough units, and nothing changes
	tooFew                        // there are too few units, and nothing changes
	give                          // the units are added, or removed if negative
	takeMaybe                     // as takeSlot if there are enough units; otherwise nothing changes
	takeSlot                      // as take, and the slot remembers the units
	giveSlot                      // the units that the slot remembers are added
	giveIfTaken                   // as giveSlot if the slot remembers units; otherwise nothing changes
)

// level is the state of a SKU.
type level struct {
	available int64  // units for sale
	slots     string // the slots that remember units, sorted, each followed by a space
}

func (l level) step(e effect) (bool, level) {
	covered := l.available >= e.quantity
	taken := level{l.available - e.quantity, l.slots}
	returned := level{l.available + e.quantity, l.slots}
	switch e.kind {
	case see:
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

// part is the part of an operation that concerns one SKU.
type part = verify.Part[effect]

// stock is the model of the stock of a SKU.
var stock = verify.Model[level, effect]{
	Step:    level.step,
	Reveal:  func(e effect) (level, bool) { return level{available: e.quantity}, e.kind == see },
	Witness: witness,
}

// effects returns the effects of a history by SKU. mayEnd reports whether the shop itself may have cancelled an order
// after the client was told that it is pending.
func effects(history []Operation, mayEnd func(orderID string) bool) map[string][]part {
	bySKU := map[string][]part{}
	for i, op := range history {
		slot := strconv.Itoa(i)
		end := op.Return
		if op.Output.Outcome == Unknown {
			end = verify.Never
		}
		for sku, quantity := range op.Input.Units {
			add := func(kind effectKind, call, end int64) {
				bySKU[sku] = append(bySKU[sku], part{Client: op.Client, Call: call, Return: end, Effect: effect{kind, quantity, slot}})
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
					add(see, op.Call, end)
				}
			}
		}
	}
	return bySKU
}

// placed adds the effects of an order on one of its SKUs.
func placed(op Operation, sku string, end int64, mayEnd func(string) bool, add func(effectKind, int64, int64)) {
	switch op.Output.Outcome {
	case OK:
		add(take, op.Call, end)
	case Pending:
		add(take, op.Call, end)
		if mayEnd(op.Output.Order) {
			add(give, end, verify.Never)
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
