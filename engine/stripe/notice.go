package stripe

import (
	"encoding/json"
	"time"

	"github.com/stripe/stripe-go/v84/webhook"

	"agora/fault"
)

// Notice is an event that Stripe sends to a webhook (https://docs.stripe.com/webhooks), maybe several times and in any order.
type Notice struct {
	ID       string // evt_…, the same each time the notice is sent
	Kind     string // such as charge.refund.updated
	At       time.Time
	OrderID  string // the order of the payment or refund; "" if the shop did not make it
	RefundID string // the refund; "" if the notice is not about a refund of the shop
}

// ReadNotice returns the notice of a webhook's body, if its Stripe-Signature header was made with the endpoint's
// secret (whsec_…) in the last five minutes; otherwise fault.Denied.
func ReadNotice(body []byte, signature, secret string) (Notice, error) {
	event, err := webhook.ConstructEventWithOptions(body, signature, secret, webhook.ConstructEventOptions{
		IgnoreAPIVersionMismatch: true, // the fields that are read are the same in all versions
	})
	if err != nil {
		return Notice{}, fault.Wrap(fault.Denied, err, "the notice is not signed by Stripe")
	}
	var object struct {
		Metadata map[string]string `json:"metadata"`
	}
	if event.Data == nil {
		return Notice{}, fault.ErrInvalid("data", "is missing")
	}
	if err := json.Unmarshal(event.Data.Raw, &object); err != nil {
		return Notice{}, fault.Wrap(fault.Invalid, err, "the notice's object cannot be read")
	}
	return Notice{
		ID: event.ID, Kind: string(event.Type), At: time.Unix(event.Created, 0).UTC(),
		OrderID: object.Metadata[orderMark], RefundID: object.Metadata[refundMark],
	}, nil
}
