package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// repeatsEvery is the least time between two lines of a repeated warning.
	repeatsEvery = 10 * time.Second

	// repeatsKnown bounds the number of distinct warnings in memory. Further ones are always written.
	repeatsKnown = 1000

	// HeldBack is the attribute with the number of similar lines that were suppressed before a line.
	HeldBack = "held_back"
)

// repeatsBy are the attributes that, with the message, distinguish warnings. Each has few values.
var repeatsBy = []string{"route", "task", "group", "partition", "saga", "topic"}

// repeats is a slog.Handler that writes a repeated warning at most once in repeatsEvery, so that a part that fails for each
// request does not fill the log. The first line is written at once. Of the lines in the following repeatsEvery, the last one is
// written at the end of that time, with the number of the others. Errors are always written: they are bugs, and answers refer to
// their lines by request id. Other levels are always written, because they are rare.
type repeats struct {
	slog.Handler
	scope string // groups and attributes of the logger
	lines *repeatedLines
}

// repeatedLines are the repeated lines of one logger, which its handlers share.
type repeatedLines struct {
	mu    sync.Mutex
	byKey map[string]*repeatedLine
}

// repeatedLine is a line that was written less than repeatsEvery ago.
type repeatedLine struct {
	held int          // number of lines that were held back since then
	last slog.Record  // last line that was held back
	by   slog.Handler // handler of the last line
}

func newRepeats(h slog.Handler) *repeats {
	return &repeats{Handler: h, lines: &repeatedLines{byKey: map[string]*repeatedLine{}}}
}

// Handle implements slog.Handler.
func (h *repeats) Handle(ctx context.Context, r slog.Record) error {
	if r.Level != slog.LevelWarn || !h.lines.hold(h.keyOf(r), r, h.Handler) { //nolint:contextcheck // a line that is held back outlives the call that logged it
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

func (h *repeats) keyOf(r slog.Record) string {
	var b strings.Builder
	b.WriteString(r.Message + "\x00" + h.scope)
	r.Attrs(func(a slog.Attr) bool {
		for _, name := range repeatsBy {
			if a.Key == name {
				b.WriteString("\x00" + a.Value.String())
			}
		}
		return true
	})
	return b.String()
}

// hold reports whether the line is held back.
func (l *repeatedLines) hold(key string, r slog.Record, by slog.Handler) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, known := l.byKey[key]
	if known {
		line.held, line.last, line.by = line.held+1, r.Clone(), by
		return true
	}
	if len(l.byKey) < repeatsKnown {
		l.byKey[key] = &repeatedLine{}
		time.AfterFunc(repeatsEvery, func() { l.release(key) })
	}
	return false
}

// release writes the line that was held back, or deletes the key if there is none.
func (l *repeatedLines) release(key string) {
	l.mu.Lock()
	line := l.byKey[key]
	held := *line
	if held.held == 0 {
		delete(l.byKey, key)
	} else {
		*line = repeatedLine{}
		time.AfterFunc(repeatsEvery, func() { l.release(key) })
	}
	l.mu.Unlock()
	held.write()
}

// flush writes all lines that are held back, in the order of their times.
func (l *repeatedLines) flush() {
	var held []repeatedLine
	l.mu.Lock()
	for _, line := range l.byKey {
		held = append(held, *line)
		*line = repeatedLine{}
	}
	l.mu.Unlock()
	slices.SortFunc(held, func(a, b repeatedLine) int { return a.last.Time.Compare(b.last.Time) })
	for _, line := range held {
		line.write()
	}
}

// write writes the last line that was held back, with the number of the lines before it.
func (line repeatedLine) write() {
	if line.held == 0 {
		return
	}
	line.last.AddAttrs(slog.Int(HeldBack, line.held-1))
	_ = line.by.Handle(context.Background(), line.last) // a log that cannot be written has no other log
}

// WithAttrs implements slog.Handler.
func (h *repeats) WithAttrs(attrs []slog.Attr) slog.Handler {
	scope := h.scope
	for _, a := range attrs {
		scope += "\x00" + a.String()
	}
	return &repeats{h.Handler.WithAttrs(attrs), scope, h.lines}
}

// WithGroup implements slog.Handler.
func (h *repeats) WithGroup(name string) slog.Handler {
	return &repeats{h.Handler.WithGroup(name), h.scope + "\x00" + name, h.lines}
}
