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
		Description: "Takes the stock, asks for the payment and confirms. With an Idempotency-Key the same request can be sent again, as often as it takes to get an answer, and makes one order.",
		Accepted:    "The payment is still open: the order is pending, its units are held, and the checkout goes on by itself.",
		Fails: []httpapi.Failure{
			{Kind: fault.Declined, Code: "payment_declined", When: "The payment was declined. The order is cancelled and its units are for sale again."},
			{Kind: fault.Conflict, Code: shop.CodeInsufficientStock, When: "The stock does not cover the order, and errors names the lines. If that came out only after the payment, it is refunded."},
			{Kind: fault.Conflict, Code: "in_flight", When: "The first request with the Idempotency-Key is still being worked on. Retry-After says when to come back."},
			{Kind: fault.Invalid, Code: "idempotency_key_reused", When: "The Idempotency-Key was used for another request."},
		},
	}, r.place)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders", Tag: tagOrders, Summary: "List orders", Access: httpapi.SignedIn, Owned: true,
		Description: "Newest first: your own, or for admins those of user_id. An order may take a moment to appear here; GET /v1/orders/{id} has it at once.",
		Fails:       []httpapi.Failure{{Kind: fault.Denied, Code: "not_owner", When: "The orders belong to somebody else."}},
	}, r.list)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders/{id}", Tag: tagOrders, Summary: "Get an order", Access: httpapi.SignedIn, Owned: true,
		Description: hidden,
	}, r.get)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/orders/{id}/history", Tag: tagOrders, Summary: "Get all that happened to an order", Access: httpapi.SignedIn, Owned: true,
		Description: "Oldest first, as of now. " + hidden,
	}, r.history)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/orders/{id}/cancel", Tag: tagOrders, Summary: "Cancel an order, or units of it", Access: httpapi.SignedIn, Owned: true,
		MaxBody:     maxOrderBody,
		Description: "Without lines, all that is left. The units are for sale again and what was paid for them is refunded. " + hidden,
		Fails: []httpapi.Failure{
			{Kind: fault.Conflict, Code: "order_state", When: "The order is cancelled already."},
			{Kind: fault.Conflict, Code: "order_pending", When: "The order is not paid yet and can only be cancelled whole."},
			{Kind: fault.Conflict, Code: "too_many_refunds", When: "Units of the order were given back so often that the rest can only be given back at once."},
			{Kind: fault.Stale, Code: "order_moved", When: "The order is not at the version that the request names."},
			{Kind: fault.Conflict, Code: "order_busy", When: "Others change the order just now. Try again."},
		},
	}, r.cancel)
}

const hidden = "The order of somebody else is not found."

type orderRoutes struct {
	orders *shop.Orders
	views  *shop.OrderHistory
}

// OrderPath names an order.
type OrderPath struct {
	ID string `path:"id" pattern:"^ord_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"ord_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

type placeInput struct {
	Key  string `header:"Idempotency-Key" doc:"Names this order among yours, such as a UUID" maxLength:"255"`
	Body shop.OrderRequest
}

type placeAnswer struct {
	Status   int
	Location string `header:"Location" doc:"Where the order is"`
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
	UserID string `query:"user_id" doc:"Whose orders, for admins; your own without it" maxLength:"64"`
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

// OrderHistory is all that happened to an order, oldest first.
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
