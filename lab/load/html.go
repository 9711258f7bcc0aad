package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
)

//go:embed report.html
var page string

// row is a line of the table of kinds.
type row struct {
	Name string
	Figures
}

// counted is how often something was answered.
type counted struct {
	Name  string
	Count int64
}

// WriteHTML writes the report as a page that needs nothing but itself.
func (r Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{"ms": duration, "percent": percent, "word": verdictWord}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Report
		Rows             []row
		Outcomes, Errors []counted
		Plots            []plot
		Width, Height    float64
	}{r, r.rows(), sorted(r.Trial.All.Outcomes), sorted(r.Trial.All.Errors), r.Trial.plots(r.kinds), plotWidth, plotHeight})
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

func percent(share float64) string { return fmt.Sprintf("%.4g %%", 100*share) }
