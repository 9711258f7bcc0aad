package stripe_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stripe/stripe-go/v84/webhook"

	"agora/engine/stripe"
	"agora/fault"
	"agora/ident"
	"agora/shop"
	"agora/shop/shoptest"
)

const key = "sk_test_hunter2"

func open(t *testing.T, api string) *stripe.Gateway {
	t.Helper()
	g, err := stripe.New(key, stripe.Options{API: api})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestGateway(t *testing.T) {
	shoptest.Gateway(t, func(t *testing.T, declines bool) shop.Gateway {
		_, api := newFake(t, declines)
		return open(t, api)
	})
}

// TestGatewayThatForgets runs the suite with a new gateway for every call, so that it only knows what Stripe knows. It leaves
// out orders with the total 0, which Stripe does not know.
func TestGatewayThatForgets(t *testing.T) {
	shoptest.Gateway(t, func(t *testing.T, declines bool) shop.Gateway {
		if strings.HasSuffix(t.Name(), "a_payment_of_0_is_accepted") {
			t.Skip("only the process that authorized a payment of 0 knows of it")
		}
		_, api := newFake(t, declines)
		return restarted{func() *stripe.Gateway { return open(t, api) }}
	})
}

type restarted struct{ open func() *stripe.Gateway }

func (r restarted) Authorize(ctx context.Context, p shop.Payment) error {
	return r.open().Authorize(ctx, p)
}
func (r restarted) Capture(ctx context.Context, orderID string) error {
	return r.open().Capture(ctx, orderID)
}
func (r restarted) Void(ctx context.Context, orderID string) error {
	return r.open().Void(ctx, orderID)
}
func (r restarted) Refund(ctx context.Context, p shop.RefundPayment) error {
	return r.open().Refund(ctx, p)
}

func payment(amount int64) shop.Payment {
	return shop.Payment{OrderID: ident.New(ident.Order), UserID: "usr_1", Amount: shop.Money{Amount: amount, Currency: "GBP"}}
}

func pay(t *testing.T, g shop.Gateway, p shop.Payment) {
	t.Helper()
	if err := g.Authorize(t.Context(), p); err != nil {
		t.Fatalf("authorize = %v", err)
	}
	if err := g.Capture(t.Context(), p.OrderID); err != nil {
		t.Fatalf("capture = %v", err)
	}
}

func TestACheckoutIsTwoRoundTrips(t *testing.T) {
	f, api := newFake(t, false)
	pay(t, open(t, api), payment(1000))
	if want := []string{"POST /v1/payment_intents", "POST /v1/payment_intents/pi_1/capture"}; strings.Join(f.seen, ", ") != strings.Join(want, ", ") {
		t.Errorf("requests %q, want %q", f.seen, want)
	}
}

func TestMoneyGoesBackOnce(t *testing.T) {
	f, api := newFake(t, false)
	g, p := open(t, api), payment(1000)
	pay(t, g, p)
	r := shop.RefundPayment{ID: ident.New(ident.Refund), OrderID: p.OrderID, Amount: shop.Money{Amount: 300, Currency: "GBP"}}
	for range 2 {
		if err := g.Refund(t.Context(), r); err != nil {
			t.Errorf("refund = %v", err)
		}
		f.forgetKeys() // a refund may be retried for days
	}
	if kept := f.kept(); kept != 700 {
		t.Errorf("%d is kept after a refund of 300 of 1000, want 700", kept)
	}
	for range 2 {
		if err := g.Void(t.Context(), p.OrderID); err != nil {
			t.Errorf("void = %v", err)
		}
	}
	if kept := f.kept(); kept != 0 {
		t.Errorf("%d is kept after the void, want 0", kept)
	}
	if err := g.Refund(t.Context(), r); err != nil {
		t.Errorf("a refund that was made before the void = %v, want that it is known", err)
	}
}

func TestErrorsHaveKinds(t *testing.T) {
	for _, tt := range []struct {
		answer answer
		want   fault.Kind
	}{
		{refusal(402, "card_error", "card_declined"), fault.Declined},
		{refusal(402, "card_error", "authentication_required"), fault.Declined},
		{refusal(409, "idempotency_error", "idempotency_key_in_use"), fault.Unavailable},
		{refusal(429, "invalid_request_error", "rate_limit"), fault.Unavailable},
		{refusal(429, "invalid_request_error", "lock_timeout"), fault.Unavailable},
		{refusal(500, "api_error", ""), fault.Unavailable},
		{refusal(503, "api_error", ""), fault.Unavailable},
		{refusal(400, "idempotency_error", ""), fault.Conflict},
		{refusal(400, "invalid_request_error", "parameter_unknown"), fault.Internal},
		{refusal(401, "invalid_request_error", ""), fault.Internal},
		{answer{status: 200, body: map[string]any{"id": "pi_1", "status": "processing"}}, fault.Internal},
	} {
		f, api := newFake(t, false)
		f.fail(tt.answer)
		if err := open(t, api).Authorize(t.Context(), payment(1000)); !fault.Is(err, tt.want) {
			t.Errorf("after %v: authorize = %v, want %v", tt.answer, err, tt.want)
		}
	}
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	g := open(t, s.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := g.Void(ctx, "ord_1"); !fault.Is(err, fault.Timeout) {
		t.Errorf("void without an answer = %v, want fault.Timeout", err)
	}
	s.CloseClientConnections()
	s.Close()
	for name, call := range map[string]func() error{
		"authorize": func() error { return g.Authorize(t.Context(), payment(1000)) },
		"capture":   func() error { return g.Capture(t.Context(), "ord_1") },
		"void":      func() error { return g.Void(t.Context(), "ord_1") },
		"refund": func() error {
			return g.Refund(t.Context(), shop.RefundPayment{ID: "ref_1", OrderID: "ord_1", Amount: shop.Money{Amount: 1, Currency: "GBP"}})
		},
	} {
		if err := call(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s without a connection = %v, want fault.Unavailable", name, err)
		}
	}
}

// TestALostAnswerIsFoundAgain loses the answer to each call.
func TestALostAnswerIsFoundAgain(t *testing.T) {
	f, _ := newFake(t, false)
	var lose atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && lose.Load() {
			f.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		f.ServeHTTP(w, r)
	}))
	defer s.Close()
	g, p := open(t, s.URL), payment(1000)
	refund := shop.RefundPayment{ID: ident.New(ident.Refund), OrderID: p.OrderID, Amount: shop.Money{Amount: 400, Currency: "GBP"}}
	twice(t, "authorize", &lose, func() error { return g.Authorize(t.Context(), p) })
	twice(t, "capture", &lose, func() error { return g.Capture(t.Context(), p.OrderID) })
	twice(t, "refund", &lose, func() error { return g.Refund(t.Context(), refund) })
	if kept := f.kept(); kept != 600 {
		t.Errorf("%d is kept of 1000 after a refund of 400, want 600", kept)
	}
}

