package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"agora/httpapi"
)

// sender is a client that announces a body and sends of it what a test tells it to.
type sender struct {
	conn    net.Conn
	answers *bufio.Reader
}

const heldBody = `{"name":"a","amount":1}`

func connect(t *testing.T, web *httptest.Server) *sender {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &sender{conn, bufio.NewReader(conn)}
}

// announce sends the head of a request with the length of heldBody.
func announce(t *testing.T, web *httptest.Server, head string, headers ...string) *sender {
	t.Helper()
	s := connect(t, web)
	headers = append(headers, "Host: x", "Content-Type: application/json", "Content-Length: "+strconv.Itoa(len(heldBody)))
	s.write(t, head+" HTTP/1.1\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n")
	return s
}

// hold announces a new widget from an address, by way of a trusted proxy, and sends nothing of it. It
// returns when the server either reads the body, which it says by asking for it with 100, or answers.
func hold(t *testing.T, web *httptest.Server, address string) (*sender, answer) {
	t.Helper()
	s := announce(t, web, "POST /v1/widgets", "Authorization: Bearer admin", "Expect: 100-continue", "X-Forwarded-For: "+address)
	got := s.answer(t)
	return s, got
}

func (s *sender) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		t.Fatal(err)
	}
}

func (s *sender) answer(t *testing.T) answer {
	t.Helper()
	res, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

var fromAnywhere = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestSlowBodiesTakeRoomFromBodiesOnly(t *testing.T) {
	_, web := newServer(t, httpapi.Options{MaxInFlight: 3, TrustedProxies: fromAnywhere}, nil)
	var senders []*sender
	for i := range 3 {
		s, got := hold(t, web, fmt.Sprintf("203.0.113.%d", i))
		if got.status != http.StatusContinue {
			t.Fatalf("body %d is answered with %d before it is read: %s", i, got.status, got.body)
		}
		senders = append(senders, s)
	}
	if got := call(t, "GET", web.URL+"/v1/widgets/wid_1", ""); got.status != 200 {
		t.Errorf("while bodies are on their way a page gave %d, want 200: %s", got.status, got.body)
	}
	_, refused := hold(t, web, "203.0.113.0") // has as many as everybody else
	if refused.status != 503 || refused.problem(t).Code != "overloaded" || refused.header.Get("Retry-After") != "1" {
		t.Errorf("one body too many gave %d, want 503 overloaded with Retry-After 1: %s", refused.status, refused.body)
	}
	for i, s := range senders {
		s.write(t, heldBody)
		if got := s.answer(t); got.status != 201 || got.header.Get("Connection") != "" {
			t.Errorf("body %d, once it is there, gave %d with Connection %q, want 201 and the connection kept: %s", i, got.status, got.header.Get("Connection"), got.body)
		}
	}
	if _, got := hold(t, web, "203.0.113.9"); got.status != http.StatusContinue {
		t.Errorf("with room again a body is answered with %d before it is read", got.status)
	}
}

func TestSlowBodiesOfOneAddress(t *testing.T) {
	_, web := newServer(t, httpapi.Options{TrustedProxies: fromAnywhere}, nil)
	const share = 64
	for i := range share {
		if _, got := hold(t, web, "203.0.113.1"); got.status != http.StatusContinue {
			t.Fatalf("body %d is answered with %d before it is read: %s", i, got.status, got.body)
		}
	}
	_, refused := hold(t, web, "203.0.113.1")
	if refused.status != 429 || refused.problem(t).Code != "rate_limited" || refused.header.Get("Retry-After") != "1" {
		t.Errorf("body %d of an address gave %d, want 429 rate_limited with Retry-After 1: %s", share, refused.status, refused.body)
	}
	if _, got := hold(t, web, "203.0.113.2"); got.status != http.StatusContinue {
		t.Errorf("another address got %d before its body was read: %s", got.status, got.body)
	}
}

// TestANewBodyEndsTheSlowestOfWhoeverHasMost fills the server with the slow bodies of two addresses. Another address gets
// in as soon as these have been slow for long enough, and the slowest is told why it was ended.
func TestANewBodyEndsTheSlowestOfWhoeverHasMost(t *testing.T) {
	_, web := newServer(t, httpapi.Options{MaxInFlight: 5, TrustedProxies: fromAnywhere, BodyTimeout: time.Hour}, nil)
	var most []*sender
	for _, address := range []string{"203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.2"} {
		s, got := hold(t, web, address)
		if got.status != http.StatusContinue {
			t.Fatalf("a body of %s is answered with %d before it is read: %s", address, got.status, got.body)
		}
		if address == "203.0.113.1" {
			most = append(most, s)
		}
	}
	for _, i := range []int{0, 2} {
		most[i].write(t, heldBody[:1])
	}
	for tries := 0; ; tries++ {
		s, got := hold(t, web, "203.0.113.9")
		if got.status == http.StatusContinue {
			s.write(t, heldBody)
			if got := s.answer(t); got.status != 201 {
				t.Errorf("the newcomer got %d, want 201: %s", got.status, got.body)
			}
			break
		}
		if got.status != 503 || tries > 1000 {
			t.Fatalf("after %d tries the newcomer got %d: %s", tries, got.status, got.body)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := most[1].answer(t); got.status != 408 || got.problem(t).Code != "body_too_slow" {
		t.Errorf("the slowest body is answered with %d, want 408 body_too_slow: %s", got.status, got.body)
	}
	for _, i := range []int{0, 2} {
		most[i].write(t, heldBody[1:])
		if got := most[i].answer(t); got.status != 201 {
			t.Errorf("body %d, which was faster, gave %d, want 201: %s", i, got.status, got.body)
		}
	}
}

// TestBodyMeetsAFullServer fills the only place while a body is on its way: the request is refused as one
// that comes then is, and takes no place with it.
func TestBodyMeetsAFullServer(t *testing.T) {
	s, web := newServer(t, httpapi.Options{MaxInFlight: 1}, nil)
	entered, leave := make(chan bool), make(chan bool)
	s.Mount(httpapi.Route{Method: "GET", Path: "/slow", Access: httpapi.Public},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }))
	held, got := hold(t, web, "203.0.113.1")
	if got.status != http.StatusContinue {
		t.Fatalf("the body is answered with %d before it is read: %s", got.status, got.body)
	}
	done := make(chan answer)
	go func() { done <- call(t, "GET", web.URL+"/slow", "") }()
	select {
	case <-entered:
	case got := <-done:
		t.Fatalf("while a body is on its way another request gave %d: %s", got.status, got.body)
	}
	held.write(t, heldBody)
	if got := held.answer(t); got.status != 503 || got.problem(t).Code != "overloaded" {
		t.Errorf("got %d, want 503 overloaded: %s", got.status, got.body)
	}
	leave <- true
	<-done
	for range 2 {
		if got := call(t, "POST", web.URL+"/v1/widgets", heldBody, as("admin")...); got.status != 201 {
			t.Errorf("with room again a body gave %d, want 201: %s", got.status, got.body)
		}
	}
}

// TestNoAnswerWaitsForABodyThatNobodyReads leaves a body unsent on routes that do not read it and whose answer
// is larger than net/http's buffer: without more ado net/http reads all of a body before it begins such an answer.
func TestNoAnswerWaitsForABodyThatNobodyReads(t *testing.T) {
	s := httpapi.New(httpapi.Options{Authenticator: tokens{}})
	addWidgets(s, nil)
	web := httptest.NewServer(s.Handler()) // its reads have no deadline
	t.Cleanup(web.Close)
	var twice strings.Builder
	for i := range 200 {
		fmt.Fprintf(&twice, "a%060d=&a%060d=&", i, i)
	}
	for head, want := range map[string]int{
		"GET /v1/widgets/wid_1":              200,
		"POST /v1/widgets?" + twice.String(): 422,
	} {
		got := announce(t, web, head, "Authorization: Bearer admin").answer(t)
		if got.status != want || len(got.body) < 2048 {
			t.Errorf("%.20s: got %d with %d bytes, want %d with more than 2048", head, got.status, len(got.body), want)
		}
	}
}
