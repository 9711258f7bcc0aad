package audit_test

import (
	"errors"
	"strings"
	"testing"

	"agora/pattern/audit"
)

func TestTheReportOfAnAudit(t *testing.T) {
	var report audit.Report
	report.Begin("stock", "units are counted").Compared = 12
	views := report.Begin("views", "views are complete")
	views.Compared, views.Lagging, views.Undecided = 3, 2, 1
	want := "ok    stock             12 compared: units are counted\n" +
		"ok    views              3 compared; 2 lagging; 1 undecided: views are complete\n"
	if got := printed(t, report); got != want || !report.OK() {
		t.Errorf("report of no difference, OK = %v:\n%swant\n%s", report.OK(), got, want)
	}

	orders := report.Begin("orders", "orders add up")
	orders.Compared = 9
	for i := range 7 {
		orders.Differ("order %d is short", i)
	}
	want += "FAIL  orders             9 compared: orders add up\n" +
		"      order 0 is short\n      order 1 is short\n      order 2 is short\n      order 3 is short\n      order 4 is short\n" +
		"      and 2 more\n"
	if got := printed(t, report); got != want || report.OK() || orders.Differences != 7 {
		t.Errorf("report of %d differences, OK = %v:\n%swant 7 and\n%s", orders.Differences, report.OK(), got, want)
	}
}

func printed(t *testing.T, report audit.Report) string {
	t.Helper()
	var text strings.Builder
	if err := report.Print(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// full is a writer that fails after some writes.
type full struct{ left int }

var errFull = errors.New("the disk is full")

func (f *full) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestPrintReportsEachFailedWrite(t *testing.T) {
	var report audit.Report
	check := report.Begin("orders", "orders add up")
	for range 6 {
		check.Differ("one is short")
	}
	for left := range 7 { // a line for the check, for each of five findings, and for the rest
		if err := report.Print(&full{left}); !errors.Is(err, errFull) {
			t.Errorf("error after %d writes = %v, want %v", left, err, errFull)
		}
	}
}
