package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"agora/pattern/audit"
)

// access is what an operation does to a register.
type access struct {
	writes bool
	value  int // that is written, or that the client read
}

type registerPart = Part[access]

// register models a register that clients write and read.
var register = Model[int, access]{
	Step: func(state int, a access) (bool, int) {
		return a.writes || a.value == state, a.value
	},
	Reveal: func(a access) (int, bool) { return a.value, !a.writes },
}

func wrote(value int, call, end int64) registerPart {
	return registerPart{Call: call, Return: end, Effect: access{true, value}}
}

func saw(value int, call, end int64) registerPart {
	return registerPart{Call: call, Return: end, Effect: access{false, value}}
}

// reportOf checks the registers and returns the check.
func reportOf(m Model[int, access], registers map[string][]registerPart) *audit.Check {
	var report audit.Report
	check := report.Begin("linear", "")
	m.Check(check, registers)
	return check
}

func TestCheck(t *testing.T) {
	const beginning = "x: the history does not begin with a read by itself, so that nothing is known of its beginning"
	for _, tt := range []struct {
		name     string
		parts    []registerPart
		want     string // the finding; empty if the history is linearizable
		compared int64
	}{
		{"a read sees the last write", []registerPart{saw(0, 1, 2), wrote(7, 3, 4), saw(7, 5, 6)}, "", 2},
		{"a read sees an older value", []registerPart{saw(0, 1, 2), wrote(7, 3, 4), saw(0, 5, 6)},
			"x: its operations are not linearizable, from operation 1 on", 0},
		{"a read that overlaps a write sees the old value", []registerPart{saw(0, 1, 2), wrote(7, 3, 6), saw(0, 4, 5)}, "", 2},
		{"a read that overlaps a write sees the new value", []registerPart{saw(0, 1, 2), wrote(7, 3, 6), saw(7, 4, 5)}, "", 2},
		{"reads see a value and then an older one", []registerPart{saw(0, 1, 2), wrote(7, 3, 10), saw(7, 4, 5), saw(0, 6, 7)},
			"x: its operations are not linearizable, from operation 1 on", 0},
		{"an unanswered write happened late", []registerPart{saw(0, 1, 2), wrote(7, 3, Never), saw(0, 4, 5), saw(7, 6, 7)}, "", 3},
		{"an unanswered write never happened", []registerPart{saw(0, 1, 2), wrote(7, 3, Never), saw(0, 4, 5)}, "", 2},
		{"the second window is wrong", []registerPart{saw(0, 1, 2), wrote(7, 3, 4), saw(7, 5, 6), saw(8, 7, 8)},
			"x: its operations are not linearizable, from operation 3 on", 2},
		{"the parts come in no order", []registerPart{saw(7, 5, 6), saw(0, 1, 2), wrote(7, 3, 4)}, "", 2},
		{"the first part is a write", []registerPart{wrote(7, 1, 2), saw(7, 3, 4)}, beginning, 0},
		{"the first read overlaps a write", []registerPart{saw(7, 1, 4), wrote(7, 2, 3)}, beginning, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := reportOf(register, map[string][]registerPart{"x": tt.parts})
			if got := strings.Join(check.Findings, "\n"); got != tt.want || check.Compared != tt.compared {
				t.Errorf("finding %q and %d compared, want %q and %d", got, check.Compared, tt.want, tt.compared)
			}
		})
	}
}

func TestEachObjectIsCheckedByItself(t *testing.T) {
	check := reportOf(register, map[string][]registerPart{
		"z": {saw(0, 1, 2), saw(1, 3, 4)},
		"x": {saw(0, 1, 2), saw(0, 3, 4)},
		"y": {saw(0, 1, 2), saw(1, 3, 4)},
	})
	if check.Differences != 2 || !strings.HasPrefix(check.Findings[0], "y: ") || !strings.HasPrefix(check.Findings[1], "z: ") {
		t.Errorf("findings %q, want one of y and one of z", check.Findings)
	}
	if check.Compared != 1 {
		t.Errorf("%d compared, want the read of x", check.Compared)
	}
}

