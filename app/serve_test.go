package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/app/config"
	"agora/telemetry"
)

// start serves handler on a free port until stop is called; then result holds what Run returned.
func start(t *testing.T, handler http.Handler, grace time.Duration) (url string, stop context.CancelFunc, result chan error) {
	t.Helper()
	announced := make(chan string, 1)
	p := program(newGate(&http.Server{Handler: handler}, gateOptions{
		Address: "127.0.0.1:0", Announce: func(url string) { announced <- url }, Part: func() {},
	}).module())
	p.grace = grace
	stop, result = background(t, p)
	t.Cleanup(stop)
	select {
	case url = <-announced:
	case err := <-result:
		t.Fatalf("the server did not start: %v", err)
	}
	return url, stop, result
}

func get(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

func TestRequestsAreFinishedBeforeTheEnd(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	url, stop, result := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		w.WriteHeader(http.StatusTeapot)
	}), time.Minute)

	type answer struct {
		status int
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		status, err := get(t.Context(), url)
		answered <- answer{status, err}
	}()
	<-arrived
	stop()
	for { // the listener closes first: from then on nobody new gets in
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(release)
	if got := <-answered; got.err != nil || got.status != http.StatusTeapot {
		t.Errorf("the request in flight got %d, %v; want 418", got.status, got.err)
	}
	if err := <-result; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestRequestsAreCutOffAfterTheGrace(t *testing.T) {
	arrived := make(chan struct{})
	url, stop, result := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), time.Millisecond)
	failed := make(chan error, 1)
	go func() {
		_, err := get(t.Context(), url)
		failed <- err
	}()
	<-arrived
	stop()
	if err := <-result; err == nil || !strings.Contains(err.Error(), "finish the requests") {
		t.Errorf("Run = %v, want that the requests were not finished", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

func TestATakenAddressIsAnError(t *testing.T) {
	url, _, _ := start(t, http.NotFoundHandler(), time.Second)
	err := program(newGate(&http.Server{}, gateOptions{Address: strings.TrimPrefix(url, "http://")}).module()).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "start http server: listen tcp") {
		t.Errorf("Run = %v, want that it cannot listen", err)
	}
}

func TestServeAnswersAndEnds(t *testing.T) {
	data := filepath.Join(t.TempDir(), "made")
	ops := freeAddress(t)
	cfg := load(t, map[string]string{"data": data, "listen": "127.0.0.1:0", "ops.listen": ops})
	ctx, stop := context.WithCancel(t.Context())
	result := make(chan error, 1)
	url := serving(t, ctx, cfg, io.Discard, result)
	for _, path := range []string{"/healthz", "/readyz", "/", "/docs", "/openapi.json"} {
		if status, err := get(t.Context(), url+path); err != nil || status != http.StatusOK {
			t.Errorf("%s = %d, %v; want 200", path, status, err)
		}
	}
	if status, err := get(t.Context(), url+"/metrics"); err != nil || status != http.StatusUnauthorized {
		t.Errorf("/metrics without a token = %d, %v; want 401", status, err)
	}
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/readyz": http.StatusOK, "/docs": http.StatusNotFound} {
		if status, err := get(t.Context(), "http://"+ops+path); err != nil || status != want {
			t.Errorf("%s of the listener for operators = %d, %v; want %d", path, status, err, want)
		}
	}
	stop()
	if err := <-result; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if paths, err := filepath.Glob(data); err != nil || len(paths) != 1 {
		t.Errorf("the data folder was not made: %v", err)
	}
}

// freeAddress returns a host:port of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestServeRefusesAnUnknownLogFormat(t *testing.T) {
	cfg := load(t, nil)
	cfg.Log.Format = "xml"
	if err := Serve(t.Context(), cfg, "test", io.Discard, io.Discard); err == nil {
		t.Error("log format xml is accepted")
	}
}

// TestWarningsOfTheLastSecondsAreLogged repeats a warning until it is held back, and ends the program.
func TestWarningsOfTheLastSecondsAreLogged(t *testing.T) {
	cfg := load(t, map[string]string{"data": t.TempDir(), "listen": "127.0.0.1:0"})
	ctx, stop := context.WithCancel(t.Context())
	result := make(chan error, 1)
	var logs bytes.Buffer
	url := serving(t, ctx, cfg, &logs, result)
	wrong := `{"email":"nobody@example.org","password":"a guess"}`
	for refused := 0; refused < 3; {
		answer, err := http.Post(url+"/v1/sessions", "application/json", strings.NewReader(wrong)) //nolint:noctx // of a test
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	stop()
	if err := <-result; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if !strings.Contains(logs.String(), telemetry.HeldBack+"=1") {
		t.Errorf("the log lacks the line that was held back last: %s", &logs)
	}
}

// serving runs the program and returns its URL.
func serving(t *testing.T, ctx context.Context, cfg config.Config, logs io.Writer, result chan<- error) string {
	t.Helper()
	out, in := io.Pipe()
	go func() {
		err := Serve(ctx, cfg, "test", in, logs)
		_ = in.CloseWithError(err)
		result <- err
	}()
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return strings.TrimSpace(strings.TrimPrefix(line, "agora is at "))
}
