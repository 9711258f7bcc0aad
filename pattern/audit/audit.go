// Package audit is the report of a comparison of stored data with what the data should be. The audits of the domains and
// the checks of recorded histories return it, so that one command can print them together.
package audit

import (
	"fmt"
	"io"
	"slices"
)

// Report contains the checks of an audit, in the order in which they began.
type Report struct {
	Checks []*Check
}

// Check is the result of one comparison.
type Check struct {
	Name        string
	Rule        string   // what has to hold
	Compared    int64    // number of things that were compared
	Lagging     int64    // number of things that a read model has not processed yet
	Undecided   int64    // number of things of which a part could not be compared
	Differences int64    // number of times that the rule does not hold
	Skipped     string   // why nothing was compared; empty if it was
	Findings    []string // descriptions of the first differences
}

// maxFindings bounds the differences of a check that are described one by one.
const maxFindings = 5

// Begin adds a check of a rule, which has compared nothing yet.
func (r *Report) Begin(name, rule string) *Check {
	check := &Check{Name: name, Rule: rule}
	r.Checks = append(r.Checks, check)
	return check
}

// Differ records that the rule does not hold for one thing, and why.
func (c *Check) Differ(format string, args ...any) {
	if c.Differences++; len(c.Findings) < maxFindings {
		c.Findings = append(c.Findings, fmt.Sprintf(format, args...))
	}
}

// Skip records why a comparison cannot be made.
func (c *Check) Skip(reason string) { c.Skipped = reason }

// OK reports whether every rule holds.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c *Check) bool { return c.Differences > 0 })
}

// Print writes the report for people: one line for each check, followed by its findings.
func (r Report) Print(w io.Writer) error {
	for _, c := range r.Checks {
		if err := c.print(w); err != nil {
			return err
		}
	}
	return nil
}

func (c *Check) print(w io.Writer) error {
	verdict := "ok  "
	if c.Differences > 0 {
		verdict = "FAIL"
	}
	if c.Skipped != "" {
		_, err := fmt.Fprintf(w, "SKIP  %-10s not checked, because %s: %s\n", c.Name, c.Skipped, c.Rule)
		return err
	}
	rest := ""
	if c.Lagging > 0 {
		rest += fmt.Sprintf("; %d lagging", c.Lagging)
	}
	if c.Undecided > 0 {
		rest += fmt.Sprintf("; %d undecided", c.Undecided)
	}
	if _, err := fmt.Fprintf(w, "%s  %-10s %9d compared%s: %s\n", verdict, c.Name, c.Compared, rest, c.Rule); err != nil {
		return err
	}
	for _, finding := range c.Findings {
		if _, err := fmt.Fprintf(w, "      %s\n", finding); err != nil {
			return err
		}
	}
	if more := c.Differences - int64(len(c.Findings)); more > 0 {
		if _, err := fmt.Fprintf(w, "      and %d more\n", more); err != nil {
			return err
		}
	}
	return nil
}
