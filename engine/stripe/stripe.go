// Package stripe takes payments with Stripe (https://docs.stripe.com/api).
//
// An order is one PaymentIntent, confirmed with manual capture. This package stores nothing: it finds an order by the
// transfer group of its charges, which is the id of the order. A marketplace also groups its transfers to sellers by it.
// Calls are idempotent through Stripe's idempotency keys, which are made of the ids of orders and refunds, through the state
// of the PaymentIntent, and through its list of refunds.
//
// It does not collect the payment method of a customer yet. All payments use one configured method, such as Stripe's
// pm_card_visa, so that only test keys are accepted. Amounts are sent in minor units, as Stripe expects for all currencies
// but a few (ISK, UGX, HUF, TWD). An order with the total 0 never reaches Stripe.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v84"

	"agora/fault"
	"agora/pattern/cache"
	"agora/shop"
)

// Options say how payments are made.
type Options struct {
	PaymentMethod string // of all payments, pm_card_visa if empty
	API           string // base URL of another server that speaks Stripe's API; empty for Stripe itself
}

// Gateway is a shop.Gateway on Stripe. shop.GuardedGateway bounds the time and the number of its calls, and retries them. It
// is safe for concurrent use.
type Gateway struct {
	client *stripe.Client
	method string

	// intents has the PaymentIntents of recently authorized orders, which saves a lookup.
	intents *cache.Memory
}

var _ shop.Gateway = (*Gateway)(nil)

const (
	intentsBytes = 8 << 20
	intentsFor   = time.Hour

	// free stands for the PaymentIntent of an order with the total 0.
	free = "free"

	connectionTimeout = 30 * time.Second // of a call whose context has no deadline
)

// The names of the metadata of objects at Stripe.
const (
	orderMark  = "agora_order"
	userMark   = "agora_user"
	refundMark = "agora_refund"
	voidMark   = "agora_voided"
)

// New returns a gateway for a secret or restricted test key. It has to be closed.
func New(key string, o Options) (*Gateway, error) {
	if !strings.HasPrefix(key, "sk_test_") && !strings.HasPrefix(key, "rk_test_") {
		return nil, errors.New("the Stripe key is not a test key (sk_test_…, rk_test_…), and real payments need a customer's payment method")
	}
	config := &stripe.BackendConfig{
		HTTPClient:        &http.Client{Timeout: connectionTimeout},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // errors are returned
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
	}
	if o.API != "" {
		config.URL = stripe.String(o.API)
	}
	if o.PaymentMethod == "" {
		o.PaymentMethod = "pm_card_visa"
	}
	return &Gateway{
		client:  stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(config))),
		method:  o.PaymentMethod,
		intents: cache.NewMemory(intentsBytes),
	}, nil
}

// Close frees the memory.
func (g *Gateway) Close() error {
	g.intents.Close()
	return nil
}

func (g *Gateway) remember(ctx context.Context, orderID, intent string) {
	_ = g.intents.Set(ctx, orderID, []byte(intent), intentsFor) // never fails
}

func (g *Gateway) remembered(ctx context.Context, orderID string) string {
	intent, _, _ := g.intents.Get(ctx, orderID) // never fails
	return string(intent)
}

// find returns the order's PaymentIntent as it is now, or nil if nothing was ever charged for the order.
func (g *Gateway) find(ctx context.Context, orderID string) (*stripe.PaymentIntent, error) {
	params := &stripe.ChargeListParams{TransferGroup: stripe.String(orderID)}
	params.Limit = stripe.Int64(1)
	params.AddExpand("data.payment_intent")
	for charge, err := range g.client.V1Charges.List(ctx, params) {
		if err != nil {
			return nil, classify("find the payment", err)
		}
		return charge.PaymentIntent, nil
	}
	return nil, nil
}

// isVoid reports whether the payment is refused from now on.
func isVoid(p *stripe.PaymentIntent) bool {
	return p.Status == stripe.PaymentIntentStatusCanceled || p.Metadata[voidMark] != ""
}

// isReplayed reports whether Stripe repeated its answer to an earlier request with the same idempotency key, which says
// nothing about the current state.
func isReplayed(r stripe.APIResource) bool {
	return r.LastResponse != nil && r.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}

// errVoided returns the error of a call for a payment that was voided.
func errVoided(orderID string) error {
	return fault.New(fault.Conflict, "payment_voided", "the payment of "+orderID+" was voided")
}

// errNotAuthorized returns the error of a call that needs an authorized payment.
func errNotAuthorized(orderID string) error {
	return fault.New(fault.Conflict, "not_authorized", "the payment of "+orderID+" is not authorized")
}

// classify turns an error of the library into a fault. It has Stripe's message, but neither the objects in Stripe's answer,
// which have personal data, nor anything about a refused key.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return errConnection(doing, err)
	}
	answer := fmt.Errorf("%s: stripe answered %d %s %s %q (request %s)", doing, e.HTTPStatusCode, e.Type, e.Code, e.Msg, e.RequestID)
	switch {
	case e.HTTPStatusCode == http.StatusUnauthorized || e.HTTPStatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: stripe does not accept the key (request %s)", doing, e.RequestID)
	case e.Type == stripe.ErrorTypeCard:
		return fmt.Errorf("%w (%s %s, request %s)",
			fault.New(fault.Declined, "payment_declined", "the payment was declined"), e.Code, e.DeclineCode, e.RequestID)
	case e.HTTPStatusCode >= http.StatusInternalServerError, e.HTTPStatusCode == http.StatusTooManyRequests,
		e.HTTPStatusCode == http.StatusConflict: // an earlier request with the same key has not ended
		return fault.Wrap(fault.Unavailable, answer, "the payment gateway is away")
	case e.Type == stripe.ErrorTypeIdempotency, isState(e):
		return fault.Wrap(fault.Conflict, answer, "the payment does not allow it")
	}
	return answer
}

// isState reports whether an error says that the payment's state does not allow the request.
func isState(e *stripe.Error) bool {
	switch e.Code {
	case stripe.ErrorCodePaymentIntentUnexpectedState, stripe.ErrorCodeChargeAlreadyRefunded, stripe.ErrorCodeChargeNotRefundable,
		stripe.ErrorCodeChargeDisputed, stripe.ErrorCodeChargeExpiredForCapture, stripe.ErrorCodeAmountTooLarge:
		return true
	}
	return false
}

// errConnection returns the fault for an error without an answer.
func errConnection(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Timeout, err, "the payment gateway did not answer in time")
	}
	return fault.Wrap(fault.Unavailable, err, "the payment gateway is away")
}
