package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes lines of the format ("json" or "text") from the level on ("debug", "info", "warn",
// "error"). A repeated warning is written once in ten seconds, with the number of those that were held back. The caller calls
// flush at the end, so that the last ones are written too.
func NewLogger(w io.Writer, format, level string) (log *slog.Logger, flush func(), err error) {
	var lv slog.Level
	if err := lv.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: lv}
	var h slog.Handler
	switch format {
	case "json":
		h = slog.NewJSONHandler(w, options)
	case "text":
		h = slog.NewTextHandler(w, options)
	default:
		return nil, nil, fmt.Errorf("log format %q is none of json, text", format)
	}
	repeats := newRepeats(h)
	return slog.New(repeats), repeats.lines.flush, nil
}