// twice makes a call whose answer is lost, and repeats it.
func twice(t *testing.T, name string, lose *atomic.Bool, call func() error) {
	t.Helper()
	lose.Store(true)
	if err := call(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%s whose answer was lost = %v, want fault.Unavailable", name, err)
	}
	lose.Store(false)
	if err := call(); err != nil {
		t.Errorf("%s again = %v", name, err)
	}
}

func TestTheKeyIsNeverShown(t *testing.T) {
	f, api := newFake(t, false)
	f.fail(answer{status: 401, body: map[string]any{"error": map[string]any{
		"type": "invalid_request_error", "message": "Invalid API Key provided: " + key,
	}}})
	err := open(t, api).Authorize(t.Context(), payment(1000))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("authorize = %v, want an error without the key", err)
	}
	if !strings.Contains(f.auth, key) {
		t.Errorf("Stripe was sent %q, want the key", f.auth)
	}
	for _, bad := range []string{"", "sk_live_hunter2", "pk_test_hunter2"} {
		if _, err := stripe.New(bad, stripe.Options{}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New(%q) = %v, want an error without the key", bad, err)
		}
	}
}

func TestReadNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "whsec_test"
		body := []byte(`{"id":"evt_1","object":"event","type":"refund.failed","created":1700000000,"api_version":"2020-01-01",
			"data":{"object":{"object":"refund","metadata":{"agora_order":"ord_1","agora_refund":"ref_1"}}}}`)
		sign := func(body []byte, secret string) string {
			return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: time.Now()}).Header
		}
		signature := sign(body, secret)
		want := stripe.Notice{
			ID: "evt_1", Kind: "refund.failed", At: time.Unix(1700000000, 0).UTC(), OrderID: "ord_1", RefundID: "ref_1",
		}
		if got, err := stripe.ReadNotice(body, signature, secret); err != nil || got != want {
			t.Errorf("ReadNotice = %+v, %v; want %+v", got, err, want)
		}
		for name, tt := range map[string]struct {
			body      []byte
			signature string
			want      fault.Kind
		}{
			"other secret":    {body, sign(body, "whsec_other"), fault.Denied},
			"other body":      {append([]byte(" "), body...), signature, fault.Denied},
			"no signature":    {body, "", fault.Denied},
			"not a header":    {body, "t=now,v1=zz", fault.Denied},
			"no data":         {[]byte(`{"object":"event"}`), sign([]byte(`{"object":"event"}`), secret), fault.Invalid},
			"not an object":   {[]byte(`{"data":{"object":3}}`), sign([]byte(`{"data":{"object":3}}`), secret), fault.Denied},
			"not JSON at all": {[]byte(`x`), sign([]byte(`x`), secret), fault.Denied},
		} {
			if _, err := stripe.ReadNotice(tt.body, tt.signature, secret); !fault.Is(err, tt.want) {
				t.Errorf("%s: ReadNotice = %v, want %v", name, err, tt.want)
			}
		}
		time.Sleep(5*time.Minute + time.Second)
		if _, err := stripe.ReadNotice(body, signature, secret); !fault.Is(err, fault.Denied) {
			t.Errorf("an old notice: %v, want fault.Denied", err)
		}
	})
}

