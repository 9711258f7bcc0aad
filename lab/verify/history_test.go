package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/lab/verify"
)

// The tests use a register: clients write numbers into it and read it.
const (
	write verify.Kind = "write"
	read  verify.Kind = "read"

	ok verify.Outcome = "ok"
)

type input struct {
	Register string `json:"register"`
	Value    int    `json:"value,omitempty"` // of a write
}

type output struct {
	Outcome verify.Outcome `json:"outcome"`
	Value   int            `json:"value,omitempty"` // of a read
}

func (o output) Result() verify.Outcome { return o.Outcome }

type operation = verify.Operation[input, output]

var errNeither = errors.New("a client writes or reads")

func readHistory(text string) ([]operation, error) {
	return verify.ReadHistory(strings.NewReader(text), func(op operation) error {
		if op.Kind != write && op.Kind != read {
			return errNeither
		}
		return nil
	})
}

// TestARecordedHistoryIsRead follows two clients. One gets no answer.
func TestARecordedHistoryIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		recorder := verify.NewRecorder(&written)
		lost := recorder.Call(1, write, input{"x", 7})
		time.Sleep(time.Second)
		answered := recorder.Call(2, read, input{Register: "x"})
		time.Sleep(time.Second)
		answered.Return(output{ok, 7})
		answered.Return(output{ok, 8})
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		lost.Return(output{Outcome: ok})

		// A bubble begins with the year 2000.
		want := `{"client":2,"call":946684801000000000,"return":946684802000000000,"kind":"read",` +
			`"input":{"register":"x"},"output":{"outcome":"ok","value":7}}` + "\n" +
			`{"client":1,"call":946684800000000000,"return":0,"kind":"write",` +
			`"input":{"register":"x","value":7},"output":{"outcome":"unknown"}}` + "\n"
		if written.String() != want {
			t.Errorf("recorded:\n%swant\n%s", &written, want)
		}
		history, err := readHistory(written.String())
		if err != nil {
			t.Fatal(err)
		}
		byCall := []operation{
			{1, 946684800000000000, 0, write, input{"x", 7}, output{Outcome: verify.Unknown}},
			{2, 946684801000000000, 946684802000000000, read, input{Register: "x"}, output{ok, 7}},
		}
		if !slices.Equal(history, byCall) {
			t.Errorf("history = %+v, want %+v", history, byCall)
		}
	})
}

func TestReadHistoryRefuses(t *testing.T) {
	const good = `{"kind":"read","call":1,"return":2,"output":{"outcome":"ok"}}`
	for _, tt := range []struct{ name, line, want string }{
		{"no JSON", `{"kind":`, "unexpected EOF"},
		{"an unknown field", `{"kind":"read","colour":"red","output":{"outcome":"ok"}}`, `unknown field "colour"`},
		{"an unknown field of the input", `{"kind":"read","input":{"size":1},"output":{"outcome":"ok"}}`, `unknown field "size"`},
		{"what the system refuses", `{"kind":"steal","output":{"outcome":"ok"}}`, errNeither.Error()},
		{"time going back", `{"kind":"read","call":2,"return":1,"output":{"outcome":"ok"}}`, "it returned before it was called"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			history, err := readHistory(good + "\n" + tt.line)
			if err == nil || !strings.Contains(err.Error(), "operation 2 of the history: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s was read as %+v, %v; want an error with operation 2 and %q", tt.line, history, err, tt.want)
			}
		})
	}
}

// broken is a writer that fails.
type broken struct{}

var errFull = errors.New("the disk is full")

func (broken) Write([]byte) (int, error) { return 0, errFull }

func TestCloseReturnsWriteErrors(t *testing.T) {
	recorder := verify.NewRecorder(broken{})
	recorder.Call(1, write, input{"x", 1}).Return(output{Outcome: ok})
	if err := recorder.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close = %v, want %v", err, errFull)
	}
}

func TestCloseReturnsWhatCouldNotBeEncoded(t *testing.T) {
	var written bytes.Buffer
	recorder := verify.NewRecorder(&written)
	recorder.Call(1, write, func() {}).Return(output{Outcome: ok})
	recorder.Call(1, write, input{"x", 1}).Return(output{Outcome: ok})
	if err := recorder.Close(); err == nil || !strings.Contains(err.Error(), "unsupported type") {
		t.Errorf("Close = %v, want an error of the input's type", err)
	}
	if strings.Count(written.String(), "\n") != 1 {
		t.Errorf("recorded %q, want the other operation", &written)
	}
}
