package shop

import (
	"testing"

	"agora/lab/verify"
	"agora/pattern/audit"
)

// op returns an operation on the SKU A.
func op(kind verify.Kind, outcome verify.Outcome, call, end, units int64) Operation {
	o := Operation{Call: call, Return: end, Kind: kind, Input: Input{Units: map[string]int64{"A": units}}, Output: Output{Outcome: outcome}}
	if kind == Read {
		o.Output.Available = units
	}
	if outcome == Short {
		o.Output.Short = []string{"A"}
	}
	return o
}

// TestLinearizability tells histories that could have happened from those that could not.
func TestLinearizability(t *testing.T) {
	tests := []struct {
		name    string
		history []Operation
		want    bool
	}{
		{"two at once get the last units", []Operation{op(Read, OK, 1, 2, 1), op(Place, OK, 3, 6, 1), op(Place, OK, 4, 7, 1)}, false},
		{"one of two gets the last unit", []Operation{op(Read, OK, 1, 2, 1), op(Place, OK, 3, 6, 1), op(Place, Short, 4, 7, 1)}, true},
		{"short before the last unit went", []Operation{op(Read, OK, 1, 2, 1), op(Place, Short, 3, 4, 1), op(Place, OK, 5, 6, 1)}, false},
		{"a read sees the past", []Operation{op(Read, OK, 1, 2, 1), op(Place, OK, 3, 4, 1), op(Read, OK, 5, 6, 1)}, false},
		{"a read beside an order sees either", []Operation{op(Read, OK, 1, 2, 1), op(Place, OK, 3, 6, 1), op(Read, OK, 4, 5, 1)}, true},
		{"a lost order may have happened", []Operation{op(Read, OK, 1, 2, 1), op(Place, Unknown, 3, 0, 1), op(Read, OK, 5, 6, 0)}, true},
		{"a lost order may happen late", []Operation{
			op(Read, OK, 1, 2, 1), op(Place, Unknown, 3, 0, 1), op(Read, OK, 5, 6, 1), op(Read, OK, 7, 8, 0),
		}, true},
		{"a lost order happens once", []Operation{
			op(Read, OK, 1, 2, 2), op(Place, Unknown, 3, 0, 1), op(Read, OK, 5, 6, 0),
		}, false},
		{"a lost order may be given up later", []Operation{
			op(Read, OK, 1, 2, 1), op(Place, Unknown, 3, 0, 1), op(Read, OK, 5, 6, 0), op(Read, OK, 7, 8, 1),
		}, true},
		{"a lost order gives back no more than it took", []Operation{
			op(Read, OK, 1, 2, 1), op(Place, Unknown, 3, 0, 1), op(Read, OK, 7, 8, 2),
		}, false},
		{"a declined order takes units for a while", []Operation{
			op(Read, OK, 1, 2, 1), op(Place, Cancelled, 3, 10, 1), op(Place, Short, 4, 5, 1), op(Read, OK, 11, 12, 1),
		}, true},
		{"a declined order gives back all", []Operation{
			op(Read, OK, 1, 2, 1), op(Place, Cancelled, 3, 4, 1), op(Read, OK, 11, 12, 0),
		}, false},
		{"a cancellation brings units", []Operation{
			op(Read, OK, 1, 2, 0), op(Cancel, OK, 3, 4, 2), op(Place, OK, 5, 6, 2), op(Read, OK, 7, 8, 0),
		}, true},
		{"a refused cancellation brings none", []Operation{op(Read, OK, 1, 2, 0), op(Cancel, Refused, 3, 4, 2), op(Place, OK, 5, 6, 2)}, false},
		{"a lost cancellation may have brought units", []Operation{op(Read, OK, 1, 2, 0), op(Cancel, Unknown, 3, 0, 2), op(Place, OK, 5, 6, 2)}, true},
		{"nothing is known of the beginning", []Operation{op(Place, OK, 1, 2, 1)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := checking{history: tt.history}
			c.linearizable()
			if got := c.report.OK(); got != tt.want {
				t.Errorf("linearizable = %v, want %v: %+v", got, tt.want, c.report.Checks[0])
			}
		})
	}
}

