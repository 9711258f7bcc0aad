package feed

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/golden"

	"agora/feed"
	"agora/lab/verify"
)

const (
	anna  = "usr_01jd8q6m3k9v2n4x7y5z8w1t0a"
	ben   = "usr_01jd8q6m3k9v2n4x7y5z8w1t0b"
	first = "pst_01jd8q6m3k9v2n4x7y5z8w1t0c"
	next  = "pst_01jd8q6m3k9v2n4x7y5z8w1t0d"
)

// history has each kind, and every field set.
func history() []Operation {
	ops := []Operation{
		{Kind: Post, Input: Input{User: anna, Key: "run-1", Text: "agora load run-1"}, Output: Output{Outcome: OK, Post: first, AsOf: "AgEC"}},
		{Kind: Delete, Input: Input{User: anna, Post: next}, Output: Output{Outcome: Refused}},
	}
	for _, kind := range edges {
		ops = append(ops, Operation{Kind: kind, Input: Input{User: ben, Other: anna}, Output: Output{Outcome: OK, AsOf: "AgED"}})
	}
	ops = append(
		ops,
		Operation{
			Kind: Read, Input: Input{User: ben, After: "AgED", Cursor: "AQAB", Limit: 2},
			Output: Output{Outcome: OK, AsOf: "AwEDAw", Items: []string{next, first}, Next: "AQAC", State: feed.Lossy, Skipped: 3},
		},
		Operation{Kind: Read, Input: Input{User: ben, Limit: 20}, Output: Output{Outcome: OK, AsOf: "AwEDAw", State: feed.Complete}},
		Operation{Kind: Read, Input: Input{User: ben, Limit: 20}, Output: Output{Outcome: Unknown}},
		Operation{Kind: Listen, Input: Input{User: ben, From: "BAED"}, Output: Output{Outcome: OK, Events: []Event{
			{At: 1_773_500_966_540_000_000, ID: "BAED"},
			{At: 1_773_500_966_540_000_001, ID: "BAEE", Kind: feed.Posted, Post: first},
			{At: 1_773_500_966_540_000_002, ID: "BAEF", Kind: feed.Deleted, Post: first},
			{At: 1_773_500_966_540_000_003, ID: "BAEG", Kind: feed.Reset},
		}}},
	)
	for i := range ops {
		ops[i].Client = i + 1
		ops[i].Call, ops[i].Return = 1_773_500_966_535_897_000+int64(i), 1_773_500_966_545_000_001+int64(i)
	}
	return ops
}

// TestHistoryFormat pins a history with every field set: load tests write histories that later versions of the program have
// to read. docs/upgrading.md says how to change it.
func TestHistoryFormat(t *testing.T) {
	golden.AssertBytes(t, record(t, history()), "history.jsonl")
	read, err := ReadHistory(bytes.NewReader(golden.Get(t, "history.jsonl")))
	if err != nil || !reflect.DeepEqual(read, history()) {
		got, _ := json.Marshal(read)
		t.Errorf("the history is read as %s, %v", got, err)
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
	const byAnna = `,"call":1,"return":2,"input":{"user":"` + anna + `"`
	for name, line := range map[string]string{
		"an unknown field":     `{"kind":"read"` + byAnna + `,"size":1},"output":{"outcome":"unknown"}}`,
		"an unknown kind":      `{"kind":"steal"` + byAnna + `},"output":{"outcome":"unknown"}}`,
		"an unknown outcome":   `{"kind":"read"` + byAnna + `},"output":{"outcome":"perhaps"}}`,
		"nobody":               `{"kind":"read","input":{"user":"anna"},"output":{"outcome":"unknown"}}`,
		"a follow of nobody":   `{"kind":"follow"` + byAnna + `,"other":"ben"},"output":{"outcome":"unknown"}}`,
		"a deletion of no id":  `{"kind":"delete"` + byAnna + `},"output":{"outcome":"unknown"}}`,
		"a post without a key": `{"kind":"post"` + byAnna + `,"text":"a"},"output":{"outcome":"unknown"}}`,
		"a post of no id":      `{"kind":"post"` + byAnna + `,"text":"a","key":"k"},"output":{"outcome":"ok","as_of":"AgEC"}}`,
		"a write of no reach":  `{"kind":"delete"` + byAnna + `,"post":"` + first + `"},"output":{"outcome":"ok"}}`,
		"a page of no state":   `{"kind":"read"` + byAnna + `},"output":{"outcome":"ok","as_of":"AwED"}}`,
		"a page of no posts":   `{"kind":"read"` + byAnna + `},"output":{"outcome":"ok","as_of":"AwED","state":"complete","items":["a"]}}`,
		"an unknown event":     `{"kind":"listen"` + byAnna + `},"output":{"outcome":"ok","events":[{"at":1,"id":"BAED","kind":"steal"}]}}`,
		"an event of no post":  `{"kind":"listen"` + byAnna + `},"output":{"outcome":"ok","events":[{"at":1,"id":"BAED","kind":"post"}]}}`,
	} {
		if _, err := ReadHistory(strings.NewReader(line)); err == nil {
			t.Errorf("%s: %s was read", name, line)
		}
	}
}
