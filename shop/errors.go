package shop

import (
	"fmt"
	"time"

	"agora/fault"
)

// CodeInsufficientStock is the code of every error about too few units.
const CodeInsufficientStock = "insufficient_stock"

// The errors of stores, which are the same for each engine.

// ErrOrderExists returns the error of an order whose identifier is taken.
func ErrOrderExists(id string) error {
	return fault.New(fault.Conflict, "order_exists", "order "+id+" exists")
}

// ErrOrderMoved returns the error of a transition whose order is not at the preceding version.
func ErrOrderMoved() error {
	return fault.New(fault.Stale, "order_moved", "the order was changed by others")
}

// ErrProductChanged returns the error of Replace when the expected version is not the current one.
func ErrProductChanged() error {
	return fault.New(fault.Stale, "stale", "the product has changed since it was read")
}

// ErrAlreadyReviewed returns the error of AddReview when the user has reviewed the product before.
func ErrAlreadyReviewed() error {
	return fault.New(fault.Conflict, "already_reviewed", "the product has a review by the same user already")
}

// The errors of the services.

func errNotOwner(what string) error {
	return fault.New(fault.Denied, "not_owner", what+" to somebody else")
}

func errSKUTaken(sku string) error {
	return fault.New(fault.Conflict, "sku_taken", "the SKU "+sku+" is in use", fault.Field{Name: "sku", Message: "is in use"})
}

func errOrderVersion(current uint64) error {
	return fault.New(fault.Stale, "order_moved", fmt.Sprintf("the order is at version %d", current),
		fault.Field{Name: "version", Message: "is not the order's current one"})
}

func errOrderBusy() error {
	return fault.New(fault.Conflict, "order_busy", "the order is being changed by others; try again")
}

func errOrderState(message string) error { return fault.New(fault.Conflict, "order_state", message) }

func errOrderPending() error {
	return fault.New(fault.Conflict, "order_pending", "an order that is not paid yet can only be cancelled as a whole",
		fault.Field{Name: "lines", Message: "cannot be chosen while the order is pending"})
}

func errTooManyRefunds() error {
	return fault.New(fault.Conflict, "too_many_refunds",
		fmt.Sprintf("units of the order were given back %d times; the rest can only be given back all at once", maxRefunds))
}

func errPaymentDeclined(orderID string) error {
	return fault.New(fault.Declined, "payment_declined", "the payment was declined; order "+orderID+" is cancelled")
}

func errShortAfterPayment(orderID string) error {
	return fault.New(fault.Conflict, CodeInsufficientStock,
		"the stock no longer covered the order when it was paid; order "+orderID+" is cancelled and its payment refunded")
}

// errShortLines returns the error of an order that the stock does not cover. It names the lines.
func errShortLines(order Order, short *ShortStock) error {
	var fields []fault.Field
	for _, s := range short.Short {
		for i, l := range order.Lines {
			if l.SKU == s.SKU {
				fields = append(fields, fault.Field{
					Name:    fmt.Sprintf("lines[%d].quantity", i),
					Message: fmt.Sprintf("%d of %s requested, %d available", s.Requested, s.SKU, s.Available),
				})
			}
		}
	}
	return fault.New(fault.Conflict, CodeInsufficientStock, short.Error(), fields...)
}

// errShortOnHand returns the error of an edit that takes more units than a SKU has on hand.
func errShortOnHand(current Stock, taken int64) error {
	return fault.New(fault.Conflict, CodeInsufficientStock,
		fmt.Sprintf("%s has %d units on hand, %d cannot be taken", current.SKU, current.OnHand, taken),
		fault.Field{Name: "change", Message: fmt.Sprintf("takes more than the %d units on hand", current.OnHand)})
}

func errKeyReused() error {
	return fault.New(fault.Invalid, "idempotency_key_reused", "the Idempotency-Key was used for another request",
		fault.Field{Name: "Idempotency-Key", Message: "was used for another request"})
}

func errInFlight() error {
	err := fault.New(fault.Conflict, "in_flight", "the first request with this Idempotency-Key is still being worked on")
	err.RetryAfter = time.Second
	return err
}
