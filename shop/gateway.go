package shop

import "context"

// Gateway takes payments. Every call is idempotent: repeated with the same order or refund it does nothing
// new and answers as before. A gateway that cannot be reached is fault.Unavailable or fault.Timeout, and
// then nothing is known of what it did.
type Gateway interface {
	// Authorize reserves the amount with the customer's bank. It fails with fault.Declined if the bank
	// says no, and with fault.Conflict if the payment was voided before.
	Authorize(ctx context.Context, p Payment) error
	// Capture takes the amount that was authorized. It fails with fault.Conflict if there is none.
	Capture(ctx context.Context, orderID string) error
	// Void gives back whatever was authorized or captured for an order, and refuses it from then on. It
	// is no error if there is nothing.
	Void(ctx context.Context, orderID string) error
	// Refund gives back a part of what was captured. It fails with fault.Conflict if that is not enough.
	Refund(ctx context.Context, r RefundPayment) error
}

// Payment is what a customer has to pay for an order.
type Payment struct {
	OrderID string
	UserID  string
	Amount  Money
}

// RefundPayment is what a customer gets back of an order.
type RefundPayment struct {
	ID      string
	OrderID string
	Amount  Money
}
