package verify

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"agora/pattern/audit"
)

// An object is linearizable if all operations on it could have happened one after the other, each at some moment between
// its call and its return, with the answers that the clients got: Herlihy and Wing, "Linearizability: A Correctness
// Condition for Concurrent Objects", TOPLAS 1990.

// Never is the return of an operation with the outcome Unknown. After all other operations it changes no answer, which
// equals that it did not happen.
const Never = math.MaxInt64

// patience bounds the search for an order of a window's operations. A linearizable history takes milliseconds, but the
// proof that a history is not linearizable can take exponential time.
const patience = time.Minute

// Part is the part of an operation that concerns one object. An operation on several objects has one for each.
type Part[E any] struct {
	Client       int
	Call, Return int64
	Effect       E // what the operation does to the object, together with the answer
}

// Model says how an object of a system behaves. S is the state of the object, and E what an operation does to it.
type Model[S comparable, E any] struct {
	// Step returns the state after the effect. It returns false if the effect is impossible in the state.
	Step func(state S, effect E) (possible bool, next S)

	// Reveal returns the state of the object if the effect alone tells it, such as that of a read.
	Reveal func(effect E) (state S, known bool)

	// Witness guesses an order in which the parts of a window happened, by their indexes. Check verifies the guess,
	// and searches for an order if it is wrong. Witness may be nil.
	Witness func(Window[S, E]) (order []int, ok bool)
}

// Window is a section of an object's history that can be checked by itself, because the state at its beginning is known.
type Window[S comparable, E any] struct {
	Begin S
	Parts []Part[E]
}

// Check checks each object by itself. That is enough: a history is linearizable if the history of each object is.
func (m Model[S, E]) Check(check *audit.Check, objects map[string][]Part[E]) {
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		windows := m.Windows(objects[name])
		if len(windows) == 0 {
			check.Differ("%s: the history does not begin with a read by itself, so that nothing is known of its beginning", name)
			continue
		}
		checked, result := m.decide(windows, patience)
		check.Compared += int64(checked)
		switch result {
		case porcupine.Illegal:
			check.Differ("%s: its operations are not linearizable, from operation %d on", name, checked+1)
		case porcupine.Unknown:
			check.Differ("%s: not decided within %v, from operation %d on; record fewer clients or more reads between", name, patience, checked+1)
		}
	}
}

// Windows cuts an object's history at each part that reveals the state and overlaps no other part. It returns none if the
// first part is not such a part, because the state at the beginning is unknown. A part that returns Never prevents all
// later cuts.
func (m Model[S, E]) Windows(parts []Part[E]) []Window[S, E] {
	slices.SortStableFunc(parts, func(a, b Part[E]) int { return cmp.Compare(a.Call, b.Call) })
	var all []Window[S, E]
	var busyUntil int64
	for i, part := range parts {
		alone := part.Call > busyUntil && (i+1 == len(parts) || parts[i+1].Call > part.Return)
		busyUntil = max(busyUntil, part.Return)
		state, known := m.Reveal(part.Effect)
		cut := alone && known
		if i == 0 && !cut {
			return nil
		}
		if i > 0 {
			last := &all[len(all)-1]
			last.Parts = append(last.Parts, part)
		}
		if cut {
			all = append(all, Window[S, E]{Begin: state})
		}
	}
	return all
}

// decide checks the windows of one object, each within the limit. It returns the number of parts in the windows that are
// linearizable, and the result of the first window that is not: Illegal, or Unknown if the limit was too short.
func (m Model[S, E]) decide(windows []Window[S, E], limit time.Duration) (checked int, result porcupine.CheckResult) {
	for _, w := range windows {
		if !m.witnessed(w) {
			if result = m.search(w, limit); result != porcupine.Ok {
				return checked, result
			}
		}
		checked += len(w.Parts)
	}
	return checked, porcupine.Ok
}

// witnessed reports whether the model's Witness returns an order that proves the window linearizable.
func (m Model[S, E]) witnessed(w Window[S, E]) bool {
	if m.Witness == nil {
		return false
	}
	order, ok := m.Witness(w)
	return ok && m.proves(w, order)
}

// proves reports whether all parts can have happened in the order: each part once, between its call and its return, and
// possible in the state that the parts before it made.
func (m Model[S, E]) proves(w Window[S, E], order []int) bool {
	if len(order) != len(w.Parts) {
		return false
	}
	happened := make([]bool, len(w.Parts))
	state := w.Begin
	var now int64 // the earliest moment at which the last part can have happened
	for _, i := range order {
		if i < 0 || i >= len(happened) || happened[i] || w.Parts[i].Return < now {
			return false
		}
		happened[i] = true
		now = max(now, w.Parts[i].Call)
		possible, next := m.Step(state, w.Parts[i].Effect)
		if !possible {
			return false
		}
		state = next
	}
	return true
}

// search searches for an order of the window's parts.
func (m Model[S, E]) search(w Window[S, E], limit time.Duration) porcupine.CheckResult {
	operations := make([]porcupine.Operation, len(w.Parts))
	for i, part := range w.Parts {
		operations[i] = porcupine.Operation{ClientId: part.Client, Call: part.Call, Return: part.Return, Input: part.Effect}
	}
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return w.Begin },
		Step: func(state, effect, _ any) (bool, any) { return m.Step(state.(S), effect.(E)) },
	}, operations, limit)
}
