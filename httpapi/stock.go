package httpapi

import (
	"context"

	"agora/fault"
	"agora/shop"
)

const tagStock = "stock"

func addStock(s *Server, services Shop) {
	r := stockRoutes{services.Stocks}
	notOwner := Failure{Kind: fault.Denied, Code: "not_owner", When: "The product belongs to another seller."}
	Register(s, Route{
		Method: "GET", Path: "/v1/stock/{sku}", Tag: tagStock, Summary: "Get the stock of a SKU", Access: sellers, Owned: true,
		Fails: []Failure{notOwner},
	}, r.get)
	Register(s, Route{
		Method: "PUT", Path: "/v1/stock/{sku}", Tag: tagStock, Summary: "Change the stock of a SKU", Access: sellers, Owned: true,
		Description: "Give on_hand if the units were counted, or change if some came or went, and not both. A count below what pending orders hold is kept: those that turn out short are refunded.",
		Fails: []Failure{
			notOwner, {Kind: fault.Conflict, Code: "insufficient_stock", When: "The change takes more units than there are."},
		},
	}, r.edit)
}

type stockRoutes struct{ stocks *shop.Stocks }

// StockPath names a SKU.
type StockPath struct {
	SKU string `path:"sku" maxLength:"64" example:"LAMP-01"`
}

func (r stockRoutes) get(ctx context.Context, in *StockPath) (*answerOf[shop.Stock], error) {
	stock, err := r.stocks.Get(ctx, actorOf(ctx), in.SKU)
	if err != nil {
		return nil, err
	}
	return &answerOf[shop.Stock]{stock}, nil
}

type stockInput struct {
	StockPath
	Body shop.StockEdit
}

func (r stockRoutes) edit(ctx context.Context, in *stockInput) (*answerOf[shop.Stock], error) {
	stock, err := r.stocks.Edit(ctx, actorOf(ctx), in.SKU, in.Body)
	if err != nil {
		return nil, err
	}
	return &answerOf[shop.Stock]{stock}, nil
}
