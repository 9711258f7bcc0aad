package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"agora/fault"

	"github.com/go-json-experiment/json"
)

// addOperations adds what the people and programs that run the server ask for.
func (s *Server) addOperations() {
	RegisterDocument[struct{}, Health](s, Route{
		Method: "GET", Path: "/healthz", Tag: tagOperations, Summary: "Is the process alive", Access: Public, unguarded: true,
	}, func(*http.Request) (Document, error) {
		return Document{Body: []byte(`{"status":"ok"}`), CacheControl: "no-store"}, nil
	})
	RegisterDocument[struct{}, Readiness](s, Route{
		Method: "GET", Path: "/readyz", Tag: tagOperations, Summary: "Can the server do its work", Access: Public, unguarded: true,
		Description: "Asks every part that is needed. Names those that are not there and answers 503.",
		Fails:       []Failure{{Kind: fault.Unavailable, Code: "not_ready", When: "A part that is needed is not there."}},
	}, s.readiness)
	if s.options.Metrics != nil {
		s.Mount(Route{Method: "GET", Path: "/metrics", Access: Public, unguarded: true}, s.options.Metrics.Handler())
	}
}

const tagOperations = "operations"

// Health is the answer of a process that is alive.
type Health struct {
	Status string `json:"status" example:"ok"`
}

// Readiness is the answer of a server that can do its work.
type Readiness struct {
	Status string            `json:"status" example:"ready"`
	Parts  map[string]string `json:"parts" doc:"What was asked, and what it said."`
}

const readyWait = 2 * time.Second // for all parts together

func (s *Server) readiness(r *http.Request) (Document, error) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	answer := Readiness{Status: "ready", Parts: map[string]string{}}
	var away []fault.Field
	var causes []error
	for name, err := range s.ask(ctx) {
		answer.Parts[name] = "ready"
		if err != nil {
			away = append(away, fault.Field{Name: name, Message: "is not ready"})
			causes = append(causes, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(away) > 0 {
		slices.SortFunc(away, func(a, b fault.Field) int { return cmp.Compare(a.Name, b.Name) })
		return Document{}, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "not_ready", fault.Sentence(away, 0), away...), errors.Join(causes...))
	}
	body, err := json.Marshal(answer, encoding)
	return Document{Body: body, CacheControl: "no-store"}, err
}

// ask asks all parts at once.
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
