package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows the progress of stages of long work: a bar for each on a terminal, otherwise a line every few seconds.
type progress struct {
	w       io.Writer
	bars    *mpb.Progress // nil if w is no terminal
	bar     map[string]*mpb.Bar
	written map[string]time.Time // of the last line of each stage, if w is no terminal
}

// betweenLines is the least time between two lines of progress if the output is no terminal.
const betweenLines = 5 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, bar: map[string]*mpb.Bar{}, written: map[string]time.Time{}}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(file), mpb.WithWidth(40))
	}
	return p
}

// at shows the progress of a stage. It must not be called concurrently.
func (p *progress) at(stage string, done, total int) {
	if p.bars == nil {
		p.line(stage, done, total)
		return
	}
	bar, ok := p.bar[stage]
	if !ok {
		bar = p.bars.AddBar(int64(total),
			mpb.PrependDecorators(decor.Name(stage, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersNoUnit("%d / %d", decor.WCSyncSpace),
				decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace), "done")))
		p.bar[stage] = bar
	}
	bar.SetCurrent(int64(done))
}

func (p *progress) line(stage string, done, total int) {
	if done < total && time.Since(p.written[stage]) < betweenLines {
		return
	}
	p.written[stage] = time.Now()
	fmt.Fprintf(p.w, "%s: %d of %d\n", stage, done, total)
}

// end ends the bars. An interrupted stage keeps its bar as it is.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	for _, bar := range p.bar {
		bar.Abort(false)
	}
	p.bars.Wait()
}
