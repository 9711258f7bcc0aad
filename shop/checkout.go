package shop

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/saga"
	"agora/telemetry"
)

// The steps of a checkout. An order whose checkout is unfinished has a saga record of its next step.
const (
	stepPay    = "pay"    // authorize, capture, confirm
	stepVoid   = "void"   // compensation: pay back whatever was paid for a cancelled order
	stepRefund = "refund" // compensation: pay the refunds that are due
)

const (
	maxLines    = 100
	maxQuantity = 1_000_000
	maxKey      = 255 // bytes of an Idempotency-Key

	// inlineGrace is how long the saga runner leaves a step to the request that began it. It has to be longer than the
	// time limits of an authorization and a capture together.
	inlineGrace = 15 * time.Second
)

// Orders is the service of what customers buy: the checkout, cancellations and refunds.
type Orders struct {
	store    OrderStore
	offers   Offers
	gateway  Gateway
	hold     time.Duration
	log      *slog.Logger
	notify   func()
	failed   telemetry.Counter
	inflight sync.Map // ids of the orders for which a request of this process is paying
}

// OrdersOptions are the options of Orders.
type OrdersOptions struct {
	Hold    time.Duration // how long units are held for an order that is not paid; 0 means 15 minutes
	Log     *slog.Logger  // of delayed payments and compensations; nil means none
	Metrics *telemetry.Metrics
	Notify  func() // called after each change, for the outbox relay
}

// NewOrders returns the service. It counts agora_orders_failed_total{reason}.
func NewOrders(store OrderStore, offers Offers, gateway Gateway, options OrdersOptions) *Orders {
	if options.Notify == nil {
		options.Notify = func() {}
	}
	return &Orders{
		store: store, offers: offers, gateway: gateway,
		hold: cmp.Or(options.Hold, defaultHold), log: cmp.Or(options.Log, slog.New(slog.DiscardHandler)),
		notify: options.Notify,
		failed: options.Metrics.Counter("agora_orders_failed_total", "Orders that were not confirmed.", "reason"),
	}
}

// OrderRequest is a customer's request to place an order.
type OrderRequest struct {
	Lines []LineRequest `json:"lines" minItems:"1" maxItems:"100"`
}