// mock starts stripe-mock, which checks every request against Stripe's specification of its API.
func mock(t *testing.T) *url.URL {
	t.Helper()
	path := "../../.tools/stripe-mock"
	if _, err := os.Stat(path); err != nil {
		const hint = "stripe-mock is not built: bash scripts/need stripe-mock"
		if os.Getenv("CI") != "" {
			t.Fatal(hint)
		}
		t.Skip("SKIPPED: the requests are not held against Stripe's specification, because " + hint)
	}
	cmd := exec.CommandContext(t.Context(), path, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			return &url.URL{Scheme: "http", Host: address}
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return nil
}

// TestStripesSpecificationHasEveryRequest makes all calls of the gateway. The fake answers them, and stripe-mock checks each
// request.
func TestStripesSpecificationHasEveryRequest(t *testing.T) {
	judge := httputil.NewSingleHostReverseProxy(mock(t))
	f, _ := newFake(t, false)
	var mu sync.Mutex
	judged := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		again := func(ctx context.Context) *http.Request {
			c := r.Clone(ctx)
			c.Body = io.NopCloser(bytes.NewReader(body))
			return c
		}
		verdict := httptest.NewRecorder()
		judge.ServeHTTP(verdict, again(r.Context()))
		mu.Lock()
		judged[r.Method+" "+strings.Split(r.URL.Path, "/")[2]] = true
		mu.Unlock()
		if verdict.Code != http.StatusOK {
			t.Errorf("%s %s?%s: stripe-mock answers %d %s", r.Method, r.URL, body, verdict.Code, verdict.Body)
		}
		f.ServeHTTP(w, again(r.Context()))
	}))
	defer s.Close()
	g := open(t, s.URL)
	paid, reserved, never := payment(1000), payment(1000), payment(1000)
	pay(t, g, paid)
	refund := shop.RefundPayment{ID: ident.New(ident.Refund), OrderID: paid.OrderID, Amount: shop.Money{Amount: 100, Currency: "GBP"}}
	for _, err := range []error{
		g.Refund(t.Context(), refund), g.Void(t.Context(), paid.OrderID), // captured
		g.Authorize(t.Context(), reserved), g.Void(t.Context(), reserved.OrderID), // authorized
		g.Void(t.Context(), never.OrderID), // nothing
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if len(judged) != 4 {
		t.Errorf("judged %v, want payment intents, charges, and refunds both made and listed", judged)
	}
}
