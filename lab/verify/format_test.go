package verify

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"gotest.tools/v3/golden"
)

// TestHistoryFormat pins a history with every field set: load tests write histories that later versions of the program have
// to read. docs/upgrading.md says how to change it.
func TestHistoryFormat(t *testing.T) {
	history := []Operation{
		{
			Client: 1, Call: 1_773_500_966_535_897_000, Return: 1_773_500_966_545_000_001, Kind: Place,
			Input:  Input{Key: "usr_1/key", Units: map[string]int64{"LAMP-01": 3, "MUG-7": 1}},
			Output: Output{Outcome: OK, Order: "ord_01jd8q6m3k9v2n4x7y5z8w1t0c"},
		},
		{
			Client: 2, Call: 1_773_500_966_535_897_001, Return: 1_773_500_966_545_000_002, Kind: Place,
			Input: Input{Units: map[string]int64{"LAMP-01": 9}}, Output: Output{Outcome: Short, Short: []string{"LAMP-01"}},
		},
		{
			Client: 3, Call: 1_773_500_966_535_897_002, Return: 1_773_500_966_545_000_003, Kind: Cancel,
			Input: Input{Order: "ord_01jd8q6m3k9v2n4x7y5z8w1t0c", Units: map[string]int64{"LAMP-01": 1}}, Output: Output{Outcome: Refused},
		},
		{
			Client: 4, Call: 1_773_500_966_535_897_003, Return: 1_773_500_966_545_000_004, Kind: Restock,
			Input: Input{Units: map[string]int64{"MUG-7": -2}}, Output: Output{Outcome: Unknown},
		},
		{
			Client: 5, Call: 1_773_500_966_535_897_004, Return: 1_773_500_966_545_000_005, Kind: Read,
			Input: Input{Units: map[string]int64{"MUG-7": 0}}, Output: Output{Outcome: OK, Available: 41},
		},
	}
	var written bytes.Buffer
	recorder := NewRecorder(&written)
	for _, op := range history {
		recorder.write(&Call{op: op})
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	golden.AssertBytes(t, written.Bytes(), "history.jsonl")
	read, err := ReadHistory(bytes.NewReader(golden.Get(t, "history.jsonl")))
	if err != nil || !reflect.DeepEqual(read, history) {
		got, _ := json.Marshal(read)
		t.Errorf("the history is read as %s, %v", got, err)
	}
	for _, outcome := range []Outcome{Pending, Cancelled} {
		if want := map[Outcome]string{Pending: "pending", Cancelled: "cancelled"}[outcome]; string(outcome) != want {
			t.Errorf("an outcome is called %q, want %q", outcome, want)
		}
	}
}