func TestWindowsAreCutAtReadsByThemselves(t *testing.T) {
	parts := []registerPart{
		saw(3, 1, 2), wrote(4, 3, 4), saw(4, 5, 6), wrote(5, 7, 9), saw(5, 8, 10), wrote(6, 11, Never), saw(5, 12, 13),
	}
	var begins, lengths []int
	for _, w := range register.Windows(parts) {
		begins, lengths = append(begins, w.Begin), append(lengths, len(w.Parts))
	}
	if !slices.Equal(begins, []int{3, 4}) || !slices.Equal(lengths, []int{2, 4}) {
		t.Errorf("windows begin with %v and have %v parts, want 3 and 4, and 2 and 4: no cut within an operation or after one without an end",
			begins, lengths)
	}
}

// crowd is a window of writes that all overlap, and of reads at its end. To decide it takes longer than anybody waits.
func crowd(reads ...registerPart) []Window[int, access] {
	var w Window[int, access]
	for i := range 40 {
		w.Parts = append(w.Parts, wrote(i+1, int64(i), 1000+int64(i)))
	}
	w.Parts = append(w.Parts, reads...)
	return []Window[int, access]{w}
}

func TestASearchEndsAtItsLimit(t *testing.T) {
	if _, result := register.decide(crowd(saw(-1, 500, 501)), time.Millisecond); result != porcupine.Unknown {
		t.Errorf("result = %s, want %s", result, porcupine.Unknown)
	}
}

// inOrder returns a witness that always returns the order.
func inOrder(order ...int) Model[int, access] {
	m := register
	m.Witness = func(Window[int, access]) ([]int, bool) { return order, true }
	return m
}

func TestAWitness(t *testing.T) {
	window := Window[int, access]{Parts: []registerPart{wrote(7, 1, 4), saw(7, 2, 5), wrote(8, 6, 7)}}
	for _, tt := range []struct {
		name  string
		order []int
		want  bool
	}{
		{"a possible order", []int{0, 1, 2}, true},
		{"an impossible answer", []int{1, 0, 2}, false},
		{"a part before its call", []int{2, 0, 1}, false},
		{"a part is missing", []int{0, 1}, false},
		{"a part happens twice", []int{0, 1, 1}, false},
		{"an unknown part", []int{0, 1, 3}, false},
		{"a negative part", []int{-1, 0, 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := inOrder(tt.order...).witnessed(window); got != tt.want {
				t.Errorf("%v is proof: %v, want %v", tt.order, got, tt.want)
			}
			if _, result := inOrder(tt.order...).decide([]Window[int, access]{window}, patience); result != porcupine.Ok {
				t.Errorf("result with witness %v = %s, want %s by a search", tt.order, result, porcupine.Ok)
			}
		})
	}
	failed := register
	failed.Witness = func(Window[int, access]) ([]int, bool) { return []int{0, 1, 2}, false }
	if failed.witnessed(window) {
		t.Error("a guess that failed is proof")
	}
}

// TestAWitnessDoesNotGoBackInTime has an order whose neighbours overlap, although its last part had returned before its
// first was called.
func TestAWitnessDoesNotGoBackInTime(t *testing.T) {
	window := Window[int, access]{Parts: []registerPart{wrote(1, 1, 5), wrote(2, 3, 8), wrote(3, 6, 9)}}
	if inOrder(2, 1, 0).witnessed(window) {
		t.Error("an order is proof in which a part happens after its return")
	}
	if !inOrder(0, 2, 1).witnessed(window) {
		t.Error("an order is no proof in which each part happens between its call and its return")
	}
}

func TestAWitnessSavesTheSearch(t *testing.T) {
	// Alternating reads of the writes 40, 39, … after all writes were called fix one of very many orders.
	var reads []registerPart
	var order []int
	for i := range 40 {
		reads = append(reads, saw(40-i, int64(100+2*i), int64(101+2*i)))
		order = append(order, 39-i, 40+i)
	}
	checked, result := inOrder(order...).decide(crowd(reads...), time.Nanosecond)
	if result != porcupine.Ok || checked != 80 {
		t.Errorf("result = %s after %d parts, want %s after 80", result, checked, porcupine.Ok)
	}
}
