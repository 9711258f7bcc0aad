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

// progress shows how far the stages of long work are: a bar each on a terminal, otherwise now and then a line.
type progress struct {
	w    io.Writer
	bars *mpb.Progress // nil where w is no terminal
	bar  map[string]*mpb.Bar
	said map[string]time.Time
}

// betweenLines is how often a stage says how far it is where there is no terminal.
const betweenLines = 5 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, bar: map[string]*mpb.Bar{}, said: map[string]time.Time{}}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(file), mpb.WithWidth(40))
	}
	return p
}

// at says that a stage has done so much of its total. It must not be called by two at once.
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
	if done < total && time.Since(p.said[stage]) < betweenLines {
		return
	}
	p.said[stage] = time.Now()
	fmt.Fprintf(p.w, "%s: %d of %d\n", stage, done, total)
}

// end leaves the terminal as it is. Stages that were interrupted stay where they were.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	for _, bar := range p.bar {
		bar.Abort(false)
	}
	p.bars.Wait()
}
