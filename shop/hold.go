package shop

import (
	"context"
	"time"
)

// defaultHold is how long units are held for an order that is not paid, where OrdersOptions do not say.
const defaultHold = 15 * time.Minute

// payOrExpire goes on with a payment, or gives up when the hold is over.
func (s *Orders) payOrExpire(ctx context.Context, order Order) (Order, error) {
	if time.Now().Before(order.HoldUntil) {
		return s.pay(ctx, order)
	}
	s.failed.Inc(string(ReasonExpired))
	return s.cancel(ctx, order, ReasonExpired)
}
