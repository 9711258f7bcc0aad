package shop

import (
	"context"
	"time"
)

// defaultHold is how long units are held for an unpaid order if OrdersOptions do not set it.
const defaultHold = 15 * time.Minute

// payOrExpire continues a payment, or cancels the order if its hold has ended.
func (s *Orders) payOrExpire(ctx context.Context, order Order) (Order, error) {
	if time.Now().Before(order.HoldUntil) {
		return s.pay(ctx, order)
	}
	s.failed.Inc(string(ReasonExpired))
	return s.cancel(ctx, order, ReasonExpired)
}
