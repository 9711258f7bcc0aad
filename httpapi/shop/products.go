package shop

import (
	"context"
	"net/http"

	"agora/fault"
	"agora/httpapi"
	"agora/shop"
)

const (
	tagProducts    = "products"
	maxProductBody = 128 << 10
)

// pageCaching lets browsers and CDNs cache a product page for 10 s, serve it for another minute while they fetch a new one, and
// serve it for an hour while the shop does not answer. CDNs purge it by its Surrogate-Key when the product changes.
const pageCaching = "public, max-age=10, stale-while-revalidate=60, stale-if-error=3600"

func addProducts(s *httpapi.Server, services Services) {
	p := productRoutes{services.Catalog}
	httpapi.RegisterDocument[ProductPath, shop.Product](s, httpapi.Route{
		Method: "GET", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Get a product", Access: httpapi.Public,
		Description: "ETag is for If-None-Match here, and for If-Match when the product is replaced. Surrogate-Key has the ids of the product and of its seller.",
		Fails:       []httpapi.Failure{{Kind: fault.Invalid, When: "The id is not that of a product."}},
	}, page(services.Pages))
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/products", Tag: tagProducts, Summary: "List products", Access: httpapi.Public,
		Description: "Newest first, of a category, of a seller, of both, or all. A page without next is the last one; a page with next may have fewer items than limit.",
	}, p.list)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/products", Tag: tagProducts, Summary: "Offer a product", Access: sellers, Status: 201,
		MaxBody:     maxProductBody,
		Description: "The caller becomes the seller of the product. The product has no stock until PUT /v1/stock/{sku}.",
		Fails:       []httpapi.Failure{{Kind: fault.Conflict, Code: "sku_taken", When: "Another product has the SKU."}},
	}, p.create)
	httpapi.Register(s, httpapi.Route{
		Method: "PUT", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Replace a product", Access: sellers, Owned: true,
		MaxBody:     maxProductBody,
		Description: "Replaces the product data of the seller, unless they were changed after the version of If-Match. Sales and reviews are no such change.",
		Fails: []httpapi.Failure{
			{Kind: fault.Denied, Code: "not_owner", When: "The product belongs to another seller."},
			{Kind: fault.Stale, When: "The product was changed after the version of If-Match."},
			{Status: http.StatusPreconditionRequired, Code: httpapi.CodePreconditionRequired, When: "If-Match is missing."},
		},
	}, p.replace)
}

type productRoutes struct{ catalog *shop.Catalog }

// ProductPath names a product.
type ProductPath struct {
	ID string `path:"id" pattern:"^prd_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

// page returns the handler of a product page.
func page(pages *shop.Pages) func(*http.Request) (httpapi.Document, error) {
	return func(r *http.Request) (httpapi.Document, error) {
		p, err := pages.Page(r.Context(), r.PathValue("id"))
		if err != nil {
			return httpapi.Document{}, err
		}
		return httpapi.Document{Body: p.Document, ETag: p.ETag, CacheControl: pageCaching, SurrogateKey: p.Keys}, nil
	}
}

type listInput struct {
	Category string `query:"category" doc:"Slug such as home-decor" maxLength:"64"`
	Seller   string `query:"seller" doc:"Identifier of the seller" maxLength:"64"`
	httpapi.PageQuery
}

func (p productRoutes) list(ctx context.Context, in *listInput) (*httpapi.Answer[shop.SearchPage], error) {
	found, err := p.catalog.List(ctx, shop.ProductList{
		Category: in.Category, Seller: in.Seller, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(found), nil
}

type productAnswer struct {
	ETag     string `header:"ETag" doc:"Version of the product, for If-Match"`
	Location string `header:"Location" doc:"Path of the product"`
	Body     shop.Product
}

func newProductAnswer(p shop.Product) *productAnswer {
	return &productAnswer{ETag: p.ETag(), Location: "/v1/products/" + p.ID, Body: p}
}

func (p productRoutes) create(ctx context.Context, in *struct{ Body shop.ProductDraft }) (*productAnswer, error) {
	product, err := p.catalog.Create(ctx, actorOf(ctx), in.Body)
	if err != nil {
		return nil, err
	}
	return newProductAnswer(product), nil
}

type replaceInput struct {
	ProductPath
	IfMatch string `header:"If-Match" doc:"The ETag of the version that was read. If it is missing, the answer is 428" maxLength:"64" example:"\"1.0\""`
	Body    shop.ProductDraft
}

func (p productRoutes) replace(ctx context.Context, in *replaceInput) (*productAnswer, error) {
	if in.IfMatch == "" {
		return nil, httpapi.ErrPreconditionRequired(ctx, "If-Match", "send the ETag of the product that you read as If-Match")
	}
	version, err := shop.VersionOf(httpapi.PlainETag(in.IfMatch))
	if err != nil {
		return nil, err
	}
	product, err := p.catalog.Replace(ctx, actorOf(ctx), in.ID, version, in.Body)
	if err != nil {
		return nil, err
	}
	return newProductAnswer(product), nil
}
