package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"agora/fault"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is the answer of a request that failed (RFC 9457).
type Problem struct {
	Type     string        `json:"type" example:"/docs#invalid" doc:"Address of the documentation of the code."`
	Title    string        `json:"title" example:"Unprocessable Entity" doc:"The meaning of the status."`
	Status   int           `json:"status" example:"422"`
	Code     string        `json:"code" example:"invalid" doc:"Stable code for programs."`
	Detail   string        `json:"detail" example:"quantity is less than 1" doc:"What went wrong, for a person."`
	Instance string        `json:"instance" example:"req_01jd8q6m3k9v2n4x7y5z8w1t0c" doc:"The id of the request, as in the log."`
	Errors   []fault.Field `json:"errors,omitempty" doc:"The wrong fields of the input; if there are many, the first of them."`

	header http.Header // Cache-Control, and for some statuses Retry-After, WWW-Authenticate or Allow
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError, so that huma sends a Problem that a handler returns.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemJSON }

const problemJSON = "application/problem+json"

// statusClientGone is the status of nginx for a client that disconnected. Only the log has it.
const statusClientGone = 499

// statuses has the HTTP status of each kind of fault.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.Declined:        http.StatusPaymentRequired,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Timeout:         http.StatusGatewayTimeout,
	fault.Gone:            http.StatusGone,
}

// codes has the codes of failures of HTTP itself, for which there is no kind of fault.
var codes = map[int]string{
	http.StatusBadRequest:            "malformed",
	http.StatusNotFound:              "no_such_route",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestTimeout:        "body_too_slow",
	http.StatusRequestEntityTooLarge: fault.TooLarge.String(),
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUnprocessableEntity:   fault.Invalid.String(),
	http.StatusPreconditionRequired:  CodePreconditionRequired,
}

// CodePreconditionRequired is the code of ErrPreconditionRequired.
const CodePreconditionRequired = "precondition_required"

// ErrPreconditionRequired returns the error of a request without a conditional header that the route requires, such as If-Match.
func ErrPreconditionRequired(ctx context.Context, header, detail string) error {
	return newProblem(exchangeOf(ctx), http.StatusPreconditionRequired, "", detail, fault.Field{Name: header, Message: "is missing"})
}

// problem returns the Problem of an error. It logs the cause of an internal error, which is not in the answer.
func (s *Server) problem(x *exchange, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	kind := fault.KindOf(err)
	switch {
	case kind == fault.Internal:
		x.failure = err
		s.log.LogAttrs(x, slog.LevelError, "internal error", slog.String("request", x.id), slog.Any("error", err))
		return newProblem(x, statuses[kind], kind.String(), "internal error; see the log of request "+x.id)
	case clientGone(x, err):
		return newProblem(x, statusClientGone, kind.String(), "the client is gone")
	case kind == fault.Unavailable || kind == fault.Timeout:
		x.failure = err
		s.logAway(x, err)
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		e = &fault.Error{}
	}
	p := newProblem(x, statuses[kind], fault.CodeOf(err), cmp.Or(e.Message, http.StatusText(statuses[kind])), e.Fields...)
	p.retryAfter(e.RetryAfter)
	if kind == fault.Unauthenticated {
		p.set("Www-Authenticate", challenge(x))
	}
	return p
}

// logAway logs why a part was unavailable or too slow. It does not log that the server is full, which is in the metrics. The
// logger of the program holds repeated warnings back, by route.
func (s *Server) logAway(x *exchange, err error) {
	if errors.Is(err, errFull) || errors.Is(err, errStopping) {
		return
	}
	route := "none"
	if x.route != nil {
		route = x.route.pattern
	}
	s.log.LogAttrs(x, slog.LevelWarn, "request failed", slog.String("route", route), slog.String("request", x.id), slog.Any("error", err))
}

// clientGone reports whether the error comes from the disconnection of the client.
func clientGone(x *exchange, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(x.Context.Err(), context.Canceled)
}

// newProblem returns a Problem. It sets the code of the exchange, for the access log.
func newProblem(x *exchange, status int, code, detail string, fields ...fault.Field) *Problem {
	if code == "" {
		code = codes[status]
	}
	x.code = code
	p := &Problem{
		Type: "/docs#" + code, Title: http.StatusText(status), Status: status, Code: code,
		Detail: boundedDetail(detail), Instance: x.id, Errors: bounded(fields), header: http.Header{"Cache-Control": {"no-store"}},
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		p.retryAfter(time.Second)
	}
	return p
}

// retryAfter sets Retry-After in whole seconds, rounded up. It does nothing if d is 0.
func (p *Problem) retryAfter(d time.Duration) {
	if d > 0 {
		p.set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	}
}

func (p *Problem) set(name, value string) { p.header.Set(name, value) }

// fail answers with the Problem of err. It is for code that huma does not call.
func (s *Server) fail(x *exchange, err error) { x.send(s.problem(x, err)) }

// send writes a Problem.
func (x *exchange) send(p *Problem) {
	h := x.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", problemJSON)
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag"} {
		h.Del(name) // of the answer that is replaced
	}
	x.WriteHeader(p.Status)
	_ = encode(x, p) // a Problem can always be encoded
}

// asProblem is the huma transformer that replaces an error of huma's validation by a Problem.
func (s *Server) asProblem(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	status, detail, found := e.Status, e.Detail, mistakes{}
	read, _ := ctx.(readContext)
	for _, d := range e.Errors {
		if name, message := offending(d); read.bad == nil || name != "" {
			found.add(name, message)
		}
	}
	if read.bad != nil {
		status = read.bad.status
		found.join(read.bad.mistakes)
	}
	switch {
	case found.any():
		detail = found.detail()
	case detail == missingBody:
		detail = "the body is missing"
	}
	ctx.SetHeader("Content-Type", problemJSON)
	p := newProblem(exchangeOf(ctx.Context()), status, "", detail, found.fields...)
	for name := range p.header {
		ctx.SetHeader(name, p.header.Get(name))
	}
	return p, nil
}
