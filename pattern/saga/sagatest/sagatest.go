// Package sagatest is the conformance suite of saga.Store.
package sagatest

import (
	"slices"
	"testing"
	"time"

	"agora/pattern/saga"
)

// Fixture is an empty store, and functions that change its records as the transactions of steps do.
type Fixture struct {
	Store saga.Store
	// Begin inserts a record that is due at a time, and returns it. All records have the same step.
	Begin func(t *testing.T, due time.Time) saga.Record
	// End removes the record of a saga, as its last step does.
	End func(t *testing.T, id string)
}

// start has microseconds, which each store has to keep.
var start = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

// Run tests a store. Each call of open returns another one.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"records come when they are due, in that order", testDue},
		{"a limit leaves the records that are due later", testLimit},
		{"a postponed record comes later, with its attempts", testPostpone},
		{"a record that moved on is not postponed", testPostponeMoved},
		{"a saga that has ended does not come back", testEnd},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// wantDue compares what is due at a time after start.
func (f Fixture) wantDue(t *testing.T, after time.Duration, limit int, want ...saga.Record) {
	t.Helper()
	got, err := f.Store.Due(t.Context(), start.Add(after), limit)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, want, equal) {
		t.Errorf("due after %v, at most %d = %+v, want %+v", after, limit, got, want)
	}
}

func equal(a, b saga.Record) bool {
	return a.ID == b.ID && a.Step == b.Step && a.Attempt == b.Attempt && a.Due.Equal(b.Due)
}

func (f Fixture) postpone(t *testing.T, r saga.Record) {
	t.Helper()
	if err := f.Store.Postpone(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func testDue(t *testing.T, f Fixture) {
	late := f.Begin(t, start.Add(time.Minute))
	early := f.Begin(t, start.Add(time.Second))
	f.wantDue(t, 0, 9)
	f.wantDue(t, time.Second-time.Microsecond, 9)
	f.wantDue(t, time.Second, 9, early)
	f.wantDue(t, time.Minute, 9, early, late)
	f.wantDue(t, time.Minute, 9, early, late) // reading does not remove
}

func testLimit(t *testing.T, f Fixture) {
	var records []saga.Record
	for i := range 5 {
		records = append(records, f.Begin(t, start.Add(time.Duration(i)*time.Second)))
	}
	for _, limit := range []int{1, 2, 5, 6} {
		f.wantDue(t, time.Minute, limit, records[:min(limit, 5)]...)
	}
}

func testPostpone(t *testing.T, f Fixture) {
	first, second := f.Begin(t, start), f.Begin(t, start.Add(time.Second))
	first.Attempt, first.Due = 3, start.Add(time.Hour)
	f.postpone(t, first)
	f.wantDue(t, time.Minute, 9, second)
	f.wantDue(t, time.Hour, 9, second, first)
	first.Attempt, first.Due = 4, start // to an earlier time
	f.postpone(t, first)
	f.wantDue(t, time.Minute, 9, first, second)
}

func testPostponeMoved(t *testing.T, f Fixture) {
	r := f.Begin(t, start)
	moved := r
	moved.Step, moved.Attempt, moved.Due = r.Step+"-other", 9, start.Add(time.Hour)
	f.postpone(t, moved)
	f.wantDue(t, 0, 9, r)
	unknown := r
	unknown.ID += "1"
	f.postpone(t, unknown)
	f.wantDue(t, time.Hour, 9, r)
}

func testEnd(t *testing.T, f Fixture) {
	first, second := f.Begin(t, start), f.Begin(t, start.Add(time.Second))
	f.End(t, first.ID)
	f.wantDue(t, time.Hour, 9, second)
	f.postpone(t, first) // by a step that did not see the end
	f.wantDue(t, time.Hour, 9, second)
}
