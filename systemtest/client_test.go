package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"agora/fault"
	"agora/lab/verify"
	verifyshop "agora/lab/verify/shop"
	"agora/shop"
)

// client sends the requests of one user.
type client struct {
	server *server
	http   *http.Client
	token  string
}

// crowd returns an HTTP client that several clients of one server share, with an open connection for each.
func crowd(t *testing.T, size int) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: size}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// answer is an answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem has the fields of an application/problem+json that tests read.
type problem struct {
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Errors []fault.Field `json:"errors"`
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// into decodes the body.
func (a answer) into(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("%w in %s", err, a)
	}
	return nil
}

func (a answer) problem() problem {
	var p problem
	_ = a.into(&p) // no test expects an answer without a code
	return p
}

// send sends a request once. An error means that the answer is missing or incomplete.
func (c *client) send(ctx context.Context, method, path, key string, body any) (answer, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.server.url+path, bytes.NewReader(encoded))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, read}, err
}

// ask sends a request until an answer has its outcome, even if the server is killed meanwhile. The request has to be one that may
// be retried.
func (c *client) ask(ctx context.Context, method, path, key string, body any) (answer, error) {
	for {
		if err := c.server.wait(ctx); err != nil {
			return answer{}, err
		}
		got, err := c.send(ctx, method, path, key, body)
		if err == nil && !passing(got) {
			return got, nil
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// passing reports whether an answer only says that the request may be retried.
func passing(a answer) bool {
	return a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests || a.problem().Code == "in_flight"
}

// must calls ask and fails the test unless the answer has the wanted status. It decodes the body into v unless that is nil.
func (c *client) must(t *testing.T, method, path string, body any, status int, v any) {
	t.Helper()
	got, err := c.ask(t.Context(), method, path, "", body)
	if err != nil {
		t.Fatal(err)
	}
	if got.status != status {
		t.Fatalf("%s %s: %s; want %d", method, path, got, status)
	}
	if v == nil {
		return
	}
	if err := got.into(v); err != nil {
		t.Fatal(err)
	}
}

// offered is a product for sale.
type offered struct{ id, sku string }

// offer creates a product with units on hand.
func (c *client) offer(t *testing.T, sku string, units int64) offered {
	t.Helper()
	var product shop.Product
	c.must(t, "POST", "/v1/products", shop.ProductDraft{
		SKU: sku, Name: "Product " + sku, Price: shop.Money{Amount: 250, Currency: "GBP"},
	}, http.StatusCreated, &product)
	c.must(t, "PUT", "/v1/stock/"+sku, shop.StockEdit{OnHand: &units}, http.StatusOK, nil)
	return offered{product.ID, sku}
}

// stock returns the stock of a SKU.
func (c *client) stock(t *testing.T, sku string) shop.Stock {
	t.Helper()
	var stock shop.Stock
	c.must(t, "GET", "/v1/stock/"+sku, nil, http.StatusOK, &stock)
	return stock
}

// Order returns the current state of an order, or fault.NotFound.
func (c *client) Order(ctx context.Context, id string) (shop.Order, error) {
	got, err := c.ask(ctx, "GET", "/v1/orders/"+id, "", nil)
	if err != nil {
		return shop.Order{}, err
	}
	if got.status == http.StatusNotFound {
		return shop.Order{}, fault.ErrNotFound("order", id)
	}
	if got.status != http.StatusOK {
		return shop.Order{}, fmt.Errorf("get order %s: %s", id, got)
	}
	var order shop.Order
	err = got.into(&order)
	return order, err
}

// cart has the lines of an order.
type cart []item

type item struct {
	offered
	quantity int64
}

func (c cart) request() shop.OrderRequest {
	var r shop.OrderRequest
	for _, i := range c {
		r.Lines = append(r.Lines, shop.LineRequest{ProductID: i.id, Quantity: i.quantity})
	}
	return r
}

// units returns the units of each SKU.
func (c cart) units() map[string]int64 {
	units := map[string]int64{}
	for _, i := range c {
		units[i.sku] += i.quantity
	}
	return units
}

// outcome returns the output of an order from its answer.
func (c cart) outcome(a answer) (verifyshop.Output, error) {
	p := a.problem()
	id := orderID.FindString(p.Detail)
	switch {
	case a.status == http.StatusCreated || a.status == http.StatusAccepted:
		var order shop.Order
		if err := a.into(&order); err != nil {
			return verifyshop.Output{}, err
		}
		outcomes := map[shop.State]verify.Outcome{shop.Confirmed: verifyshop.OK, shop.Pending: verifyshop.Pending, shop.Cancelled: verifyshop.Cancelled}
		return verifyshop.Output{Outcome: outcomes[order.State], Order: order.ID}, nil
	case id != "" && (p.Code == "payment_declined" || p.Code == "insufficient_stock"):
		return verifyshop.Output{Outcome: verifyshop.Cancelled, Order: id}, nil
	case p.Code == "insufficient_stock" && len(p.Errors) > 0:
		out := verifyshop.Output{Outcome: verifyshop.Short}
		for _, e := range p.Errors {
			var line int
			if _, err := fmt.Sscanf(e.Name, "lines[%d].quantity", &line); err != nil || line >= len(c) {
				return verifyshop.Output{}, fmt.Errorf("%q is no line: %s", e.Name, a)
			}
			out.Short = append(out.Short, c[line].sku)
		}
		return out, nil
	}
	return verifyshop.Output{}, fmt.Errorf("no answer to an order: %s", a)
}

// orderID returns the id of an order in the detail of a problem.
var orderID = regexp.MustCompile(`\bord_[0-9a-z]{26}\b`)
