package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/lab/load"
)

// stand is a server that a load can be sent to, with one product.
func stand(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/products", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"id":"prd_a","sku":"A"}]}`)
	})
	mux.HandleFunc("GET /v1/products/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/orders", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return web.URL
}

func TestLoadExitCodes(t *testing.T) {
	url := stand(t)
	for _, tt := range []struct {
		name     string
		args     string
		code     int
		out, err string
	}{
		{"held", "--token t --mix view=1 --goal p99<1m", 0, "held: p99<1m0s", ""},
		{"missed", "--token t --mix view=1 --goal p99<1ns", 1, "missed: p99<1ns", "a goal was missed"},
		{"errors", "--token t --mix order=1", 1, "missed: errors", "a goal was missed"},
		{"allowed errors", "--token t --mix order=1 --errors 0.9999", 1, "503", "a goal was missed"},
		{"no token", "", 2, "", "--token"},
		{"no goal", "--token t --goal fast", 2, "", "is not like p99<25ms"},
		{"no kind of a goal", "--token t --goal steal.p99<1s", 2, "", `is for "steal"`},
		{"no form", "--token t --report load.txt", 2, "", "has to end with .html or .json"},
		{"no weight", "--token t --mix view=much", 2, "", "view=much: the weight is not a number"},
		{"no kind", "--token t --mix steal=1", 2, "", `has no request called "steal"`},
		{"no key", "--token t --generated prices=1", 2, "", "unknown name prices"},
		{"no server", "--token t --mix view=1 --url http://127.0.0.1:1", 1, "", "list the products"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"load", "shop", "--url", url, "--duration", "1s", "--warm-up", "0s", "--rate", "50"}
			got := runToEnd(t, command(t, nil, append(args, strings.Fields(tt.args)...)...))
			if got.code != tt.code || !strings.Contains(got.out, tt.out) || !strings.Contains(got.err, tt.err) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", got.code, got.out, got.err, tt.code, tt.out, tt.err)
			}
		})
	}
}

func TestLoadFeedRefuses(t *testing.T) {
	const users = "--token t --generated users=20 "
	for _, tt := range []struct {
		name, args string
		code       int
		err        string
	}{
		{"no plan", "--token t", 2, "--generated"},
		{"a plan of nobody", "--token t --generated users=0", 2, "is no plan with users"},
		{"a kind of the shop", users + "--mix order=1", 2, `has no request called "order"`},
		{"a goal of the shop", users + "--goal order.p99<1s", 2, `is for "order"`},
		{"a share above one", users + "--visible 2", 2, "visible is not between 0 and 1"},
		{"one user", users + "--users 1", 2, "users is not between 2"},
		{"no server", users + "--goal told.p99<20ms --url http://127.0.0.1:1", 1, "issue a token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"load", "feed", "--url", "http://127.0.0.1:1", "--duration", "1s"}
			got := runToEnd(t, command(t, nil, append(args, strings.Fields(tt.args)...)...))
			if got.code != tt.code || !strings.Contains(got.err, tt.err) {
				t.Errorf("exit code %d, stderr %q; want %d, %q", got.code, got.err, tt.code, tt.err)
			}
		})
	}
}

func TestAnInterruptedLoadWritesItsReport(t *testing.T) {
	cmd := command(t, nil, "load", "shop", "--url", stand(t), "--token", "t", "--mix", "view=1", "--rate", "50", "--warm-up", "0s",
		"--duration", "1h", "--report", "load.json", "--report", "load.html", "--history", "load.history")
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := untilLine(progress, "50/s"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, progress)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	if !strings.Contains(out.String(), "note: the trial ended before its time: interrupted") {
		t.Errorf("the summary does not say that it was interrupted:\n%s", out.String())
	}
	for _, name := range []string{"load.json", "load.html", "load.history"} {
		if _, err := os.Stat(filepath.Join(cmd.Dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// untilLine reads until a text has come.
func untilLine(r io.Reader, text string) error {
	var read []byte
	buffer := make([]byte, 1024)
	for !bytes.Contains(read, []byte(text)) {
		n, err := r.Read(buffer)
		if err != nil {
			return err
		}
		read = append(read, buffer[:n]...)
	}
	return nil
}

func TestTheViewIsALineNowAndThen(t *testing.T) {
	var shown bytes.Buffer
	v := newLoadView(&shown)
	v.at(load.Progress{Doing: "sending"})
	for i := range 3 {
		v.at(load.Progress{Rate: 10, Of: time.Minute, Interval: &load.Interval{At: float64(i), Answered: 9, P99: 1.5, Errors: map[string]int64{"timeout": 1}}})
	}
	v.end()
	if got := strings.Count(shown.String(), "\n"); got != 2 || !strings.Contains(shown.String(), "9/s of 10/s") || !strings.Contains(shown.String(), "1 errors") {
		t.Errorf("shown:\n%s", shown.String())
	}
	if got := spark([]float64{0, 4, 8}); got != "▁▄█" {
		t.Errorf("spark is %s, want ▁▄█", got)
	}
}
