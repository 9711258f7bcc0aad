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
		Description: "All conditions have to hold. A page without next is the last one; a page with next may have fewer items than limit. There are no totals.",
	}, r.search)
}

type searchRoutes struct{ catalog *shop.Catalog }

type searchInput struct {
	Text       string            `query:"q" doc:"Words that the product has to contain; the last one may be the beginning of a word" maxLength:"200" example:"lamp"`
	Category   string            `query:"category" doc:"Slug such as home-decor" maxLength:"64"`
	Seller     string            `query:"seller" doc:"Identifier of the seller" maxLength:"64"`
	Attributes map[string]string `query:"attributes,deepObject" doc:"Attributes of the product, such as attributes[color]=red"`
	Currency   string            `query:"currency" doc:"ISO 4217 code; required with price_min, price_max and a sort by price" minLength:"3" maxLength:"3"`
	MinPrice   int64             `query:"price_min" doc:"Minor units, inclusive" minimum:"0"`
	MaxPrice   int64             `query:"price_max" doc:"Minor units, inclusive; 0 for no bound" minimum:"0"`
	InStock    bool              `query:"in_stock" doc:"Only products that are in stock"`
	Sort       shop.Sort         `query:"sort" doc:"Order; if it is missing, relevance with words and newest without" enum:"relevance,newest,price_asc,price_desc"`
	Facets     bool              `query:"facets" doc:"Count categories, attributes and prices of the newest products found"`
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
