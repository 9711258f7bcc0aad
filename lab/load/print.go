package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the most important figures as text.
func (r Report) Print(w io.Writer) error {
	t := r.Trial
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range r.Steps {
		fmt.Fprintf(table, "%.0f/s\tfor %gs\t%s\tp50 %s\tp99 %s\t%d errors\t\n", s.Rate, s.Seconds, verdictWord(s.Held), duration(s.P50), duration(s.P99), s.Errors)
	}
	fmt.Fprintf(table, "\nrequests\trate\tp50\tp90\tp99\tp99.9\tmax\terrors\t\n")
	row := func(name string, f Figures) {
		l := f.Latency
		fmt.Fprintf(table, "%s\t%.1f/s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", name, f.Rate,
			duration(l.P50), duration(l.P90), duration(l.P99), duration(l.P999), duration(l.Max), f.Failed())
	}
	for _, kind := range r.kinds {
		if f, ok := t.Kinds[kind]; ok {
			row(string(kind), f)
		}
	}
	row("all", t.All)
	if len(t.Times) > 0 {
		fmt.Fprintf(table, "\ntime until\tcount\tp50\tp90\tp99\tp99.9\tmax\t\n")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Times)) {
		p := t.Times[name]
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", name, p.Count,
			duration(p.P50), duration(p.P90), duration(p.P99), duration(p.P999), duration(p.Max))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, counted := range []map[string]int64{t.All.Outcomes, t.All.Errors, t.Counts} {
		for _, name := range slices.Sorted(maps.Keys(counted)) {
			fmt.Fprintf(w, "%9d  %s\n", counted[name], name)
		}
	}
	fmt.Fprintf(w, "generator: %.0f µs of CPU a request, %.0f %% of the machine; sent p99 %s late\n",
		t.Generator.PerRequest, 100*t.Generator.CPUShare, duration(t.Generator.Late.P99))
	if s := t.Server; s != nil {
		fmt.Fprintf(w, "server: %.2f processors, %.0f MB%s\n", s.Cores, s.megabytes(), s.hits())
	}
	for _, v := range t.Verdicts {
		fmt.Fprintf(w, "%s: %s (%s)\n", verdictWord(v.Held), v.Goal, v.Got)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "note: %s\n", warning)
	}
	return nil
}

func (s Server) hits() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Caches)) {
		fmt.Fprintf(&text, ", %s cache %.1f %% hits", name, 100*s.Caches[name].HitRatio)
	}
	return text.String()
}

func verdictWord(held bool) string {
	if held {
		return "held"
	}
	return "missed"
}

// duration formats milliseconds for people.
func duration(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.0f µs", ms*1000)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}
