package stripe_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fake is a small Stripe with state. It follows Stripe's documentation of PaymentIntents, refunds and idempotent requests, as
// far as the gateway depends on it. The tests with stripe-mock, which checks Stripe's specification but has no state, show
// that Stripe accepts the requests.
type fake struct {
	mu       sync.Mutex
	intents  map[string]*object // by id
	refunds  []*object
	answers  map[string]answer // by idempotency key
	seen     []string          // method and path of each request, in order
	declines bool
	failures []answer // given to the next requests, in order, in place of an answer
	auth     string   // the credentials of the last request
}

// object is a PaymentIntent with its charge, or a refund.
type object struct {
	ID           string            `json:"id"`
	Object       string            `json:"object"`
	Amount       int64             `json:"amount"`
	Currency     string            `json:"currency,omitempty"`
	Status       string            `json:"status"`
	Metadata     map[string]string `json:"metadata"`
	Intent       string            `json:"payment_intent,omitempty"`
	group        string
	charged      bool // captured, or declined with a charge
	backToSender int64
}

type answer struct {
	status int
	body   any
	asked  string // the request, to compare repeated requests with
}

func refusal(status int, kind, code string) answer {
	return answer{status: status, body: map[string]any{"error": map[string]any{"type": kind, "code": code, "message": "said the fake"}}}
}

func newFake(t *testing.T, declines bool) (*fake, string) {
	f := &fake{intents: map[string]*object{}, answers: map[string]answer{}, declines: declines}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = r.ParseForm()
	f.auth = r.Header.Get("Authorization")
	f.seen = append(f.seen, r.Method+" "+r.URL.Path)
	a, replayed := f.once(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", fmt.Sprint("req_", len(f.seen)))
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

// once repeats the first answer to requests with the same idempotency key
// (https://docs.stripe.com/api/idempotent_requests).
func (f *fake) once(r *http.Request) (a answer, replayed bool) {
	if len(f.failures) > 0 {
		a, f.failures = f.failures[0], f.failures[1:]
		return a, false
	}
	key := r.Header.Get("Idempotency-Key")
	asked := r.URL.Path + "?" + r.PostForm.Encode()
	if before, ok := f.answers[key]; ok && key != "" {
		if before.asked != asked {
			return refusal(400, "idempotency_error", ""), false
		}
		return before, true
	}
	a = f.answer(r)
	// The repeated answer has the state at the first request.
	encoded, _ := json.Marshal(a.body)
	a.body, a.asked = json.RawMessage(encoded), asked
	if r.Method == http.MethodPost && key != "" {
		f.answers[key] = a
	}
	return a, false
}

func (f *fake) answer(r *http.Request) answer {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	route := r.Method + " " + parts[0]
	if len(parts) == 3 {
		route += " " + parts[2]
	} else if len(parts) == 2 {
		route += " one"
	}
	var intent *object
	if len(parts) > 1 {
		if intent = f.intents[parts[1]]; intent == nil {
			return refusal(404, "invalid_request_error", "resource_missing")
		}
	}
	switch route {
	case "POST payment_intents":
		return f.create(r.PostForm)
	case "POST payment_intents one":
		return f.update(intent, r.PostForm)
	case "POST payment_intents capture":
		return f.move(intent, "succeeded", "requires_capture")
	case "POST payment_intents cancel":
		return f.move(intent, "canceled", "requires_capture", "requires_payment_method")
	case "GET charges":
		return f.charges(r.Form.Get("transfer_group"))
	case "GET refunds":
		return f.refundsOf(r.Form.Get("payment_intent"))
	case "POST refunds":
		return f.refund(r.PostForm)
	}
	return refusal(404, "invalid_request_error", "url_invalid")
}

func metadata(form url.Values) map[string]string {
	m := map[string]string{}
	for name := range form {
		if key, ok := strings.CutPrefix(name, "metadata["); ok {
			m[strings.TrimSuffix(key, "]")] = form.Get(name)
		}
	}
	return m
}

func (f *fake) create(form url.Values) answer {
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	if err != nil || amount < 50 {
		return refusal(400, "invalid_request_error", "amount_too_small")
	}
	intent := &object{
		ID: fmt.Sprint("pi_", len(f.intents)+1), Object: "payment_intent", Amount: amount, Currency: form.Get("currency"),
		Status: "requires_payment_method", Metadata: metadata(form), group: form.Get("transfer_group"),
	}
	f.intents[intent.ID] = intent
	if form.Get("confirm") != "true" {
		return answer{status: 200, body: intent}
	}
	intent.charged = true
	if f.declines {
		return refusal(402, "card_error", "card_declined")
	}
	intent.Status = "requires_capture"
	return answer{status: 200, body: intent}
}

func (f *fake) update(intent *object, form url.Values) answer {
	for key, value := range metadata(form) {
		intent.Metadata[key] = value
	}
	return answer{status: 200, body: intent}
}

func (f *fake) move(intent *object, to string, from ...string) answer {
	for _, status := range from {
		if intent.Status == status {
			intent.Status = to
			return answer{status: 200, body: intent}
		}
	}
	return refusal(400, "invalid_request_error", "payment_intent_unexpected_state")
}

func list(objects []any) answer {
	if objects == nil {
		objects = []any{}
	}
	return answer{status: 200, body: map[string]any{"object": "list", "data": objects, "has_more": false}}
}

func (f *fake) charges(group string) answer {
	var found []any
	for _, intent := range f.intents {
		if intent.charged && intent.group == group {
			found = append(found, map[string]any{"id": "ch_" + intent.ID, "object": "charge", "payment_intent": intent})
		}
	}
	return list(found)
}

func (f *fake) refundsOf(intent string) answer {
	var found []any
	for _, r := range f.refunds {
		if r.Intent == intent {
			found = append(found, r)
		}
	}
	return list(found)
}

func (f *fake) refund(form url.Values) answer {
	intent := f.intents[form.Get("payment_intent")]
	if intent == nil || intent.Status != "succeeded" {
		return refusal(400, "invalid_request_error", "")
	}
	left := intent.Amount - intent.backToSender
	asked, _ := strconv.ParseInt(form.Get("amount"), 10, 64)
	amount := cmp.Or(asked, left)
	if left == 0 {
		return refusal(400, "invalid_request_error", "charge_already_refunded")
	}
	if amount > left {
		return answer{status: 400, body: map[string]any{"error": map[string]any{"type": "invalid_request_error", "param": "amount", "message": "too much"}}}
	}
	intent.backToSender += amount
	r := &object{
		ID: fmt.Sprint("re_", len(f.refunds)+1), Object: "refund", Amount: amount, Status: "succeeded",
		Metadata: metadata(form), Intent: intent.ID,
	}
	f.refunds = append(f.refunds, r)
	return answer{status: 200, body: r}
}

// kept returns the captured amounts less the refunds of all payments.
func (f *fake) kept() (sum int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, intent := range f.intents {
		if intent.Status == "succeeded" {
			sum += intent.Amount - intent.backToSender
		}
	}
	return sum
}

// forgetKeys drops the idempotency keys, as Stripe does after a day.
func (f *fake) forgetKeys() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.answers)
}

// fail makes the next requests get these answers.
func (f *fake) fail(with ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = with
}
