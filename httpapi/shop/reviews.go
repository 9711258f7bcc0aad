package shop

import (
	"context"

	"agora/fault"
	"agora/httpapi"
	"agora/shop"
)

const maxReviewBody = 64 << 10

func addReviews(s *httpapi.Server, services Services) {
	r := reviewRoutes{services.Catalog}
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/products/{id}/reviews", Tag: tagProducts, Summary: "List the reviews of a product", Access: httpapi.Public,
		Description: "Newest first.",
	}, r.list)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/products/{id}/reviews", Tag: tagProducts, Summary: "Review a product", Access: httpapi.SignedIn, Status: 201,
		MaxBody:     maxReviewBody,
		Description: "A user can review a product once.",
		Fails:       []httpapi.Failure{{Kind: fault.Conflict, Code: "already_reviewed", When: "You have already reviewed the product."}},
	}, r.add)
}

type reviewRoutes struct{ catalog *shop.Catalog }

type reviewsInput struct {
	ProductPath
	httpapi.PageQuery
}

func (r reviewRoutes) list(ctx context.Context, in *reviewsInput) (*httpapi.Answer[shop.ReviewPage], error) {
	reviews, err := r.catalog.Reviews(ctx, in.ID, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(reviews), nil
}

type reviewInput struct {
	ProductPath
	Body shop.ReviewDraft
}

func (r reviewRoutes) add(ctx context.Context, in *reviewInput) (*httpapi.Answer[shop.Review], error) {
	review, err := r.catalog.AddReview(ctx, actorOf(ctx), in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(review), nil
}
