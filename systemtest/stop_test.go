package systemtest

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	verifyshop "agora/lab/verify/shop"
	"agora/shop"
)

// TestAStopLosesNoAnswer stops a server under load. It checks that every order in the store was answered.
func TestAStopLosesNoAnswer(t *testing.T) {
	const buyers = 64
	s := started(t, patient("simulated:?latency=2ms")...)
	shared := crowd(t, buyers)
	admin := &client{s, shared, s.token(t)}
	product := admin.offer(t, "LAMP", 1_000_000)

	type request struct{ key, order string }
	var (
		mu   sync.Mutex
		sent []request
	)
	answers := make(chan struct{}, buyers)
	var buying sync.WaitGroup
	for i := range buyers {
		buyer := client{s, shared, admin.token}
		if i%2 == 1 { // a connection for each request
			buyer.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		}
		c := cart{{product, 1}}
		buying.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d", i, n)
				got, err := buyer.send(t.Context(), "POST", "/v1/orders", key, c.request())
				var out verifyshop.Output
				if err == nil {
					out, err = c.outcome(got)
					if err != nil {
						t.Error(err)
					}
				}
				mu.Lock()
				sent = append(sent, request{key, out.Order})
				mu.Unlock()
				if err != nil {
					return // the server accepts no more requests
				}
				answers <- struct{}{}
			}
		})
	}
	for range 10 * buyers {
		<-answers
	}
	go func() {
		for range answers { // until the buyers have returned
		}
	}()
	s.stop(t)
	ended := time.Now()
	buying.Wait()
	close(answers)
	s.verify(t, "after a stop under load")

	s.start(t)
	unanswered := 0
	for _, r := range sent {
		if r.order != "" {
			if _, err := admin.Order(t.Context(), r.order); err != nil {
				t.Errorf("an order acknowledged before the stop: %v", err)
			}
			continue
		}
		unanswered++
		var order shop.Order
		got, err := admin.ask(t.Context(), "POST", "/v1/orders", r.key, cart{{product, 1}}.request())
		if err == nil {
			err = got.into(&order)
		}
		if err != nil {
			t.Fatal(err)
		}
		if order.PlacedAt.Before(ended) {
			t.Errorf("order %s was stored before the stop, and its client got no answer", order.ID)
		}
	}
	t.Logf("%d requests, %d of them after the stop", len(sent), unanswered)
}

// TestASecondSignalEndsAServerAtWork sends two signals to a server whose payment gateway does not answer. It checks that the order
// exists after a restart, and that its checkout is finished.
func TestASecondSignalEndsAServerAtWork(t *testing.T) {
	s := started(t, patient("simulated:?latency=1m")...)
	admin := &client{s, crowd(t, 2), s.token(t)}
	product := admin.offer(t, "LAMP", 3)
	order := cart{{product, 1}}
	lost := make(chan error, 1)
	go func() {
		_, err := admin.send(t.Context(), "POST", "/v1/orders", "first", order.request())
		lost <- err
	}()
	for admin.stock(t, product.sku).Held == 0 {
		time.Sleep(time.Millisecond)
	}
	s.signal(t, syscall.SIGTERM)
	for refused := false; !refused; { // the listener closes at the first signal
		_, err := (&client{s, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, ""}).
			send(t.Context(), "GET", "/healthz", "", nil)
		refused = err != nil
	}
	select {
	case <-s.exited:
		t.Fatalf("the server left a request unanswered: %v", s.end)
	default:
	}
	s.signal(t, syscall.SIGTERM)
	<-s.exited
	if code := s.process.ProcessState.ExitCode(); code != 1 || !strings.Contains(s.logs.String(), "exiting at once") {
		t.Errorf("exit code %d, want 1 and the reason in the log", code)
	}
	if err := <-lost; err == nil {
		t.Error("a request was answered although its payment is unfinished")
	}

	s.flags = patient("simulated:?latency=2ms")
	s.start(t)
	got, err := admin.ask(t.Context(), "POST", "/v1/orders", "first", order.request())
	if err != nil {
		t.Fatal(err)
	}
	if got.status != http.StatusAccepted && got.status != http.StatusCreated {
		t.Errorf("the interrupted order: %s", got)
	}
	if stock := admin.stock(t, product.sku); stock.OnHand-stock.Held != 2 {
		t.Errorf("stock = %+v, want 2 for sale", stock)
	}
	s.stop(t)
	s.verify(t, "after two signals")
}

// TestTwoServersOnOneFolder starts a second server on a folder that is in use.
func TestTwoServersOnOneFolder(t *testing.T) {
	s := started(t)
	got := runToEnd(t, command(t, nil, "serve", "--data", s.data, "--listen", "127.0.0.1:0"))
	if want := "the data folder " + s.data + " is in use by another agora"; got.code != 1 || !strings.Contains(got.err, want) {
		t.Errorf("exit code %d, stderr %q; want 1, %q", got.code, got.err, want)
	}
	if got.out != "" {
		t.Errorf("the second server announced itself: %q", got.out)
	}
	if err := s.wait(t.Context()); err != nil {
		t.Errorf("the first server: %v", err)
	}
	checkHealth(t, s.url)
	s.stop(t)
}

func TestServeEndsWellAtASignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := command(t, nil, "serve", "--listen", "127.0.0.1:0")
			var logs bytes.Buffer
			cmd.Stderr = &logs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			checkHealth(t, addressFrom(t, out))
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v; log:\n%s", err, logs.String())
			}
			if !strings.Contains(logs.String(), "signal: "+sig.String()) {
				t.Errorf("the log does not say why it ended:\n%s", logs.String())
			}
		})
	}
}
