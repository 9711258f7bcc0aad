package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"agora/ident"
)

// Values of headers that are the same in every answer, so that header maps can share them. Answers of the API have no
// Referrer-Policy: JSON has no links to follow, and a map of more than eight headers costs twice as much. Pages have one, see
// Mount.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"} // of the Content-Security-Policy; pages set their own
)

// observed returns the outermost step of a request: it gives the request its id, turns a panic into an answer, and
// records the outcome.
func (s *Server) observed(serve func(http.ResponseWriter, *http.Request, *exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.observe(w, r, serve) })
}

func (s *Server) observe(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request, *exchange)) {
	x := &exchange{Context: r.Context(), server: s, started: time.Now(), id: requestID(r)}
	x.response = response{ResponseWriter: w, exchange: x}
	h := w.Header()
	h["X-Request-Id"] = []string{x.id}
	h["X-Content-Type-Options"] = noSniff
	h["Content-Security-Policy"] = noContent
	if s.parting.Load() {
		h["Connection"] = closeConnection
	}
	defer func() {
		p := recover()
		if p != nil {
			p = s.recovered(x, p)
		}
		if p == nil {
			x.finish()
		} else {
			x.discard()
		}
		s.record(x, r)
		if p != nil {
			panic(p)
		}
	}()
	serve(&x.response, r.WithContext(x), x)
}

// recovered turns a panic into a Problem. If a part of the answer is already sent, it returns a value that makes net/http close the
// connection, so that the client notices that the answer is incomplete.
func (s *Server) recovered(x *exchange, p any) any {
	if cause, ok := p.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
		return p // the handler cuts the connection on purpose
	}
	err := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	if x.begun {
		s.log.Error("panic after the answer began", "request", x.id, "error", err)
		return http.ErrAbortHandler
	}
	x.restart()
	s.fail(x, err)
	return nil
}

// record ends the exchange: metric, span, access log. The query, which may have what a person searched for, and the headers of
// the request are never logged.
func (s *Server) record(x *exchange, r *http.Request) {
	x.release()
	took := time.Since(x.started)
	pattern := "none" // without a route: a label must not have a path that the client chooses
	if x.route != nil {
		pattern = x.route.pattern
	}
	if !x.streamed {
		s.duration.Observe(took.Seconds(), pattern, class(x.status))
	}
	x.span.End(x.failure)
	if s.options.AccessLog == nil {
		return
	}
	attrs := [...]slog.Attr{
		slog.String("request", x.id),
		slog.String("method", cut(r.Method, loggedMethod)),
		slog.String("path", cut(r.URL.Path, loggedPath)),
		slog.String("route", pattern),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Int64("us", took.Microseconds()),
		slog.String("user", x.principal.UserID),
		slog.String("code", x.code),
	}
	// The handler is called directly, because a Logger would look up the source line of the call.
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	line.AddAttrs(attrs[:]...)
	_ = s.options.AccessLog.Handler().Handle(x.Context, line) // an access log that cannot be written has no other log
}

// The logged lengths of a method and of a path, in bytes.
const (
	loggedMethod = 32
	loggedPath   = 256
)

// class returns the class of a status. A handler that wrote nothing answered 200.
func class(status int) string {
	switch status / 100 {
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return "2xx"
}

// requestID returns the X-Request-Id of the caller if it can be logged and sent back, or a new id.
func requestID(r *http.Request) string {
	given := r.Header["X-Request-Id"]
	if len(given) == 1 && fitID(given[0]) {
		return given[0]
	}
	return ident.New(ident.Request)
}

func fitID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
