package shop

import (
	"context"
	"net/http"

	"agora/fault"
	"agora/httpapi"
	"agora/shop"
)

const (
	tagOrders    = "orders"
	maxOrderBody = 64 << 10
)

func addOrders(s *httpapi.Server, services Services) {
	r := orderRoutes{services.Orders, services.History}
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/orders", Tag: tagOrders, Summary: "Check out", Access: httpapi.SignedIn, Status: 201,
		MaxBody:     maxOrderBody,
		Description: "Reserves the stock, takes the payment and confirms the order. A request with an Idempotency-Key can be repeated until there is an answer, and makes one order.",
		Accepted:    "The payment is not finished. The order is pending, its units are reserved, and the checkout continues without the client.",
		Fails: []httpapi.Failure{
			{Kind: fault.Declined, Code: "payment_declined", When: "The payment was declined. The order is cancelled, and its units are for sale again."},
			{Kind: fault.Conflict, Code: shop.CodeInsufficientStock, When: "The stock does not cover the order; errors lists the lines. A payment that was already taken is refunded."},
			{Kind: fault.Conflict, Code: "in_flight", When: "The first request with the Idempotency-Key is not finished. Retry after Retry-After."},
			{Kind: fault.Invalid, Code: "idempotency_key_reused", When: "The Idempotency-Key was used for another request."},
		},
	}, r.place)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders", Tag: tagOrders, Summary: "List orders", Access: httpapi.SignedIn, Owned: true,
		Description: "Newest first: your own, or, for admins, those of user_id. A new order appears here after a moment; GET /v1/orders/{id} returns it at once.",
		Fails:       []httpapi.Failure{{Kind: fault.Denied, Code: "not_owner", When: "The orders belong to somebody else."}},
	}, r.list)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders/{id}", Tag: tagOrders, Summary: "Get an order", Access: httpapi.SignedIn, Owned: true,
		Description: hidden,
	}, r.get)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders/{id}/history", Tag: tagOrders, Summary: "Get the history of an order", Access: httpapi.SignedIn, Owned: true,
		Description: "All steps of the order so far, oldest first. " + hidden,
	}, r.history)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/orders/{id}/cancel", Tag: tagOrders, Summary: "Cancel an order, or units of it", Access: httpapi.SignedIn, Owned: true,
		MaxBody:     maxOrderBody,
		Description: "Without lines, all remaining units. The units are for sale again, and their price is refunded. " + hidden,
		Fails: []httpapi.Failure{
			{Kind: fault.Conflict, Code: "order_state", When: "The order is already cancelled."},
			{Kind: fault.Conflict, Code: "order_pending", When: "The order is not paid, and can only be cancelled as a whole."},
			{Kind: fault.Conflict, Code: "too_many_refunds", When: "The order was reduced too many times. The remaining units can only be cancelled all at once."},
			{Kind: fault.Stale, Code: "order_moved", When: "The order does not have the version of the request."},
			{Kind: fault.Conflict, Code: "order_busy", When: "Other requests change the order at the same time. Try again."},
		},
	}, r.cancel)
}

const hidden = "The answer for an order of somebody else is 404."

type orderRoutes struct {
	orders *shop.Orders
	views  *shop.OrderHistory
}

// OrderPath names an order.
type OrderPath struct {
	ID string `path:"id" pattern:"^ord_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"ord_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

type placeInput struct {
	Key  string `header:"Idempotency-Key" doc:"Identifies the request among yours, such as a UUID" maxLength:"255"`
	Body shop.OrderRequest
}

type placeAnswer struct {
	Status   int
	Location string `header:"Location" doc:"Path of the order"`
	Body     shop.Order
}

func (r orderRoutes) place(ctx context.Context, in *placeInput) (*placeAnswer, error) {
	order, err := r.orders.Place(ctx, httpapi.PrincipalOf(ctx).UserID, in.Key, in.Body)
	if err != nil {
		return nil, err
	}
	answer := &placeAnswer{Status: http.StatusCreated, Location: "/v1/orders/" + order.ID, Body: order}
	if order.State == shop.Pending {
		answer.Status = http.StatusAccepted
	}
	return answer, nil
}

type ordersInput struct {
	UserID string `query:"user_id" doc:"User of the orders, for admins; you, if it is missing" maxLength:"64"`
	httpapi.PageQuery
}

func (r orderRoutes) list(ctx context.Context, in *ordersInput) (*httpapi.Answer[shop.OrderPage], error) {
	orders, err := r.views.List(ctx, actorOf(ctx), in.UserID, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(orders), nil
}

func (r orderRoutes) get(ctx context.Context, in *OrderPath) (*httpapi.Answer[shop.Order], error) {
	order, err := r.orders.Get(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(order), nil
}

// OrderHistory has the steps of an order, oldest first.
type OrderHistory struct {
	Items []shop.Step `json:"items"`
}

func (r orderRoutes) history(ctx context.Context, in *OrderPath) (*httpapi.Answer[OrderHistory], error) {
	steps, err := r.views.Steps(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(OrderHistory{steps}), nil
}

type cancelInput struct {
	OrderPath
	Body *shop.CancelRequest
}

func (r orderRoutes) cancel(ctx context.Context, in *cancelInput) (*httpapi.Answer[shop.Order], error) {
	var request shop.CancelRequest
	if in.Body != nil {
		request = *in.Body
	}
	order, err := r.orders.Cancel(ctx, actorOf(ctx), in.ID, request)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(order), nil
}
