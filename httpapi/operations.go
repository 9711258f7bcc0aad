package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"agora/accounts"
	"agora/fault"
)

// addOperations adds the routes for operators: probes and metrics.
func (s *Server) addOperations() {
	RegisterDocument[struct{}, Health](s, Route{
		Method: "GET", Path: "/healthz", Tag: tagOperations, Summary: "Is the process alive", Access: Public, unplaced: true,
	}, func(*http.Request) (Document, error) {
		return Document{Body: []byte(`{"status":"ok"}`), CacheControl: "no-store"}, nil
	})
	RegisterDocument[struct{}, Readiness](s, Route{
		Method: "GET", Path: "/readyz", Tag: tagOperations, Summary: "Can the server do its work", Access: Public, unplaced: true,
		Description: "Checks every part that the server needs. If one is not ready, the answer is 503 and names the part and the reason.",
		Fails:       []Failure{{Kind: fault.Unavailable, Code: "not_ready", When: "A part that the server needs is not ready."}},
	}, s.readiness)
	if s.options.Metrics != nil {
		s.Mount(Route{Method: "GET", Path: "/metrics", Access: Roles(accounts.Admin, accounts.Metrics), unplaced: true}, s.options.Metrics.Handler())
	}
}

// OperationsHandler returns a handler of the routes of operations only, without limits and without authentication. Use it for a
// listener that only operators can reach.
func (s *Server) OperationsHandler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes {
		if rt.unplaced {
			mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
				x := exchangeOf(r.Context())
				x.route, x.deadline = &rt, x.started.Add(rt.Timeout)
				rt.serve(w, r)
			})
		}
	}
	noRoute := func(_ http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		x.send(newProblem(x, http.StatusNotFound, "", "only the routes of operations are here"))
	}
	mux.HandleFunc("/", noRoute)
	return s.observed(func(w http.ResponseWriter, r *http.Request, _ *exchange) { dispatch(mux, noRoute, w, r) })
}

const tagOperations = "operations"

// Health is the answer of a process that is alive.
type Health struct {
	Status string `json:"status" example:"ok"`
}

// Readiness is the answer of a server that is ready.
type Readiness struct {
	Status string            `json:"status" example:"ready"`
	Parts  map[string]string `json:"parts" doc:"State of each part, by its name."`
}

const readyWait = 2 * time.Second // for the checks of all parts together

func (s *Server) readiness(r *http.Request) (Document, error) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	answer := Readiness{Status: "ready", Parts: map[string]string{}}
	var away []fault.Field
	var causes []error
	for name, err := range s.ask(ctx) {
		answer.Parts[name] = "ready"
		if err != nil {
			away = append(away, fault.Field{Name: name, Message: "is not ready: " + reason(err)})
			causes = append(causes, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(away) > 0 {
		slices.SortFunc(away, func(a, b fault.Field) int { return cmp.Compare(a.Name, b.Name) })
		return Document{}, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "not_ready", fault.Sentence(away, 0), away...), errors.Join(causes...))
	}
	body, err := EncodeJSON(answer)
	return Document{Body: body, CacheControl: "no-store"}, err
}

const reasonLength = 200 // bytes

// reason returns why a part is not ready: the messages of its errors that are for callers. They have no secrets and no internals.
// The other parts of the errors are only logged.
func reason(err error) string {
	var messages []string
	for rest := err; ; {
		e, ok := errors.AsType[*fault.Error](rest)
		if !ok {
			break
		}
		if e.Message != "" && !slices.Contains(messages, e.Message) {
			messages = append(messages, e.Message)
		}
		rest = e.Unwrap()
	}
	switch {
	case len(messages) > 0:
		return cut(strings.Join(messages, ": "), reasonLength)
	case fault.Is(err, fault.Timeout):
		return "it does not answer in time"
	}
	return "the log says why"
}

// ask runs the checks of all parts at once.
func (s *Server) ask(ctx context.Context) map[string]error {
	answers := make(map[string]error, len(s.options.Ready))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, ready := range s.options.Ready {
		wg.Go(func() {
			err := ready(ctx)
			mu.Lock()
			defer mu.Unlock()
			answers[name] = err
		})
	}
	wg.Wait()
	return answers
}
