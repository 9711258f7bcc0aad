package shop

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"agora/ident"
	"agora/lab/load"
	"agora/lab/verify"
	verifyshop "agora/lab/verify/shop"
)

// customer sends the requests of one connection.
type customer struct {
	*traffic
	*load.Connection
	what intent // drawn last
}

// Draw implements load.Customer.
func (c *customer) Draw(kind load.Kind, random *rand.Rand) { c.what = c.draw(kind, random) }

// Ask implements load.Customer.
func (c *customer) Ask(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string) {
	switch c.what.kind {
	case View:
		c.Get("/v1/products/"+c.products[c.what.product], "")
	case Search:
		c.Get("/v1/search/products?limit=20&q="+c.words[c.what.word], "")
	case Orders:
		c.Get("/v1/orders?limit=20", c.tokens[c.what.user])
	default:
		return c.order(ctx, arrival, deadline)
	}
	return c.Expect(ctx, "found", deadline)
}

// order sends an order of one unit.
func (c *customer) order(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string) {
	key := c.run.Name + "-" + strconv.FormatInt(arrival, 10)
	body := `{"lines":[{"product_id":"` + c.products[c.what.product] + `","quantity":1}]}`
	c.Post("/v1/orders", c.tokens[c.what.user], key, body)
	if c.run.Recorder == nil {
		answer, _, err := c.Send(ctx, false, deadline)
		if err != nil {
			return "", load.FailureOf(err)
		}
		return ordered(answer)
	}
	sku := c.sku(c.what.product)
	done := c.stock.ordering(c.what.product)
	call := c.run.Recorder.Call(c.Number, verifyshop.Place, verifyshop.Input{Key: key, Units: map[string]int64{sku: 1}})
	answer, unsure, err := c.Send(ctx, true, deadline)
	if err == nil {
		outcome, failure = ordered(answer)
		call.Return(outputOf(answer, sku, unsure))
	}
	done()
	if err != nil {
		return "", load.FailureOf(err) // the call stays open, and the history says that its outcome is not known
	}
	return outcome, failure
}

// ordered names the answer to an order. A declined payment and a lack of stock are correct answers.
func ordered(answer load.Reply) (outcome, failure string) {
	switch answer.Status {
	case 201:
		return "confirmed", ""
	case 202:
		return "pending", ""
	case 402:
		return "declined", ""
	case 409:
		if answer.Problem().Code == "insufficient_stock" {
			return "out of stock", ""
		}
	}
	return "", answer.Refusal()
}

// outputOf returns what the history records of the answer to an order of one SKU. unsure means that an earlier request
// for the order got no answer.
func outputOf(answer load.Reply, sku string, unsure bool) verifyshop.Output {
	if answer.Status == 201 || answer.Status == 202 {
		var order struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(answer.Body, &order) != nil || order.ID == "" {
			return verifyshop.Output{Outcome: verifyshop.Unknown}
		}
		return verifyshop.Output{Outcome: map[int]verify.Outcome{201: verifyshop.OK, 202: verifyshop.Pending}[answer.Status], Order: order.ID}
	}
	p := answer.Problem()
	taken := orderIn(p.Detail)
	switch {
	case taken != "" && (answer.Status == 402 || answer.Status == 409):
		return verifyshop.Output{Outcome: verifyshop.Cancelled, Order: taken}
	case answer.Status == 409 && p.Code == "insufficient_stock":
		return verifyshop.Output{Outcome: verifyshop.Short, Short: []string{sku}}
	case !unsure && (answer.Status < 500 || p.Code == "overloaded"):
		return verifyshop.Output{Outcome: verifyshop.Refused}
	default:
		return verifyshop.Output{Outcome: verifyshop.Unknown}
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
