package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	retryFirst = 20 * time.Millisecond
	retryMost  = time.Second
)

// Connection encodes and sends the requests of one customer over one connection of its own.
type Connection struct {
	Number int // from 1 on, unique in a trial

	retry   bool
	wire    *wire
	request []byte // reused
}

// Connect returns a connection for requests that a Traffic sends by itself. They are neither measured nor retried.
func (r Run) Connect(number int) *Connection {
	return &Connection{Number: number, wire: &wire{target: r.target}}
}

// Hangup closes the connection. The next request opens it again.
func (c *Connection) Hangup() { c.wire.close() }

// Get encodes a request without a body. An empty token sends none.
func (c *Connection) Get(path, token string) { c.Request("GET", path, token) }

// Request encodes a request without a body, such as PUT or DELETE. An empty token sends none.
func (c *Connection) Request(method, path, token string) {
	c.encode(method+" ", path, token)
	c.add("\r\n")
}

// Post encodes a request with a body of JSON.
func (c *Connection) Post(path, token, key, body string) {
	c.encode("POST ", path, token)
	c.add("Idempotency-Key: ", key, "\r\nContent-Type: application/json\r\nContent-Length: ", strconv.Itoa(len(body)), "\r\n\r\n", body)
}

// encode begins a request with the request line and the headers that all requests have.
func (c *Connection) encode(method, path, token string) {
	c.request = c.request[:0]
	c.add(method, c.wire.target.path, path, " HTTP/1.1\r\nHost: ", c.wire.target.host, "\r\nUser-Agent: agora-load\r\n")
	if token != "" {
		c.add("Authorization: Bearer ", token, "\r\n")
	}
}

func (c *Connection) add(parts ...string) {
	for _, part := range parts {
		c.request = append(c.request, part...)
	}
}

// Expect sends the encoded request. The outcome is the success if the answer has status 200.
func (c *Connection) Expect(ctx context.Context, success string, deadline time.Time) (outcome, failure string) {
	answer, _, err := c.Send(ctx, false, deadline)
	switch {
	case err != nil:
		return "", FailureOf(err)
	case answer.Status == 200:
		return success, ""
	default:
		return "", answer.Refusal()
	}
}

// Send sends the encoded request and, if the run retries, sends it again until it has an answer that a retry cannot
// improve. unsure reports that an earlier answer was lost, so that the server may have done the work already.
func (c *Connection) Send(ctx context.Context, wantBody bool, deadline time.Time) (answer Reply, unsure bool, err error) {
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		left := time.Until(deadline)
		answer, err = c.wire.exchange(context.WithoutCancel(ctx), c.request, wantBody, max(left, time.Millisecond))
		if !c.retry || !again(answer, err) || time.Until(deadline) < pause {
			return answer, unsure || err != nil, err
		}
		unsure = unsure || err != nil || answer.Status >= 500
		if !wait(ctx, pause) {
			return answer, unsure, err
		}
	}
}

// Once sends the encoded request once, and returns the answer with its body.
func (c *Connection) Once(ctx context.Context, timeout time.Duration) (Reply, error) {
	return c.wire.exchange(ctx, c.request, true, timeout)
}

// ErrAnswer returns the error of a request that failed: err, or what the answer says.
func ErrAnswer(answer Reply, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("the answer is %s", answer.Refusal())
}

// FailureOf names the failure of a request that got no answer.
func FailureOf(err error) string {
	slow, ok := errors.AsType[net.Error](err)
	switch {
	case ok && slow.Timeout():
		return "timeout"
	case errors.Is(err, errMalformed):
		return errMalformed.Error()
	case errors.Is(err, errLost):
		return errLost.Error()
	default:
		return "cannot connect"
	}
}

// again reports whether a retry may get a better answer.
func again(answer Reply, err error) bool {
	switch {
	case err != nil:
		return true
	case answer.Status == 409:
		return answer.Problem().Code == "in_flight"
	default:
		return answer.Status == 429 || answer.Status >= 502 && answer.Status <= 504
	}
}

// Refusal names an answer that is not a success by its status and its code.
func (r Reply) Refusal() string {
	return strings.TrimSpace(fmt.Sprint(r.Status, " ", r.Problem().Code))
}

// Problem returns the failure that the answer describes.
func (r Reply) Problem() Problem { return problemOf(r.Body) }
