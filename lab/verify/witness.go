package verify

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/anishathalye/porcupine"
)

// To search for an order of operations takes time exponential in how many of them were under way at once, and
// in a crowd that waits for a server to come back these are all. But mostly there is no need to search: what
// takes or gives units is put off until it has to have happened, and what only tells of them happens at
// the first moment at which it is true. If that gives an order, the order is the proof. If not, a few tries by
// chance follow, in which some operations are not put off. If none of them gives one, nothing is known, and
// the order is searched for.

// tries is how often an order is guessed.
const tries = 100

// moment is the call or the return of an operation.
type moment struct {
	at      int64
	returns bool
	op      int
}

// schedule is an order of the operations of a window, as far as it is made.
type schedule struct {
	level   level
	effects []effect
	pending []int // operations that were called and have not happened yet, those that return first first
	ends    []int64
}

// explained reports whether an order that explains what all clients of a window were told was found without a
// search. False says nothing.
func explained(w window) bool {
	moments := momentsOf(w.operations)
	for try := range tries {
		luck := rand.New(rand.NewPCG(uint64(try), 0))
		share := luck.Float64()
		eager := func() bool { return try > 0 && luck.Float64() < share }
		if guess(w, moments, eager) {
			return true
		}
	}
	return false
}

// momentsOf returns the calls and returns of operations, in their order.
func momentsOf(operations []porcupine.Operation) []moment {
	var moments []moment
	for i, op := range operations {
		moments = append(moments, moment{op.Call, false, i}, moment{op.Return, true, i})
	}
	slices.SortStableFunc(moments, func(a, b moment) int {
		if a.at == b.at && a.returns != b.returns {
			return map[bool]int{false: -1, true: 1}[a.returns]
		}
		return cmp.Compare(a.at, b.at)
	})
	return moments
}

// guess makes one order, in which operations that are eager happen when they are called if they can. It
// reports whether the order explains everything.
func guess(w window, moments []moment, eager func() bool) bool {
	s := &schedule{level: level{available: w.available}}
	for _, op := range w.operations {
		s.effects = append(s.effects, op.Input.(effect))
		s.ends = append(s.ends, op.Return)
	}
	for _, m := range moments {
		if !m.returns {
			s.call(m.op)
			if eager() && slices.Contains(s.pending, m.op) {
				s.happen(m.op)
			}
		} else if slices.Contains(s.pending, m.op) && !s.settle(m.op) {
			return false
		}
	}
	return true
}

// call makes an operation pending.
func (s *schedule) call(op int) {
	later := slices.IndexFunc(s.pending, func(p int) bool { return s.ends[p] > s.ends[op] })
	if later < 0 {
		later = len(s.pending)
	}
	s.pending = slices.Insert(s.pending, later, op)
	s.tell()
}

// tell lets every pending operation happen that changes nothing and is true now.
func (s *schedule) tell() {
	s.pending = slices.DeleteFunc(s.pending, func(op int) bool {
		e := s.effects[op]
		ok, _ := s.level.step(e)
		return ok && (e.kind == look || e.kind == enough || e.kind == tooFew)
	})
}

// happen lets an operation happen now, if it can.
func (s *schedule) happen(op int) bool {
	ok, next := s.level.step(s.effects[op])
	if !ok {
		return false
	}
	s.level = next
	s.pending = slices.DeleteFunc(s.pending, func(p int) bool { return p == op })
	s.tell()
	return true
}

// settle lets an operation happen that is about to return, after others that make it possible.
func (s *schedule) settle(op int) bool {
	e := s.effects[op]
	switch e.kind {
	case take, takeSlot, enough:
		s.move(func(change int64) bool { return change > 0 && s.level.available < e.quantity })
	case tooFew:
		s.move(func(change int64) bool { return change < 0 && s.level.available >= e.quantity })
	case look:
		for _, other := range s.leading(e.quantity - s.level.available) {
			if slices.Contains(s.pending, other) && !s.happen(other) {
				return false
			}
		}
	}
	return !slices.Contains(s.pending, op) || s.happen(op)
}

// change returns how many units an operation would bring now, negative if it would take them.
func (s *schedule) change(op int) int64 {
	_, next := s.level.step(s.effects[op])
	return next.available - s.level.available
}

// move lets pending operations happen whose change is wanted.
func (s *schedule) move(wanted func(change int64) bool) {
	for _, op := range slices.Clone(s.pending) {
		if slices.Contains(s.pending, op) && wanted(s.change(op)) {
			s.happen(op)
		}
	}
}

// leading returns pending operations that together change the units for sale by difference, those that give
// first; none if no such are found.
func (s *schedule) leading(difference int64) []int {
	sums := map[int64][]int{0: nil}
	for _, op := range s.pending {
		change := s.change(op)
		if change == 0 {
			continue
		}
		for sum, ops := range maps.Clone(sums) {
			if _, known := sums[sum+change]; !known {
				sums[sum+change] = append(slices.Clone(ops), op)
			}
		}
	}
	found := sums[difference]
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(s.change(b), s.change(a)) })
	return found
}