// TestRepeatsAreOneOperation follows one client whose answers are lost, and who asks again under the same key.
func TestRepeatsAreOneOperation(t *testing.T) {
	place := func(outcome verify.Outcome, call, end int64, order string) Operation {
		o := op(Place, outcome, call, end, 1)
		o.Input.Key, o.Output.Order = "usr_1/key", order
		return o
	}
	tests := []struct {
		name    string
		history []Operation
		want    bool
	}{
		{"the lost call made the order", []Operation{
			op(Read, OK, 1, 2, 2), place(Unknown, 3, 0, ""), op(Read, OK, 5, 6, 1), place(OK, 7, 8, "ord_1"), op(Read, OK, 9, 10, 1),
		}, true},
		{"the second call made the order", []Operation{
			op(Read, OK, 1, 2, 2), place(Unknown, 3, 0, ""), op(Read, OK, 5, 6, 2), place(OK, 7, 8, "ord_1"), op(Read, OK, 9, 10, 1),
		}, true},
		{"both calls made the order", []Operation{
			op(Read, OK, 1, 2, 2), place(Unknown, 3, 0, ""), place(OK, 7, 8, "ord_1"), op(Read, OK, 9, 10, 0),
		}, false},
		{"an answered call is repeated", []Operation{
			op(Read, OK, 1, 2, 2), place(OK, 3, 4, "ord_1"), place(OK, 5, 6, "ord_1"), place(Unknown, 7, 0, ""), op(Read, OK, 9, 10, 1),
		}, true},
		{"short at first, and then not", []Operation{
			op(Read, OK, 1, 2, 0), place(Short, 3, 4, ""), op(Restock, OK, 5, 6, 1), place(OK, 7, 8, "ord_1"), op(Read, OK, 9, 10, 0),
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := checking{history: merged(tt.history)}
			c.linearizable()
			if got := c.report.OK(); got != tt.want {
				t.Errorf("linearizable = %v, want %v: %+v", got, tt.want, c.report.Checks[0])
			}
		})
	}
}

// crowd returns a history with more concurrent operations than a search could order: half of its customers get the units
// that there were, and half are told that none is left.
func crowd(left int64) []Operation {
	const customers = 300
	history := []Operation{op(Read, OK, 1, 2, customers/2)}
	for i := range int64(customers) {
		outcome := OK
		if i%2 == 1 {
			outcome = Short
		}
		history = append(history, op(Place, outcome, 3+i, 10_000+i, 1))
	}
	return append(history, op(Read, OK, 5000, 5001, customers/4), op(Read, OK, 20_000, 20_001, left))
}

func TestTheWitnessOrdersACrowd(t *testing.T) {
	if _, ok := witness(stock.Windows(effects(crowd(0), nil)["A"])[0]); !ok {
		t.Error("no order was found")
	}
	if _, ok := witness(stock.Windows(effects(crowd(1), nil)["A"])[0]); ok {
		t.Error("an order was found that cannot be")
	}
}

// TestACrowdIsDecidedByTheWitness allows the check one step for each operation, which is enough to prove the order of the
// witness and too little for a search.
func TestACrowdIsDecidedByTheWitness(t *testing.T) {
	type window = verify.Window[level, effect]
	for _, tt := range []struct {
		name    string
		witness func(window) ([]int, bool)
		want    bool
	}{
		{"the witness of the model", stock.Witness, true},
		{"a witness without an order", func(window) ([]int, bool) { return nil, false }, false},
		{"a witness with the order of the calls", func(w window) ([]int, bool) {
			order := make([]int, len(w.Parts))
			for i := range order {
				order[i] = i
			}
			return order, true
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts := effects(crowd(0), nil)
			steps, model := 0, stock
			model.Witness = tt.witness
			model.Step = func(l level, e effect) (bool, level) {
				if steps++; steps > len(parts["A"]) {
					return false, l
				}
				return stock.Step(l, e)
			}
			var report audit.Report
			model.Check(report.Begin("linear", ""), parts)
			if got := report.OK(); got != tt.want {
				t.Errorf("linearizable = %v after %d steps, want %v", got, steps, tt.want)
			}
		})
	}
}
