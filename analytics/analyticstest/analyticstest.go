// Package analyticstest holds the conformance suites of the ports of package analytics. Every engine of the log, of the
// state, of the catalogue and of the files has to pass its suite.
package analyticstest

import (
	"errors"
	"testing"
	"time"

	"agora/analytics"
	"agora/fault"
)

// Partitions is how many partitions the suites expect of a log and of a catalogue.
const Partitions = 2

// arrival is when the events of the suites arrive: 2025-11-27, at the start of a minute.
const arrival = analytics.Micros(1_764_244_800_000_000)

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code || err == nil {
		t.Errorf("error %v, want one with the code %s", err, code)
	}
}

// batch returns a batch record with n events and one rejected item.
func batch(t testing.TB, source analytics.SourceID, at analytics.Micros, ids ...string) []byte {
	t.Helper()
	b := analytics.NewBuilder(source, time.Hour, at)
	for _, id := range ids {
		e := analytics.Event{Time: at, Type: "type", ID: id, User: "user-" + id}
		if reason, full := b.Add(&e); reason != analytics.Accepted || full {
			t.Fatalf("Add = %v, %t", reason, full)
		}
	}
	b.Reject(analytics.BadJSON, []byte("{"))
	return b.Append(nil)
}

// run runs the tests of a suite, each with a store of its own.
func run[S any](t *testing.T, open func(t *testing.T) S, tests map[string]func(*testing.T, S)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// testEnded checks that a context that has ended does nothing.
func testEnded(t *testing.T, calls map[string]func() error) {
	t.Helper()
	for name, call := range calls {
		if err := call(); err == nil || !fault.Is(err, fault.Timeout) {
			t.Errorf("%s under a context that has ended = %v", name, err)
		}
	}
}

var errStop = errors.New("stop here")
