package shop

import (
	"context"

	"agora/fault"
	"agora/httpapi"
	"agora/shop"
)

const (
	tagStock     = "stock"
	maxStockBody = 16 << 10
)

func addStock(s *httpapi.Server, services Services) {
	r := stockRoutes{services.Stocks}
	notOwner := httpapi.Failure{Kind: fault.Denied, Code: "not_owner", When: "The product belongs to another seller."}
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/stock/{sku}", Tag: tagStock, Summary: "Get the stock of a SKU", Access: sellers, Owned: true,
		Fails: []httpapi.Failure{notOwner},
	}, r.get)
	httpapi.Register(s, httpapi.Route{
		Method: "PUT", Path: "/v1/stock/{sku}", Tag: tagStock, Summary: "Set the units on hand of a SKU", Access: sellers, Owned: true,
		MaxBody:     maxStockBody,
		Description: "The result of a count. It may be less than pending orders hold: orders that cannot be delivered are refunded.",
		Fails:       []httpapi.Failure{notOwner},
	}, r.count)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/stock/{sku}", Tag: tagStock, Summary: "Add or remove units of a SKU", Access: sellers, Owned: true,
		MaxBody:     maxStockBody,
		Description: "For units that arrive or leave while others are sold. It is not idempotent: after a lost answer, get the stock first.",
		Fails: []httpapi.Failure{
			notOwner, {Kind: fault.Conflict, Code: "insufficient_stock", When: "The change removes more units than there are."},
		},
	}, r.change)
}

type stockRoutes struct{ stocks *shop.Stocks }

// StockPath names a SKU.
type StockPath struct {
	SKU string `path:"sku" maxLength:"64" example:"LAMP-01"`
}

func (r stockRoutes) get(ctx context.Context, in *StockPath) (*httpapi.Answer[shop.Stock], error) {
	stock, err := r.stocks.Get(ctx, actorOf(ctx), in.SKU)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(stock), nil
}

// StockCount is the result of a count.
type StockCount struct {
	OnHand int64  `json:"on_hand" doc:"Units that were counted" minimum:"0" maximum:"1000000000" example:"100"`
	Reason string `json:"reason,omitempty" doc:"Reason for the journal" maxLength:"200"`
}

// StockMove is a change of the stock.
type StockMove struct {
	Change int64  `json:"change" doc:"Units that arrived, or that left if negative" minimum:"-1000000000" maximum:"1000000000" example:"10"`
	Reason string `json:"reason,omitempty" doc:"Reason for the journal" maxLength:"200"`
}

type countInput struct {
	StockPath
	Body StockCount
}

func (r stockRoutes) count(ctx context.Context, in *countInput) (*httpapi.Answer[shop.Stock], error) {
	return r.edit(ctx, in.SKU, shop.StockEdit{OnHand: &in.Body.OnHand, Reason: in.Body.Reason})
}

type moveInput struct {
	StockPath
	Body StockMove
}

func (r stockRoutes) change(ctx context.Context, in *moveInput) (*httpapi.Answer[shop.Stock], error) {
	return r.edit(ctx, in.SKU, shop.StockEdit{Change: &in.Body.Change, Reason: in.Body.Reason})
}

func (r stockRoutes) edit(ctx context.Context, sku string, edit shop.StockEdit) (*httpapi.Answer[shop.Stock], error) {
	stock, err := r.stocks.Edit(ctx, actorOf(ctx), sku, edit)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(stock), nil
}
