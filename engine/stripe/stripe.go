// Package stripe takes payments with Stripe (https://docs.stripe.com/api).
//
// An order is one PaymentIntent, confirmed with manual capture. Nothing of it is kept here: an order is found by
// the transfer group of its charges, which is the order's id and is also what a marketplace groups its
// transfers to sellers by. That a call does nothing new when it is repeated rests on Stripe's idempotency keys,
// made of the ids of orders and refunds, on the state of the PaymentIntent, and on the refunds that it lists.
//
// What it does not do yet: collect a customer's payment method. Every payment is made with one configured
// method, such as Stripe's pm_card_visa; so only test keys are accepted. Amounts are passed on in minor units,
// which is what Stripe expects, but for the few currencies that it counts otherwise (ISK, UGX, HUF, TWD).
// An order of nothing never reaches Stripe.
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

// Gateway is a shop.Gateway on Stripe. It bounds neither the time nor the number of its calls and repeats none:
// shop.GuardedGateway does. It is safe for concurrent use.
type Gateway struct {
	client *stripe.Client
	method string

	// intents holds the PaymentIntent of orders that were authorized lately, to save looking it up.
	intents *cache.Memory
}

var _ shop.Gateway = (*Gateway)(nil)

const (
	intentsBytes = 8 << 20
	intentsFor   = time.Hour

	// free stands for the PaymentIntent of an order of nothing.
	free = "free"

	connectionTimeout = 30 * time.Second // the bound of a call whose context has none
)

// The metadata of what is kept at Stripe, beside the order's id as transfer group.
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
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // errors are returned, and logged by whom they concern
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

// Close gives back the memory.
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

// isReplayed reports whether Stripe answered with what it had answered to the same request before, which says
// nothing about how things stand now.
func isReplayed(r stripe.APIResource) bool {
	return r.LastResponse != nil && r.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}

func voided(orderID string) error {
	return fault.New(fault.Conflict, "payment_voided", "the payment of "+orderID+" was voided")
}

func notAuthorized(orderID string) error {
	return fault.New(fault.Conflict, "not_authorized", "the payment of "+orderID+" is not authorized")
}

// classify turns an error of the library into the kind that it is for the shop. Stripe's own words go with it,
// but neither the objects that it sends along, which hold personal data, nor anything about a refused key.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return connection(doing, err)
	}
	said := fmt.Errorf("%s: stripe answered %d %s %s %q (request %s)", doing, e.HTTPStatusCode, e.Type, e.Code, e.Msg, e.RequestID)
	switch {
	case e.HTTPStatusCode == http.StatusUnauthorized || e.HTTPStatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: stripe does not accept the key (request %s)", doing, e.RequestID)
	case e.Type == stripe.ErrorTypeCard:
		return fmt.Errorf("%w (%s %s, request %s)",
			fault.New(fault.Declined, "payment_declined", "the payment was declined"), e.Code, e.DeclineCode, e.RequestID)
	case e.HTTPStatusCode >= http.StatusInternalServerError, e.HTTPStatusCode == http.StatusTooManyRequests,
		e.HTTPStatusCode == http.StatusConflict: // the first request under the key is being worked on
		return fault.Wrap(fault.Unavailable, said, "the payment gateway is away")
	case e.Type == stripe.ErrorTypeIdempotency, isState(e):
		return fault.Wrap(fault.Conflict, said, "the payment does not allow it")
	}
	return said
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

// connection classifies an error that is no answer.
func connection(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Timeout, err, "the payment gateway did not answer in time")
	}
	return fault.Wrap(fault.Unavailable, err, "the payment gateway is away")
}
