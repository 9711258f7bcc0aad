package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed report.html
var page string

// row is a line of the table of kinds.
type row struct {
	Name string
	Figures
}

// counted is the number of answers with one outcome or error.
type counted struct {
	Name  string
	Count int64
}

// WriteHTML writes the report as a page that loads nothing else.
func (r Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{"ms": duration, "percent": percent, "word": verdictWord}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Report
		Rows             []row
		Outcomes, Errors []counted
		Counts           []counted
		Server           []serverRow
		Plots            []plot
		Width, Height    float64
	}{r, r.rows(), sorted(r.Trial.All.Outcomes), sorted(r.Trial.All.Errors), sorted(r.Trial.Counts), r.Trial.Server.rows(), r.Trial.plots(r.kinds), plotWidth, plotHeight})
}

func (r Report) rows() []row {
	var rows []row
	for _, kind := range r.kinds {
		if f, ok := r.Trial.Kinds[kind]; ok {
			rows = append(rows, row{string(kind), f})
		}
	}
	return append(rows, row{"all", r.Trial.All})
}

func sorted(counts map[string]int64) []counted {
	var all []counted
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, counted{name, counts[name]})
	}
	return all
}

// serverRow is a line of the table of the servers' metrics.
type serverRow struct{ Title, Value string }

// rows returns the lines of that table. A nil Server has none.
func (s *Server) rows() []serverRow {
	if s == nil {
		return nil
	}
	rows := []serverRow{
		{"processors busy", fmt.Sprintf("%.2f", s.Cores)},
		{"memory at the end", fmt.Sprintf("%.1f MB", s.megabytes())},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Caches)) {
		c := s.Caches[name]
		rows = append(rows, serverRow{name + " cache, hits", fmt.Sprintf("%s of %d", percent(c.HitRatio), c.Requests)})
	}
	for _, f := range s.Figures {
		rows = append(rows, f.rows()...)
	}
	return rows
}

func (f ServerFigure) rows() []serverRow {
	var rows []serverRow
	for _, value := range slices.Sorted(maps.Keys(f.Values)) {
		number := fmt.Sprintf("%.3f", f.Values[value])
		if f.Type == Counter {
			number = fmt.Sprintf("%.0f", f.Values[value])
		}
		title := f.Title
		if f.Label != "" {
			title += ": " + value
		}
		rows = append(rows, serverRow{title, f.text(number)})
	}
	return rows
}

// text returns a number with its unit.
func (f ServerFigure) text(number string) string { return strings.TrimSpace(number + " " + f.Unit) }

func percent(share float64) string { return fmt.Sprintf("%.4g %%", 100*share) }
