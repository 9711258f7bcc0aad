package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"agora/lab/load/loadtest"
)

// listening returns a run whose server is the handler.
func listening(t *testing.T, serve http.HandlerFunc) Run {
	t.Helper()
	to, err := newTarget("http://feed")
	if err != nil {
		t.Fatal(err)
	}
	to.dialer = loadtest.Serve(t, serve)
	return Run{target: to}
}

func TestListenReadsEvents(t *testing.T) {
	run := listening(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Last-Event-ID") + r.Header.Get("Authorization"); got != "6Bearer token" {
			t.Errorf("the request has %q", got)
		}
		_, _ = io.WriteString(w, ":\n\nid: 7\n\nid: 8\nevent: post\ndata: a\ndata: b\n\n:\n\nevent: reset\ndata:{}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	answer, err := run.Listen(ctx, "/stream", "token", "6", func(e Event) {
		got = append(got, e.ID+"/"+e.Name+"/"+string(e.Data))
		if e.Name == "reset" {
			cancel()
		}
	})
	if want := []string{"7//", "8/post/a\nb", "/reset/{}"}; err != nil || answer.Status != 200 || !slices.Equal(got, want) {
		t.Errorf("events %q, status %d, %v; want %q until the cut", got, answer.Status, err, want)
	}
}

func TestListenTellsHowAStreamFailed(t *testing.T) {
	refusing := listening(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"feed_late"}`)
	})
	if answer, err := refusing.Listen(t.Context(), "/", "", "", nil); err != nil || answer.Refusal() != "503 feed_late" {
		t.Errorf("a refused stream is %v, %v", answer, err)
	}
	ending := listening(t, func(http.ResponseWriter, *http.Request) {})
	if answer, err := ending.Listen(t.Context(), "/", "", "", nil); answer.Status != 200 || !errors.Is(err, errLost) {
		t.Errorf("a stream that the server ends is %d, %v; want it lost", answer.Status, err)
	}
}
