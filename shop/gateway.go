package shop

import "context"

// Gateway takes payments. Every call is idempotent: a repeat with the same order or refund has no further effect and
// returns the same result. If the payment provider cannot be reached, a call fails with fault.Unavailable or
// fault.Timeout. Whether such a call took effect is unknown.
type Gateway interface {
	// Authorize reserves the amount with the customer's bank. It fails with fault.Declined if the bank declines, and
	// with fault.Conflict if the payment was voided before.
	Authorize(ctx context.Context, p Payment) error
	// Capture takes the authorized amount. It fails with fault.Conflict if no amount is authorized.
	Capture(ctx context.Context, orderID string) error
	// Void releases the authorized amount of an order, or pays the captured amount back. Later calls of Authorize and
	// Capture for the order fail. Void succeeds for an order without a payment.
	Void(ctx context.Context, orderID string) error
	// Refund pays back a part of the captured amount. It fails with fault.Conflict if less than that part is left.
	Refund(ctx context.Context, r RefundPayment) error
}

// Payment is what a customer has to pay for an order.
type Payment struct {
	OrderID string
	UserID  string
	Amount  Money
}

// RefundPayment is the part of an order's price that a customer gets back.
type RefundPayment struct {
	ID      string
	OrderID string
	Amount  Money
}
