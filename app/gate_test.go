package app

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAConnectionThatIsIdleIsNotClosedUnderARequest sends a request over a connection that has been idle when the
// server was asked to end. As long as it lingers that one is answered; and when the client has closed the
// connection, nothing is waited for any more.
func TestAConnectionThatIsIdleIsNotClosedUnderARequest(t *testing.T) {
	announced := make(chan string, 1)
	parted := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	p := program(newGate(&http.Server{Handler: handler}, gateOptions{
		Address: "127.0.0.1:0", Announce: func(url string) { announced <- url }, Part: func() { close(parted) }, Linger: time.Hour,
	}).module())
	p.grace = time.Hour
	stop, result := background(t, p)
	defer stop()
	address := strings.TrimPrefix(<-announced, "http://")

	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	ask := func(when string) {
		t.Helper()
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", address); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusTeapot {
			t.Fatalf("%s: %s, %v; want 418", when, answer.Status, err)
		}
	}
	ask("before the end")
	stop()
	<-parted
	for { // until nobody new gets in
		other, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	ask("over the idle connection")
	select {
	case err := <-result:
		t.Fatalf("the server ended with %v while a connection was open", err)
	default:
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("Run = %v", err)
	}
}
