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
// the first moment at which it is true. If that explains nothing, a few tries by chance follow, in which some
// operations are not put off. If none of them gives an order, nothing is known, and porcupine searches for one.

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
	operations []porcupine.Operation
	level      level
	pending    []int // operations that were called and have not happened yet, those that return first first
	order      []int // operations that have happened
}

// narrow returns the window with each operation narrowed to a moment between its call and its return, if an
// order was guessed that explains what all clients were told. To narrow only takes possibilities away: if the
// operations could have happened so, they could have happened.
func narrow(w window) (window, bool) {
	moments := momentsOf(w.operations)
	for try := range tries {
		luck := rand.New(rand.NewPCG(uint64(try), 0))
		share := luck.Float64()
		order, ok := guess(w, moments, func() bool { return try > 0 && luck.Float64() < share })
		if !ok {
			continue
		}
		narrowed := make([]porcupine.Operation, len(order))
		for i, op := range order {
			narrowed[i] = w.operations[op]
			narrowed[i].Call, narrowed[i].Return = int64(2*i), int64(2*i+1)
		}
		return window{w.available, narrowed}, true
	}
	return w, false
}

// momentsOf returns the calls and returns of operations in their order. Of those at the same time the calls
// come first, as porcupine has it.
func momentsOf(operations []porcupine.Operation) []moment {
	moments := make([]moment, 0, 2*len(operations))
	for i, op := range operations {
		moments = append(moments, moment{op.Call, false, i})
	}
	for i, op := range operations {
		moments = append(moments, moment{op.Return, true, i})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return moments
}

// guess makes one order, in which operations that are eager happen when they are called if they can. It fails
// if some operation cannot have happened in that order.
func guess(w window, moments []moment, eager func() bool) (order []int, ok bool) {
	s := &schedule{operations: w.operations, level: level{available: w.available}}
	for _, m := range moments {
		if !m.returns {
			s.call(m.op)
			if eager() && s.waits(m.op) {
				s.happen(m.op)
			}
			continue
		}
		if s.waits(m.op) && !s.settle(m.op) {
			return nil, false
		}
	}
	return s.order, true
}

func (s *schedule) effect(op int) effect { return s.operations[op].Input.(effect) }

func (s *schedule) waits(op int) bool { return slices.Contains(s.pending, op) }

// call makes an operation pending.
func (s *schedule) call(op int) {
	later := slices.IndexFunc(s.pending, func(p int) bool { return s.operations[p].Return > s.operations[op].Return })
	if later < 0 {
		later = len(s.pending)
	}
	s.pending = slices.Insert(s.pending, later, op)
	s.tell()
}

// tell lets every pending operation happen that changes nothing and is true now.
func (s *schedule) tell() {
	s.pending = slices.DeleteFunc(s.pending, func(op int) bool {
		e := s.effect(op)
		ok, _ := s.level.step(e)
		if !ok || e.kind != look && e.kind != enough && e.kind != tooFew {
			return false
		}
		s.order = append(s.order, op)
		return true
	})
}

// happen lets an operation happen now, if it can.
func (s *schedule) happen(op int) bool {
	ok, next := s.level.step(s.effect(op))
	if !ok {
		return false
	}
	s.level = next
	s.order = append(s.order, op)
	s.pending = slices.DeleteFunc(s.pending, func(p int) bool { return p == op })
	s.tell()
	return true
}

// settle lets an operation happen that is about to return, after others that make it possible.
func (s *schedule) settle(op int) bool {
	e := s.effect(op)
	switch e.kind {
	case take, takeSlot, enough:
		s.move(func(change int64) bool { return change > 0 && s.level.available < e.quantity })
	case tooFew:
		s.move(func(change int64) bool { return change < 0 && s.level.available >= e.quantity })
	case look:
		for _, other := range s.leading(e.quantity - s.level.available) {
			if s.waits(other) && !s.happen(other) {
				return false
			}
		}
	}
	return !s.waits(op) || s.happen(op)
}

// change returns how many units an operation would bring now, negative if it would take them.
func (s *schedule) change(op int) int64 {
	_, next := s.level.step(s.effect(op))
	return next.available - s.level.available
}

// move lets pending operations happen whose change is wanted.
func (s *schedule) move(wanted func(change int64) bool) {
	for _, op := range slices.Clone(s.pending) {
		if s.waits(op) && wanted(s.change(op)) {
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
