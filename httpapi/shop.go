package httpapi

import (
	"context"

	"agora/accounts"
	"agora/shop"
)

// Shop is what the routes of the shop ask.
type Shop struct {
	Catalog *shop.Catalog
	Pages   *shop.Pages
	Stocks  *shop.Stocks
	Orders  *shop.Orders
	History *shop.History
}

// AddShop adds the routes of catalogue, stock and orders.
func AddShop(s *Server, services Shop) {
	addProducts(s, services)
	addReviews(s, services)
	addSearch(s, services)
	addStock(s, services)
	addOrders(s, services)
}

// sellers may offer products and change their own.
const sellers = seller | admin

// actorOf returns who makes the request, in the terms of the shop.
func actorOf(ctx context.Context) shop.Actor {
	p := PrincipalOf(ctx)
	return shop.Actor{ID: p.UserID, Admin: p.Is(accounts.Admin)}
}

// PageQuery asks for a part of a list. Like everything that inputs embed it is exported: huma overlooks
// what is not.
type PageQuery struct {
	Limit  int    `query:"limit" doc:"Items at most" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" doc:"The next of the page before; goes with the very query it came from" maxLength:"512"`
}

// answerOf is an answer of nothing but a body.
type answerOf[B any] struct{ Body B }
