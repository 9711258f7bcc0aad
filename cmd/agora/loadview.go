package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"agora/lab/load"
)

// loadView shows how a load goes on: one line that changes on a terminal, otherwise one every few seconds.
type loadView struct {
	w        io.Writer
	terminal bool
	doing    string
	said     time.Time
	p99s     []float64 // of the last intervals, in milliseconds
	failed   int64
}

func newLoadView(w io.Writer) *loadView {
	file, ok := w.(*os.File)
	return &loadView{w: w, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// sparkWidth is how many intervals the course of the p99 shows.
const sparkWidth = 30

// at shows a step of the progress.
func (v *loadView) at(p load.Progress) {
	if p.Interval == nil {
		v.end()
		fmt.Fprintln(v.w, p.Doing)
		v.p99s, v.failed = nil, 0
		return
	}
	i := p.Interval
	for _, n := range i.Errors {
		v.failed += n
	}
	v.p99s = append(v.p99s[max(0, len(v.p99s)-sparkWidth+1):], i.P99)
	line := fmt.Sprintf("%3.0fs of %s  %6.0f/s of %.0f/s  p50 %.1f ms  p99 %.1f ms  max %.0f ms  %d errors",
		i.At, p.Of, i.Answered, p.Rate, i.P50, i.P99, i.Max, v.failed)
	switch {
	case v.terminal:
		fmt.Fprintf(v.w, "\r\x1b[K%s  %s", line, spark(v.p99s))
		v.doing = line
	case time.Since(v.said) >= betweenLines:
		fmt.Fprintln(v.w, line)
		v.said = time.Now()
	}
}

// end leaves the terminal at the beginning of a line.
func (v *loadView) end() {
	if v.doing != "" {
		fmt.Fprintln(v.w)
		v.doing = ""
	}
}

// spark draws figures as a row of bars, the highest as high as a line.
func spark(figures []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	highest := 0.0
	for _, f := range figures {
		highest = max(highest, f)
	}
	var row strings.Builder
	for _, f := range figures {
		level := 0
		if highest > 0 {
			level = int(f / highest * float64(len(bars)-1))
		}
		row.WriteRune(bars[level])
	}
	return row.String()
}
