package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logLines is a log that tests read while others write.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// take returns what was logged since the last call, a line each: message, n, and how many were held back.
func (l *logLines) take(t *testing.T) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var said []string
	for line := range strings.Lines(l.buf.String()) {
		var v struct {
			Msg      string
			N        int
			HeldBack *int `json:"held_back"`
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%s %d", v.Msg, v.N)
		if v.HeldBack != nil {
			text += fmt.Sprintf(" after %d", *v.HeldBack)
		}
		said = append(said, text)
	}
	l.buf.Reset()
	return strings.Join(said, ", ")
}

func TestRepeatedLinesAreHeldBackAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logLines
		log, _, err := NewLogger(&out, "json", "info")
		if err != nil {
			t.Fatal(err)
		}
		want := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := out.take(t); got != want {
				t.Errorf("%s the log has %q, want %q", when, got, want)
			}
		}
		for i := range 1000 {
			log.Warn("away", "n", i, "error", i)
		}
		want("at first", "away 0")
		time.Sleep(repeatsEvery - time.Nanosecond)
		log.Warn("away", "n", 1000)
		want("before the time is over", "")
		time.Sleep(time.Nanosecond)
		want("then", "away 1000 after 999")
		log.Warn("away", "n", 1001)
		time.Sleep(repeatsEvery)
		want("after one more", "away 1001 after 0")
		time.Sleep(repeatsEvery)
		want("after silence", "")
		log.Warn("away", "n", 1002)
		want("after it was forgotten", "away 1002")
	})
}

func TestLinesThatDifferAreAllWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logLines
		log, _, err := NewLogger(&out, "json", "info")
		if err != nil {
			t.Fatal(err)
		}
		log.Warn("away", "n", 1, "route", "GET /a")
		log.Warn("away", "n", 2, "route", "GET /b")
		log.Warn("here", "n", 3, "route", "GET /a")
		log.Info("away", "n", 4, "route", "GET /a")
		log.Info("away", "n", 4, "route", "GET /a")
		log.With("part", "x").Warn("away", "n", 5, "route", "GET /a")
		log.With("part", "y").Warn("away", "n", 6, "route", "GET /a")
		log.Error("bug", "n", 7)
		log.Error("bug", "n", 8)
		if got, want := out.take(t), "away 1, away 2, here 3, away 4, away 4, away 5, away 6, bug 7, bug 8"; got != want {
			t.Errorf("the log has %q, want %q", got, want)
		}
		time.Sleep(2 * repeatsEvery)
	})
}

// TestHeldBackLinesAreFlushed checks that a program that ends loses no warning, and that a line is written once.
func TestHeldBackLinesAreFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logLines
		log, flush, err := NewLogger(&out, "json", "info")
		if err != nil {
			t.Fatal(err)
		}
		log.Warn("once", "n", 0)
		for i := range 3 {
			log.Warn("away", "n", i, "route", "GET /b")
			time.Sleep(time.Second)
			log.Warn("away", "n", i, "route", "GET /a")
		}
		out.take(t)
		flush()
		if got, want := out.take(t), "away 2 after 1, away 2 after 1"; got != want {
			t.Errorf("flush writes %q, want %q", got, want)
		}
		flush()
		time.Sleep(3 * repeatsEvery)
		synctest.Wait()
		if got := out.take(t); got != "" {
			t.Errorf("after the flush the log has %q, want nothing", got)
		}
	})
}

func TestRepeatedLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newRepeats(slog.NewJSONHandler(new(bytes.Buffer), nil))
		log := slog.New(h)
		for i := range 3 * repeatsKnown {
			log.Warn(fmt.Sprint(i))
		}
		known := func() int {
			h.lines.mu.Lock()
			defer h.lines.mu.Unlock()
			return len(h.lines.byKey)
		}
		if n := known(); n > repeatsKnown {
			t.Errorf("%d lines are known, want at most %d", n, repeatsKnown)
		}
		time.Sleep(2 * repeatsEvery)
		synctest.Wait()
		if n := known(); n != 0 {
			t.Errorf("%d lines are known after silence, want none", n)
		}
	})
}
