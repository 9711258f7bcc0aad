package shop

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"agora/lab/verify"
)

// The search for an order takes exponential time in the number of operations that overlap, and while many clients wait
// for a server to restart, all operations do. A good guess is usually enough: what takes or gives units is postponed until
// it has to have happened, and what only tells of them happens at the first moment at which it is true. If that
// is no possible order, random tries follow, in which some operations are not postponed. If all of them fail,
// verify.Model searches.

// tries bounds the guesses for one window.
const tries = 100

// moment is the call or the return of an operation.
type moment struct {
	at      int64
	returns bool
	op      int
}

// schedule is the beginning of an order of the operations of a window, which are named by their indexes.
type schedule struct {
	parts   []part
	level   level
	pending []int // operations that were called and have not happened yet, by their returns
	order   []int // operations that have happened
}

// witness returns an order of the operations of a window that explains all answers, if a guess finds one.
func witness(w verify.Window[level, effect]) (order []int, ok bool) {
	moments := momentsOf(w.Parts)
	for try := range tries {
		luck := rand.New(rand.NewPCG(uint64(try), 0))
		share := luck.Float64()
		order, ok = guess(w, moments, func() bool { return try > 0 && luck.Float64() < share })
		if ok {
			return order, true
		}
	}
	return nil, false
}

// momentsOf returns the calls and returns of operations by time. At the same time calls come before returns, as in
// porcupine.
func momentsOf(parts []part) []moment {
	moments := make([]moment, 0, 2*len(parts))
	for i, op := range parts {
		moments = append(moments, moment{op.Call, false, i})
	}
	for i, op := range parts {
		moments = append(moments, moment{op.Return, true, i})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return moments
}

// guess makes one order. Operations that are eager happen when they are called, if that is possible. guess fails if
// some operation is impossible in that order.
func guess(w verify.Window[level, effect], moments []moment, eager func() bool) (order []int, ok bool) {
	s := &schedule{parts: w.Parts, level: w.Begin}
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

func (s *schedule) effect(op int) effect { return s.parts[op].Effect }

func (s *schedule) waits(op int) bool { return slices.Contains(s.pending, op) }

// call makes an operation pending.
func (s *schedule) call(op int) {
	later := slices.IndexFunc(s.pending, func(p int) bool { return s.parts[p].Return > s.parts[op].Return })
	if later < 0 {
		later = len(s.pending)
	}
	s.pending = slices.Insert(s.pending, later, op)
	s.observe()
}

// observe lets all pending operations happen that change nothing and are possible now.
func (s *schedule) observe() {
	s.pending = slices.DeleteFunc(s.pending, func(op int) bool {
		e := s.effect(op)
		ok, _ := s.level.step(e)
		if !ok || e.kind != see && e.kind != enough && e.kind != tooFew {
			return false
		}
		s.order = append(s.order, op)
		return true
	})
}

// happen lets an operation happen now, if that is possible.
func (s *schedule) happen(op int) bool {
	ok, next := s.level.step(s.effect(op))
	if !ok {
		return false
	}
	s.level = next
	s.order = append(s.order, op)
	s.pending = slices.DeleteFunc(s.pending, func(p int) bool { return p == op })
	s.observe()
	return true
}

// settle lets an operation happen that is about to return. Before it, others happen that make it possible.
func (s *schedule) settle(op int) bool {
	e := s.effect(op)
	switch e.kind {
	case take, takeSlot, enough:
		s.move(func(change int64) bool { return change > 0 && s.level.available < e.quantity })
	case tooFew:
		s.move(func(change int64) bool { return change < 0 && s.level.available >= e.quantity })
	case see:
		for _, other := range s.leading(e.quantity - s.level.available) {
			if s.waits(other) && !s.happen(other) {
				return false
			}
		}
	}
	return !s.waits(op) || s.happen(op)
}

// change returns the units that an operation would add now; negative if it would take them.
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

// leading returns pending operations that together change the units for sale by difference, those that give units
// first. It returns none if it finds no such operations.
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
