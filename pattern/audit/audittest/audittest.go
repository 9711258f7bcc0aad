// Package audittest reads the reports of audits in tests.
package audittest

import (
	"strings"
	"testing"

	"agora/pattern/audit"
)

// Failing returns the names of the checks that found a difference, and logs the report if there are any.
func Failing(t testing.TB, report audit.Report) []string {
	t.Helper()
	var names []string
	for _, c := range report.Checks {
		if c.Differences > 0 {
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 {
		var text strings.Builder
		if err := report.Print(&text); err != nil {
			t.Error(err)
		}
		t.Log("\n" + text.String())
	}
	return names
}

// Holds fails the test if a check found a difference.
func Holds(t testing.TB, report audit.Report) {
	t.Helper()
	if failing := Failing(t, report); len(failing) > 0 {
		t.Errorf("the audit found differences in %v", failing)
	}
}
