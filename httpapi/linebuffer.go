package httpapi

import (
	"io"
	"sync"
	"time"
)

// LineBuffer collects log lines and writes many of them at once, so that an access log does not cost a system call for each
// request. A line waits for at most a second. A crash loses lines that wait, so errors should be logged without a LineBuffer.
type LineBuffer struct {
	mu    sync.Mutex
	w     io.Writer
	lines []byte
	timer *time.Timer // set while lines wait
	err   error
}

const (
	linesHeld = 32 << 10 // bytes from which on a LineBuffer writes at once
	linesWait = time.Second
)

// NewLineBuffer returns a buffer that writes to w.
func NewLineBuffer(w io.Writer) *LineBuffer {
	return &LineBuffer{w: w, lines: make([]byte, 0, linesHeld+4<<10)}
}

// Write adds one line. It returns the error of an earlier write to the underlying writer, once.
func (b *LineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	switch {
	case len(b.lines) >= linesHeld:
		b.flush()
	case b.timer == nil:
		b.timer = time.AfterFunc(linesWait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.flush()
		})
	}
	return len(line), b.takeError()
}

// Close writes the lines that wait. The buffer stays usable.
func (b *LineBuffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	return b.takeError()
}

func (b *LineBuffer) flush() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.lines) == 0 {
		return
	}
	_, b.err = b.w.Write(b.lines)
	b.lines = b.lines[:0]
}

func (b *LineBuffer) takeError() error {
	err := b.err
	b.err = nil
	return err
}
