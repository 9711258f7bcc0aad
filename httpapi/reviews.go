package httpapi

import (
	"context"

	"agora/fault"
	"agora/shop"
)

func addReviews(s *Server, services Shop) {
	r := reviewRoutes{services.Catalog}
	Register(s, Route{
		Method: "GET", Path: "/v1/products/{id}/reviews", Tag: tagProducts, Summary: "List the reviews of a product", Access: Public,
		Description: "Newest first.",
	}, r.list)
	Register(s, Route{
		Method: "POST", Path: "/v1/products/{id}/reviews", Tag: tagProducts, Summary: "Review a product", Access: SignedIn, Status: 201,
		Description: "Once for each user and product.",
		Fails:       []Failure{{Kind: fault.Conflict, Code: "already_reviewed", When: "You have reviewed the product before."}},
	}, r.add)
}

type reviewRoutes struct{ catalog *shop.Catalog }

type reviewsInput struct {
	ProductPath
	PageQuery
}

func (r reviewRoutes) list(ctx context.Context, in *reviewsInput) (*answerOf[shop.ReviewPage], error) {
	reviews, err := r.catalog.Reviews(ctx, in.ID, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	return &answerOf[shop.ReviewPage]{reviews}, nil
}

type reviewInput struct {
	ProductPath
	Body shop.ReviewDraft
}

func (r reviewRoutes) add(ctx context.Context, in *reviewInput) (*answerOf[shop.Review], error) {
	review, err := r.catalog.AddReview(ctx, actorOf(ctx), in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	return &answerOf[shop.Review]{review}, nil
}
