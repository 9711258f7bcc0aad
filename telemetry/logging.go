package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes lines of the format ("json" or "text") from the level on ("debug", "info", "warn",
// "error"). A warning that is repeated is written once in
// ten seconds, with the number of those that were held back.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var lv slog.Level
	if err := lv.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: lv}
	switch format {
	case "json":
		return slog.New(newRepeats(slog.NewJSONHandler(w, options))), nil
	case "text":
		return slog.New(newRepeats(slog.NewTextHandler(w, options))), nil
	}
	return nil, fmt.Errorf("log format %q is none of json, text", format)
}
