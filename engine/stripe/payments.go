package stripe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stripe/stripe-go/v84"

	"agora/fault"
	"agora/shop"
)

// The idempotency keys. Authorize, and a Void that finds no charge, use the same key for an order: the first one makes
// Stripe refuse the other, because the requests differ. Stripe stores keys for a day at least, and an order waits minutes
// for its payment.
func authorizeKey(orderID string) string    { return "agora-authorize-" + orderID }
func captureKey(orderID string) string      { return "agora-capture-" + orderID }
func voidKey(orderID, what string) string   { return "agora-void-" + what + "-" + orderID }
func refundKey(r shop.RefundPayment) string { return "agora-refund-" + r.ID }

// Authorize implements shop.Gateway.
func (g *Gateway) Authorize(ctx context.Context, p shop.Payment) error {
	if p.Amount.Amount == 0 {
		g.remember(ctx, p.OrderID, free)
		return nil
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount:        stripe.Int64(p.Amount.Amount),
		Currency:      stripe.String(strings.ToLower(p.Amount.Currency)),
		CaptureMethod: stripe.String(string(stripe.PaymentIntentCaptureMethodManual)),
		Confirm:       stripe.Bool(true),
		PaymentMethod: stripe.String(g.method),
		// The customer is not present, and could not complete a further step.
		ErrorOnRequiresAction: stripe.Bool(true),
		PaymentMethodTypes:    stripe.StringSlice([]string{"card"}),
		TransferGroup:         stripe.String(p.OrderID),
		Metadata:              map[string]string{orderMark: p.OrderID, userMark: p.UserID},
	}
	params.SetIdempotencyKey(authorizeKey(p.OrderID))
	intent, err := g.client.V1PaymentIntents.Create(ctx, params)
	if err = classify("authorize", err); fault.Is(err, fault.Conflict) {
		return errVoided(p.OrderID) // only Void uses the key for another request
	}
	if err != nil {
		return err
	}
	if isReplayed(intent.APIResource) {
		if intent, err = g.find(ctx, p.OrderID); err != nil {
			return err
		}
	}
	return g.authorized(ctx, p.OrderID, intent)
}

// authorized returns the result of Authorize for the payment, which this call or an earlier one has created.
func (g *Gateway) authorized(ctx context.Context, orderID string, intent *stripe.PaymentIntent) error {
	switch {
	case intent == nil:
		return fmt.Errorf("authorize: stripe lists no charge of %s", orderID)
	case isVoid(intent):
		return errVoided(orderID)
	case intent.Status != stripe.PaymentIntentStatusRequiresCapture && intent.Status != stripe.PaymentIntentStatusSucceeded:
		return fmt.Errorf("authorize: the payment of %s is %s", orderID, intent.Status)
	}
	g.remember(ctx, orderID, intent.ID)
	return nil
}

// Capture implements shop.Gateway.
func (g *Gateway) Capture(ctx context.Context, orderID string) error {
	id := g.remembered(ctx, orderID)
	if id == free {
		return nil
	}
	if id == "" {
		intent, err := g.find(ctx, orderID)
		if err != nil {
			return err
		}
		if intent == nil || intent.Status != stripe.PaymentIntentStatusRequiresCapture {
			return captured(orderID, intent)
		}
		id = intent.ID
	}
	params := &stripe.PaymentIntentCaptureParams{}
	params.SetIdempotencyKey(captureKey(orderID))
	intent, err := g.client.V1PaymentIntents.Capture(ctx, id, params)
	if err = classify("capture", err); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	if err != nil || isReplayed(intent.APIResource) {
		if intent, err = g.find(ctx, orderID); err != nil {
			return err
		}
	}
	return captured(orderID, intent)
}

// captured returns the result of Capture for a payment that cannot be captured, or was captured before.
func captured(orderID string, intent *stripe.PaymentIntent) error {
	switch {
	case intent == nil:
		return errNotAuthorized(orderID)
	case isVoid(intent):
		return errVoided(orderID)
	case intent.Status != stripe.PaymentIntentStatusSucceeded:
		return errNotAuthorized(orderID)
	}
	return nil
}

