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

// loadView shows the progress of a load: a line that is rewritten on a terminal, otherwise a new line every few seconds.
type loadView struct {
	w        io.Writer
	terminal bool
	line     string    // the line on the terminal; "" for none
	written  time.Time // of the last line, if w is no terminal
	p99s     []float64 // p99 of the last intervals, in milliseconds
	failed   int64
}

func newLoadView(w io.Writer) *loadView {
	file, ok := w.(*os.File)
	return &loadView{w: w, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// sparkWidth is the number of intervals in the chart of the p99.
const sparkWidth = 30

// at shows the progress of one interval, or the beginning of a phase.
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
		v.line = line
	case time.Since(v.written) >= betweenLines:
		fmt.Fprintln(v.w, line)
		v.written = time.Now()
	}
}

// end moves the cursor of the terminal to a new line.
func (v *loadView) end() {
	if v.line != "" {
		fmt.Fprintln(v.w)
		v.line = ""
	}
}

// spark draws figures as a row of bars. The highest one fills its line.
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
