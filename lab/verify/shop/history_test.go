package shop

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/golden"

	"agora/lab/verify"
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
	golden.AssertBytes(t, record(t, history), "history.jsonl")
	read, err := ReadHistory(bytes.NewReader(golden.Get(t, "history.jsonl")))
	if err != nil || !reflect.DeepEqual(read, history) {
		got, _ := json.Marshal(read)
		t.Errorf("the history is read as %s, %v", got, err)
	}
	for _, outcome := range []verify.Outcome{Pending, Cancelled} {
		if want := map[verify.Outcome]string{Pending: "pending", Cancelled: "cancelled"}[outcome]; string(outcome) != want {
			t.Errorf("an outcome is called %q, want %q", outcome, want)
		}
	}
}

// record returns what a recorder writes of a history whose calls all precede the returns. Its clock shows the times of
// the history.
func record(t *testing.T, history []Operation) []byte {
	t.Helper()
	var written bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		recorder := verify.NewRecorder(&written)
		calls := make([]*verify.Call, len(history))
		for i, op := range history {
			time.Sleep(time.Until(time.Unix(0, op.Call)))
			calls[i] = recorder.Call(op.Client, op.Kind, op.Input)
		}
		for i, op := range history {
			time.Sleep(time.Until(time.Unix(0, op.Return)))
			calls[i].Return(op.Output)
		}
		if err := recorder.Close(); err != nil {
			t.Error(err)
		}
	})
	return written.Bytes()
}

func TestReadHistoryRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"an unknown field":   `{"kind":"read","output":{"outcome":"ok"},"input":{"units":{"A":0}},"colour":"red"}`,
		"an unknown kind":    `{"kind":"steal","output":{"outcome":"ok"}}`,
		"an unknown outcome": `{"kind":"place","output":{"outcome":"perhaps"}}`,
		"an order of no id":  `{"kind":"place","call":1,"return":2,"output":{"outcome":"ok"}}`,
		"a read of nothing":  `{"kind":"read","call":1,"return":2,"output":{"outcome":"ok"}}`,
	} {
		if _, err := ReadHistory(strings.NewReader(line)); err == nil {
			t.Errorf("%s: %s was read", name, line)
		}
	}
}