// Void implements shop.Gateway.
func (g *Gateway) Void(ctx context.Context, orderID string) error {
	_ = g.intents.Delete(ctx, orderID) // never fails
	intent, err := g.find(ctx, orderID)
	if err != nil {
		return err
	}
	switch {
	case intent == nil:
		return g.claim(ctx, orderID)
	case isVoid(intent) && intent.Status != stripe.PaymentIntentStatusSucceeded:
		return nil
	case intent.Status == stripe.PaymentIntentStatusSucceeded:
		return g.giveBack(ctx, orderID, intent)
	}
	params := &stripe.PaymentIntentCancelParams{}
	params.SetIdempotencyKey(voidKey(orderID, "cancel"))
	if _, err := g.client.V1PaymentIntents.Cancel(ctx, intent.ID, params); err != nil {
		return retry(classify("void", err)) // it may have been captured in the meantime
	}
	return nil
}

// retry turns an error about the state of the payment into one that is retried, because the state is changing.
func retry(err error) error {
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Unavailable, err, "the payment is being changed")
	}
	return err
}

// claim prevents the authorization of an order without charges: it uses the authorization's key for a PaymentIntent that
// is never confirmed.
func (g *Gateway) claim(ctx context.Context, orderID string) error {
	params := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(100), Currency: stripe.String("usd"), // any amount, because nobody is charged
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Metadata:           map[string]string{orderMark: orderID, voidMark: "true"},
	}
	params.SetIdempotencyKey(authorizeKey(orderID))
	intent, err := g.client.V1PaymentIntents.Create(ctx, params)
	if err != nil {
		return retry(classify("void", err)) // an authorization came first, and the retry finds it
	}
	cancel := &stripe.PaymentIntentCancelParams{}
	cancel.SetIdempotencyKey(voidKey(orderID, "claim"))
	if _, err := g.client.V1PaymentIntents.Cancel(ctx, intent.ID, cancel); err != nil {
		return retry(classify("void", err))
	}
	return nil
}

// giveBack refunds the rest of a captured payment. It marks the payment first, so that nothing else is done with it even
// if the refund fails.
func (g *Gateway) giveBack(ctx context.Context, orderID string, intent *stripe.PaymentIntent) error {
	mark := &stripe.PaymentIntentUpdateParams{Metadata: map[string]string{voidMark: "true"}}
	mark.SetIdempotencyKey(voidKey(orderID, "mark"))
	if _, err := g.client.V1PaymentIntents.Update(ctx, intent.ID, mark); err != nil {
		return classify("void", err)
	}
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(intent.ID), Metadata: map[string]string{orderMark: orderID, voidMark: "true"},
	}
	params.SetIdempotencyKey(voidKey(orderID, "refund"))
	_, err := g.client.V1Refunds.Create(ctx, params)
	if e, ok := errors.AsType[*stripe.Error](err); ok && e.Code == stripe.ErrorCodeChargeAlreadyRefunded {
		return nil // all of it was refunded before
	}
	if err != nil {
		return classify("void", err)
	}
	return nil
}

// Refund implements shop.Gateway. If Stripe accepts a refund and the bank refuses it later, Stripe sends a notice
// (refund.failed).
func (g *Gateway) Refund(ctx context.Context, r shop.RefundPayment) error {
	if r.Amount.Amount == 0 {
		return nil
	}
	intent, err := g.find(ctx, r.OrderID)
	if err != nil {
		return err
	}
	if intent == nil {
		return errNotAuthorized(r.OrderID)
	}
	done, err := g.refunded(ctx, intent.ID, r.ID)
	if err != nil || done {
		return err
	}
	if err := captured(r.OrderID, intent); err != nil {
		return err
	}
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(intent.ID), Amount: stripe.Int64(r.Amount.Amount),
		Metadata: map[string]string{orderMark: r.OrderID, refundMark: r.ID},
	}
	params.SetIdempotencyKey(refundKey(r))
	_, err = g.client.V1Refunds.Create(ctx, params)
	if e, ok := errors.AsType[*stripe.Error](err); ok && (isState(e) || e.Param == "amount") {
		return fault.New(fault.Conflict, "refund_too_large", fmt.Sprintf("%s has less than %d left to refund", r.OrderID, r.Amount.Amount))
	}
	if err != nil {
		return classify("refund", err)
	}
	return nil
}

// refunded reports whether the refund was made before, even if Stripe no longer stores its idempotency key.
func (g *Gateway) refunded(ctx context.Context, intentID, refundID string) (bool, error) {
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(intentID)}
	params.Limit = stripe.Int64(100)
	for refund, err := range g.client.V1Refunds.List(ctx, params) {
		if err != nil {
			return false, classify("find the refund", err)
		}
		if refund.Metadata[refundMark] == refundID {
			return true, nil
		}
	}
	return false, nil
}
