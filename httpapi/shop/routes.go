// Package shop holds the routes of the catalogue, the stock and the orders.
package shop

import (
	"context"

	"agora/accounts"
	"agora/httpapi"
	"agora/shop"
)

// Services are the services that the routes call.
type Services struct {
	Catalog *shop.Catalog
	Pages   *shop.Pages
	Stocks  *shop.Stocks
	Orders  *shop.Orders
	History *shop.OrderHistory
}

// AddRoutes adds the routes of the catalogue, the stock and the orders.
func AddRoutes(s *httpapi.Server, services Services) {
	addProducts(s, services)
	addReviews(s, services)
	addSearch(s, services)
	addStock(s, services)
	addOrders(s, services)
}

// sellers may offer products and change their own.
var sellers = httpapi.Roles(accounts.Seller, accounts.Admin)

// actorOf returns who makes the request, in the terms of the shop.
func actorOf(ctx context.Context) shop.Actor {
	p := httpapi.PrincipalOf(ctx)
	return shop.Actor{ID: p.UserID, Admin: p.Is(accounts.Admin)}
}
