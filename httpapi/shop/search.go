package shop

import (
	"context"

	"agora/httpapi"
	"agora/shop"
)

func addSearch(s *httpapi.Server, services Services) {
	r := searchRoutes{services.Catalog}
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/search/products", Tag: tagProducts, Summary: "Search products", Access: httpapi.Public,
		Description: "Every parameter narrows the result. A page may be short and still have a next; only one without is the last. There are no totals.",
	}, r.search)
}

type searchRoutes struct{ catalog *shop.Catalog }

type searchInput struct {
	Text       string            `query:"q" doc:"Words that all have to be there; the last may be the beginning of one" maxLength:"200" example:"lamp"`
	Category   string            `query:"category" doc:"Slug such as home-decor" maxLength:"64"`
	Seller     string            `query:"seller" doc:"Identifier of the seller" maxLength:"64"`
	Attributes map[string]string `query:"attributes,deepObject" doc:"Attributes that the product has to have: attributes[color]=red"`
	Currency   string            `query:"currency" doc:"ISO 4217 code; needed with a range or an order of prices" minLength:"3" maxLength:"3"`
	MinPrice   int64             `query:"price_min" doc:"Minor units, inclusive" minimum:"0"`
	MaxPrice   int64             `query:"price_max" doc:"Minor units, inclusive; 0 is no bound" minimum:"0"`
	InStock    bool              `query:"in_stock" doc:"Only what is for sale now"`
	Sort       shop.Sort         `query:"sort" doc:"By relevance if there are words, else newest, without it" enum:"relevance,newest,price_asc,price_desc"`
	Facets     bool              `query:"facets" doc:"Count categories, attributes and prices over the newest that fulfil the query"`
	httpapi.PageQuery
}

func (r searchRoutes) search(ctx context.Context, in *searchInput) (*httpapi.Answer[shop.SearchPage], error) {
	found, err := r.catalog.Search(ctx, shop.SearchQuery{
		Text: in.Text, Category: in.Category, Seller: in.Seller, Attributes: in.Attributes, Currency: in.Currency,
		MinPrice: in.MinPrice, MaxPrice: in.MaxPrice, InStock: in.InStock, Sort: in.Sort, Facets: in.Facets,
		Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(found), nil
}
