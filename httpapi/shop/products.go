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

// pageCaching lets browsers and CDNs keep a product page for a moment, show an older one while they ask
// for a new one, and go on showing it for an hour while the shop is away. What must not wait that long is
// purged by its Surrogate-Key.
const pageCaching = "public, max-age=10, stale-while-revalidate=60, stale-if-error=3600"

func addProducts(s *httpapi.Server, services Services) {
	p := productRoutes{services.Catalog}
	httpapi.RegisterDocument[ProductPath, shop.Product](s, httpapi.Route{
		Method: "GET", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Get a product", Access: httpapi.Public,
		Description: "Carries an ETag, for If-None-Match here and for If-Match when it is replaced, and as Surrogate-Key the product's id and its seller's.",
		Fails:       []httpapi.Failure{{Kind: fault.Invalid, When: "The id is not one of a product."}},
	}, page(services.Pages))
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/products", Tag: tagProducts, Summary: "List products", Access: httpapi.Public,
		Description: "Newest first: those of a category, of a seller, of both, or all. A page may be short and still have a next; only one without is the last.",
	}, p.list)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/products", Tag: tagProducts, Summary: "Offer a product", Access: sellers, Status: 201,
		MaxBody:     maxProductBody,
		Description: "The product belongs to whoever offers it. It has no stock until PUT /v1/stock/{sku}.",
		Fails:       []httpapi.Failure{{Kind: fault.Conflict, Code: "sku_taken", When: "Another product has the SKU."}},
	}, p.create)
	httpapi.Register(s, httpapi.Route{
		Method: "PUT", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Replace a product", Access: sellers, Owned: true,
		MaxBody:     maxProductBody,
		Description: "Replaces what the seller wrote, as far as nobody else did so since it was read. Sales and reviews in between do not matter.",
		Fails: []httpapi.Failure{
			{Kind: fault.Denied, Code: "not_owner", When: "The product belongs to another seller."},
			{Kind: fault.Stale, When: "The product has changed since the version that If-Match names."},
			{Status: http.StatusPreconditionRequired, Code: httpapi.CodePreconditionRequired, When: "If-Match is missing."},
		},
	}, p.replace)
}

type productRoutes struct{ catalog *shop.Catalog }

// ProductPath names a product.
type ProductPath struct {
	ID string `path:"id" pattern:"^prd_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

// page answers with the bytes of a product's page.
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
	ETag     string `header:"ETag" doc:"For If-Match"`
	Location string `header:"Location" doc:"Where the product is"`
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
	IfMatch string `header:"If-Match" doc:"The ETag of the product as it was read. Without it the answer is 428" maxLength:"64" example:"\"1.0\""`
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
