package shop

import (
	"fmt"
	"io"
	"slices"
)

// AuditReport is what an audit compared and found. Other proofs about the shop report in the same form.
type AuditReport struct {
	Checks []*AuditCheck `json:"checks"`
}

// AuditCheck is one comparison of an audit.
type AuditCheck struct {
	Name        string   `json:"name"`
	Rule        string   `json:"rule"`             // what has to hold
	Compared    int64    `json:"compared"`         // how many things were compared
	Behind      int64    `json:"behind,omitempty"` // how many a read model has not taken in yet
	Differences int64    `json:"differences"`      // how many of the things do not hold
	First       []string `json:"first,omitempty"`  // what is wrong with the first of these
}

// maxTold is how many differences of a check are told one by one.
const maxTold = 5

// Begin adds a check of a rule, which has compared nothing yet.
func (r *AuditReport) Begin(name, rule string) *AuditCheck {
	check := &AuditCheck{Name: name, Rule: rule}
	r.Checks = append(r.Checks, check)
	return check
}

// Differ records that the rule does not hold for one thing, and why.
func (c *AuditCheck) Differ(format string, args ...any) {
	if c.Differences++; len(c.First) < maxTold {
		c.First = append(c.First, fmt.Sprintf(format, args...))
	}
}

// OK reports whether nothing differs.
func (r AuditReport) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c *AuditCheck) bool { return c.Differences > 0 })
}

// Print writes the report for people: a line a check, with the differences below it.
func (r AuditReport) Print(w io.Writer) error {
	for _, c := range r.Checks {
		verdict := "ok  "
		if c.Differences > 0 {
			verdict = "FAIL"
		}
		behind := ""
		if c.Behind > 0 {
			behind = fmt.Sprintf("; %d behind", c.Behind)
		}
		if _, err := fmt.Fprintf(w, "%s  %-10s %9d compared%s: %s\n", verdict, c.Name, c.Compared, behind, c.Rule); err != nil {
			return err
		}
		for _, first := range c.First {
			if _, err := fmt.Fprintf(w, "      %s\n", first); err != nil {
				return err
			}
		}
		if more := c.Differences - int64(len(c.First)); more > 0 {
			if _, err := fmt.Fprintf(w, "      and %d more\n", more); err != nil {
				return err
			}
		}
	}
	return nil
}
