package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"agora/ident"
	"agora/lab/verify"
)

const (
	retryFirst = 20 * time.Millisecond
	retryMost  = time.Second
)

// customer sends the requests of one connection.
type customer struct {
	*trial
	wire    *wire
	number  int
	request []byte // reused
}

// ask sends what an arrival is for, until it is answered or the deadline has passed. Either the outcome or
// the failure is empty. What is under way when ctx ends is waited for, but not tried again.
func (c *customer) ask(ctx context.Context, what intent, arrival int64, deadline time.Time) (outcome, failure string) {
	switch what.kind {
	case View:
		c.get("/v1/products/"+c.traffic.products[what.product], "")
		return c.plain(ctx, "found", deadline)
	case Search:
		c.get("/v1/search/products?limit=20&q="+c.traffic.words[what.word], "")
		return c.plain(ctx, "found", deadline)
	case Orders:
		c.get("/v1/orders?limit=20", c.traffic.tokens[what.user])
		return c.plain(ctx, "found", deadline)
	default:
		return c.order(ctx, what, arrival, deadline)
	}
}

// get encodes a request without a body.
func (c *customer) get(path, token string) {
	c.encode("GET ", path, token)
	c.add("\r\n")
}

// post encodes a request with a body of JSON.
func (c *customer) post(path, token, key, body string) {
	c.encode("POST ", path, token)
	c.add("Idempotency-Key: ", key, "\r\nContent-Type: application/json\r\nContent-Length: ", strconv.Itoa(len(body)), "\r\n\r\n", body)
}

// encode begins a request with the line and the headers that all have.
func (c *customer) encode(method, path, token string) {
	c.request = c.request[:0]
	c.add(method, c.target.path, path, " HTTP/1.1\r\nHost: ", c.target.host, "\r\nUser-Agent: agora-load\r\n")
	if token != "" {
		c.add("Authorization: Bearer ", token, "\r\n")
	}
}

func (c *customer) add(parts ...string) {
	for _, part := range parts {
		c.request = append(c.request, part...)
	}
}

// plain sends a request of which nothing but the success matters.
func (c *customer) plain(ctx context.Context, success string, deadline time.Time) (outcome, failure string) {
	answer, _, err := c.send(ctx, false, deadline)
	switch {
	case err != nil:
		return "", failureOf(err)
	case answer.status == 200:
		return success, ""
	default:
		return "", refusal(answer)
	}
}

// send sends the request, and if that was asked for again, until there is an answer that is one. unsure reports
// that an earlier answer was lost, so that the server may have done what it was asked for.
func (c *customer) send(ctx context.Context, wantBody bool, deadline time.Time) (answer reply, unsure bool, err error) {
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		left := time.Until(deadline)
		answer, err = c.wire.exchange(context.WithoutCancel(ctx), c.request, wantBody, max(left, time.Millisecond))
		if !c.Retry || !again(answer, err) || time.Until(deadline) < pause {
			return answer, unsure || err != nil, err
		}
		unsure = unsure || err != nil || answer.status >= 500
		if !wait(ctx, pause) {
			return answer, unsure, err
		}
	}
}

// failureOf names what went wrong with a request that got no answer.
func failureOf(err error) string {
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

// again reports whether a request may be better answered the next time.
func again(answer reply, err error) bool {
	switch {
	case err != nil:
		return true
	case answer.status == 409:
		return problemOf(answer.body).Code == "in_flight"
	default:
		return answer.status == 429 || answer.status >= 502 && answer.status <= 504
	}
}

// refusal names an answer that is no success, by its status and its code.
func refusal(answer reply) string {
	return strings.TrimSpace(fmt.Sprint(answer.status, " ", problemOf(answer.body).Code))
}

// order sends an order of one unit.
func (c *customer) order(ctx context.Context, what intent, arrival int64, deadline time.Time) (outcome, failure string) {
	key := c.name + "-" + strconv.FormatInt(arrival, 10)
	body := `{"lines":[{"product_id":"` + c.traffic.products[what.product] + `","quantity":1}]}`
	c.post("/v1/orders", c.traffic.tokens[what.user], key, body)
	if c.recorder == nil {
		answer, _, err := c.send(ctx, false, deadline)
		if err != nil {
			return "", failureOf(err)
		}
		return ordered(answer)
	}
	sku := c.traffic.sku(what.product)
	done := c.shelves.ordering(what.product)
	call := c.recorder.Call(c.number, verify.Place, verify.Input{Key: key, Units: map[string]int64{sku: 1}})
	answer, unsure, err := c.send(ctx, true, deadline)
	if err == nil {
		outcome, failure = ordered(answer)
		call.Return(told(answer, sku, unsure))
	}
	done()
	if err != nil {
		return "", failureOf(err) // the call stays open, and the history says that its outcome is not known
	}
	return outcome, failure
}

// ordered names the answer to an order. That it is declined, or that there is too little, is an answer too.
func ordered(answer reply) (outcome, failure string) {
	switch answer.status {
	case 201:
		return "confirmed", ""
	case 202:
		return "pending", ""
	case 402:
		return "declined", ""
	case 409:
		if problemOf(answer.body).Code == "insufficient_stock" {
			return "out of stock", ""
		}
	}
	return "", refusal(answer)
}

// told says for the history what the answer to an order of one SKU means.
func told(answer reply, sku string, unsure bool) verify.Output {
	if answer.status == 201 || answer.status == 202 {
		var order struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(answer.body, &order) != nil || order.ID == "" {
			return verify.Output{Outcome: verify.Unknown}
		}
		return verify.Output{Outcome: map[int]verify.Outcome{201: verify.OK, 202: verify.Pending}[answer.status], Order: order.ID}
	}
	p := problemOf(answer.body)
	taken := orderIn(p.Detail)
	switch {
	case taken != "" && (answer.status == 402 || answer.status == 409):
		return verify.Output{Outcome: verify.Cancelled, Order: taken}
	case answer.status == 409 && p.Code == "insufficient_stock":
		return verify.Output{Outcome: verify.Short, Short: []string{sku}}
	case !unsure && (answer.status < 500 || p.Code == "overloaded"):
		return verify.Output{Outcome: verify.Refused}
	default:
		return verify.Output{Outcome: verify.Unknown}
	}
}

// orderIn returns the order that a text names, or "".
func orderIn(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '.' })
	if i := slices.IndexFunc(words, func(word string) bool { return ident.Check(ident.Order, word) == nil }); i >= 0 {
		return words[i]
	}
	return ""
}
