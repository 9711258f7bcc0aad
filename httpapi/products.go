package httpapi

import (
	"context"
	"net/http"
	"strings"

	"agora/fault"
	"agora/shop"
)

const tagProducts = "products"

// pageCaching lets browsers and CDNs keep a product page for a moment, show an older one while they ask
// for a new one, and go on showing it for an hour while the shop is away. What must not wait that long is
// purged by its Surrogate-Key.
const pageCaching = "public, max-age=10, stale-while-revalidate=60, stale-if-error=3600"

func addProducts(s *Server, services Shop) {
	p := productRoutes{services.Catalog}
	RegisterDocument[ProductPath, shop.Product](s, Route{
		Method: "GET", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Get a product", Access: Public,
		Description: "Carries an ETag, for If-None-Match here and for If-Match when it is replaced, and as Surrogate-Key the product's id and its seller's.",
		Fails:       []Failure{{Kind: fault.Invalid, When: "The id is not one of a product."}},
	}, page(services.Pages))
	Register(s, Route{
		Method: "GET", Path: "/v1/products", Tag: tagProducts, Summary: "List products", Access: Public,
		Description: "Newest first: those of a category, of a seller, of both, or all. A page may be short and still have a next; only one without is the last.",
	}, p.list)
	Register(s, Route{
		Method: "POST", Path: "/v1/products", Tag: tagProducts, Summary: "Offer a product", Access: sellers, Status: 201,
		Description: "The product belongs to whoever offers it. It has no stock until PUT /v1/stock/{sku}.",
		Fails:       []Failure{{Kind: fault.Conflict, Code: "sku_taken", When: "Another product has the SKU."}},
	}, p.create)
	Register(s, Route{
		Method: "PUT", Path: "/v1/products/{id}", Tag: tagProducts, Summary: "Replace a product", Access: sellers, Owned: true,
		Description: "Replaces what the seller wrote, as far as nobody else did so since it was read. Sales and reviews in between do not matter.",
		Fails: []Failure{
			{Kind: fault.Denied, Code: "not_owner", When: "The product belongs to another seller."},
			{Kind: fault.Stale, When: "The product has changed since the version that If-Match names."},
			{Status: http.StatusPreconditionRequired, Code: codes[http.StatusPreconditionRequired], When: "If-Match is missing."},
		},
	}, p.replace)
}

type productRoutes struct{ catalog *shop.Catalog }

// ProductPath names a product.
type ProductPath struct {
	ID string `path:"id" pattern:"^prd_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

// page answers with the bytes of a product's page.
func page(pages *shop.Pages) func(*http.Request) (Document, error) {
	return func(r *http.Request) (Document, error) {
		p, err := pages.Page(r.Context(), r.PathValue("id"))
		if err != nil {
			return Document{}, err
		}
		return Document{Body: p.Document, ETag: p.ETag, CacheControl: pageCaching, SurrogateKey: p.Keys}, nil
	}
}

type listInput struct {
	Category string `query:"category" doc:"Slug such as home-decor" maxLength:"64"`
	Seller   string `query:"seller" doc:"Identifier of the seller" maxLength:"64"`
	PageQuery
}

func (p productRoutes) list(ctx context.Context, in *listInput) (*answerOf[shop.SearchPage], error) {
	found, err := p.catalog.List(ctx, shop.ProductList{
		Category: in.Category, Seller: in.Seller, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return &answerOf[shop.SearchPage]{found}, nil
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
		return nil, newProblem(exchangeOf(ctx), http.StatusPreconditionRequired, "",
			"send the ETag of the product that you read as If-Match", fault.Field{Name: "If-Match", Message: "is missing"})
	}
	version, err := shop.VersionOf(uncompressed(in.IfMatch))
	if err != nil {
		return nil, err
	}
	product, err := p.catalog.Replace(ctx, actorOf(ctx), in.ID, version, in.Body)
	if err != nil {
		return nil, err
	}
	return newProductAnswer(product), nil
}

// uncompressed returns the entity tag of the answer that was compressed under the given one, see compressed.
func uncompressed(etag string) string {
	if plain, ok := strings.CutSuffix(etag, gzipSuffix+`"`); ok {
		return plain + `"`
	}
	return etag
}