// LineRequest is a line of an OrderRequest: a quantity of a product.
type LineRequest struct {
	ProductID string `json:"product_id" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Quantity  int64  `json:"quantity" minimum:"1" maximum:"1000000" example:"1"`
}

// Validate returns one Invalid fault that names every offending field, or nil.
func (r OrderRequest) Validate() error {
	var c fault.Collector
	c.Check(len(r.Lines) >= 1 && len(r.Lines) <= maxLines, "lines", "does not have between 1 and %d lines", maxLines)
	for i, l := range r.Lines[:min(len(r.Lines), maxLines)] {
		if err := ident.Check(ident.Product, l.ProductID); err != nil {
			c.Add(fmt.Sprintf("lines[%d].product_id", i), "%v", err)
		}
		c.Check(l.Quantity >= 1 && l.Quantity <= maxQuantity,
			fmt.Sprintf("lines[%d].quantity", i), "is not between 1 and %d", maxQuantity)
	}
	return c.Err()
}

// Place places an order: it holds the stock, takes the payment and confirms the order. If the gateway is unavailable, the
// returned order is pending, and the saga runner finishes the checkout. Place fails with fault.Declined (payment_declined)
// if the payment is declined, and with the Conflict insufficient_stock if the stock does not cover the order. If the stock
// shrinks during the payment, Place also refunds the payment.
//
// With a key, the call may be repeated: the same request of the same user returns the same order. Another request with
// the key is Invalid (idempotency_key_reused). A repeat during the first call is the Conflict in_flight.
func (s *Orders) Place(ctx context.Context, userID, key string, request OrderRequest) (Order, error) {
	if err := request.Validate(); err != nil {
		return Order{}, err
	}
	var c fault.Collector
	if checkText(&c, "Idempotency-Key", key, maxKey, ""); c.Err() != nil {
		return Order{}, c.Err()
	}
	order, err := s.draft(ctx, userID, request)
	if err != nil {
		return s.earlier(ctx, userID, key, request, err)
	}
	placement := newPlacement(order, key, request)
	s.inflight.Store(order.ID, struct{}{})
	defer s.inflight.Delete(order.ID)
	claim, err := s.store.Place(ctx, placement)
	if short, ok := errors.AsType[*ShortStock](err); ok {
		s.failed.Inc(CodeInsufficientStock)
		return Order{}, errShortLines(order, short)
	}
	if err != nil {
		s.countFailure(ctx, err)
		return Order{}, fmt.Errorf("place order: %w", err)
	}
	if claim != nil {
		return s.repeat(claim, placement.RequestHash)
	}
	s.notify()
	// The order is stored now, so that its checkout goes on even if the customer disconnects.
	return s.finish(context.WithoutCancel(ctx), order)
}

// earlier returns the result of a request that cannot be priced now. If the request is a repeat, its order exists already
// and is returned, because later changes of the catalogue do not affect it. Otherwise earlier returns the error refused.
func (s *Orders) earlier(ctx context.Context, userID, key string, request OrderRequest, refused error) (Order, error) {
	if key != "" {
		claim, err := s.store.Claimed(ctx, claimKey(userID, key))
		if err != nil {
			// The customer has to repeat the request, because it is unknown whether the order exists. The error
			// refused would say that it does not.
			s.countFailure(ctx, err)
			return Order{}, fmt.Errorf("look up the Idempotency-Key: %w", err)
		}
		if claim != nil {
			return s.repeat(claim, hashRequest(request))
		}
	}
	s.countFailure(ctx, refused)
	return Order{}, refused
}

// countFailure counts a failure of the shop. It ignores invalid requests and customers who have disconnected.
func (s *Orders) countFailure(ctx context.Context, err error) {
	if ctx.Err() == nil && !fault.Is(err, fault.Invalid) {
		s.failed.Inc(fault.CodeOf(err))
	}
}

// draft returns the pending order of a request, at the current prices.
func (s *Orders) draft(ctx context.Context, userID string, request OrderRequest) (Order, error) {
	ids := make([]string, len(request.Lines))
	for i, l := range request.Lines {
		ids[i] = l.ProductID
	}
	offers, err := s.offers.OffersByID(ctx, ids)
	if err != nil {
		return Order{}, fmt.Errorf("look up products: %w", err)
	}
	at := now()
	order := Order{
		ID: ident.New(ident.Order), UserID: userID, State: Pending, Payment: PaymentOpen, Version: 1,
		PlacedAt: at, UpdatedAt: at, HoldUntil: at.Add(s.hold),
	}
	var c fault.Collector
	for i, l := range request.Lines {
		offer, ok := offers[l.ProductID]
		if !ok {
			c.Add(fmt.Sprintf("lines[%d].product_id", i), "does not exist")
			continue
		}
		order.Lines = append(order.Lines, Line{
			ProductID: offer.ProductID, SKU: offer.SKU, Seller: offer.Seller, Name: offer.Name,
			Quantity: l.Quantity, Price: offer.Price,
		})
	}
	if err := c.Err(); err != nil {
		return Order{}, err
	}
	order.Total, err = totalOf(order.Lines)
	return order, err
}

func newPlacement(order Order, key string, request OrderRequest) Placement {
	units := order.Units()
	p := Placement{Transition: Transition{
		Order: order,
		Moves: moves(units, 0, 1),
		Entry: entry(order.ID, 1, OrderPlaced, order.PlacedAt, Fact{Order: &order, Postings: moveUnits(Available, Held, units)}),
		Saga:  &saga.Record{ID: order.ID, Step: stepPay, Due: order.PlacedAt.Add(inlineGrace)},
	}}
	if key != "" {
		p.Key = claimKey(order.UserID, key)
		p.RequestHash = hashRequest(request)
	}
	return p
}

// claimKey returns the key of the claim of a customer's Idempotency-Key.
func claimKey(userID, key string) string { return userID + "/" + key }

func hashRequest(request OrderRequest) []byte {
	encoded, err := json.Marshal(request)
	if err != nil {
		panic("shop: a request cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(encoded)
	return sum[:]
}

// repeat returns the result of a request whose key an earlier request claimed.
func (s *Orders) repeat(claim *Claim, hash []byte) (Order, error) {
	if string(claim.RequestHash) != string(hash) {
		return Order{}, errKeyReused()
	}
	if _, working := s.inflight.Load(claim.Order.ID); working && claim.Order.State == Pending {
		return Order{}, errInFlight()
	}
	return answer(claim.Order)
}

// answer returns the result of a checkout: the order, and an error if the checkout itself cancelled it.
func answer(o Order) (Order, error) {
	if o.State != Cancelled {
		return o, nil
	}
	switch o.Reason {
	case ReasonDeclined:
		return o, errPaymentDeclined(o.ID)
	case ReasonShort:
		return o, errShortAfterPayment(o.ID)
	}
	return o, nil
}

// finish pays for a pending order and returns the result of the checkout. The order stays pending if the gateway is
// unavailable.
func (s *Orders) finish(ctx context.Context, order Order) (Order, error) {
	settled, err := s.pay(ctx, order)
	if err == nil {
		if settled.Reason == ReasonDeclined {
			s.failed.Inc("payment_declined")
		}
		return answer(settled)
	}
	// The customer may have cancelled the order during the payment, or the saga runner may have finished it.
	current, readErr := s.store.Order(ctx, order.ID)
	if readErr == nil && current.State != Pending {
		return answer(current)
	}
	s.failed.Inc("payment_delayed")
	s.log.Warn("payment is delayed; the saga runner will retry it", "order", order.ID, "error", err)
	return order, nil
}

// pay takes the payment, and confirms or cancels the order accordingly. After an error the order is unchanged, because the
// result of the payment is unknown or could not be stored.
func (s *Orders) pay(ctx context.Context, order Order) (Order, error) {
	err := s.gateway.Authorize(ctx, Payment{OrderID: order.ID, UserID: order.UserID, Amount: order.Total})
	if fault.Is(err, fault.Declined) {
		return s.cancel(ctx, order, ReasonDeclined)
	}
	if err != nil {
		return order, fmt.Errorf("authorize: %w", err)
	}
	if err := s.gateway.Capture(ctx, order.ID); err != nil {
		return order, fmt.Errorf("capture: %w", err)
	}
	confirmed, err := s.confirm(ctx, order)
	if _, short := errors.AsType[*ShortStock](err); short {
		s.failed.Inc(string(ReasonShort))
		return s.cancel(ctx, order, ReasonShort)
	}
	return confirmed, err
}

func (s *Orders) confirm(ctx context.Context, order Order) (Order, error) {
	units := order.Units()
	postings := append(moveUnits(Held, Sold, units), moveMoney(Sales, GatewayAccount, order.Total)...)
	return s.advance(ctx, order, OrderConfirmed, Fact{Postings: postings}, moves(units, -1, -1))
}

// advance stores the next fact of an order, together with the saga record of the order's next step. It fails with
// fault.Stale if the order has changed since it was read.
func (s *Orders) advance(ctx context.Context, order Order, kind string, fact Fact, moves []Move) (Order, error) {
	at := now()
	after, err := order.Apply(kind, at, fact)
	if err != nil {
		return order, err
	}
	t := Transition{Order: after, Moves: moves, Entry: entry(order.ID, after.Version, kind, at, fact)}
	if step := after.openStep(); step != "" {
		t.Saga = &saga.Record{ID: order.ID, Step: step, Due: at.Add(inlineGrace)}
	}
	if err := s.store.Advance(ctx, t); err != nil {
		return order, fmt.Errorf("%s: %w", kind, err)
	}
	s.notify()
	return after, nil
}

// Get returns an order. It fails with fault.NotFound unless the actor is the order's customer or an admin.
func (s *Orders) Get(ctx context.Context, actor Actor, id string) (Order, error) {
	if err := ident.Check(ident.Order, id); err != nil {
		return Order{}, fault.ErrInvalid("id", "%v", err)
	}
	order, err := s.store.Order(ctx, id)
	if err == nil {
		err = order.mayRead(actor)
	}
	if err != nil {
		return Order{}, err
	}
	return order, nil
}

// mayRead returns fault.NotFound unless the actor is the order's customer or an admin. fault.Denied would reveal that the
// order exists.
func (o Order) mayRead(actor Actor) error {
	if actor.Admin || o.UserID == actor.ID {
		return nil
	}
	return fault.ErrNotFound("order", o.ID)
}
