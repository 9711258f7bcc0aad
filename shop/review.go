package shop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"agora/fault"
	"agora/ident"
)

const (
	maxReview = 4000 // bytes

	// LatestReviews is the number of reviews in a product's document, which are the newest ones.
	LatestReviews = 5
)

// Review is one user's review of one product.
type Review struct {
	ID        string    `json:"id" example:"rev_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	ProductID string    `json:"product_id" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	User      string    `json:"user" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Rating    int64     `json:"rating" doc:"From 1, the worst, to 5, the best" minimum:"1" maximum:"5" example:"5"`
	Text      string    `json:"text" example:"Bright enough to read by."`
	CreatedAt time.Time `json:"created_at"`

	Number int64 `json:"-"` // greater than those of reviews stored before
}

// ReviewDraft has the fields of a review that its user sets.
type ReviewDraft struct {
	Rating int64  `json:"rating" doc:"From 1, the worst, to 5, the best" minimum:"1" maximum:"5" example:"5"`
	Text   string `json:"text,omitempty" doc:"Plain text, which may have line breaks and tabs" maxLength:"4000" example:"Bright enough to read by."`
}

// Validate returns one Invalid fault that names every offending field, or nil.
func (d ReviewDraft) Validate() error {
	var c fault.Collector
	c.Check(d.Rating >= 1 && d.Rating <= 5, "rating", "is not between 1 and 5")
	checkText(&c, "text", d.Text, maxReview, lineBreaksAndTabs)
	return c.Err()
}

// ReviewPage is a page of reviews, newest first. Next is the cursor of the following page, or empty at the end.
type ReviewPage struct {
	Items []Review `json:"items"`
	Next  string   `json:"next,omitempty"`
}

// AddReview stores the actor's review of a product. It fails with the Conflict already_reviewed if the user has reviewed
// the product before.
func (c *Catalog) AddReview(ctx context.Context, actor Actor, productID string, draft ReviewDraft) (Review, error) {
	if err := draft.Validate(); err != nil {
		return Review{}, err
	}
	review := Review{
		ID: ident.New(ident.Review), ProductID: productID, User: actor.ID,
		Rating: draft.Rating, Text: strings.TrimSpace(draft.Text), CreatedAt: now(),
	}
	if err := c.store.AddReview(ctx, review); err != nil {
		return Review{}, err
	}
	c.announce(ctx, productID)
	return review, nil
}

// AddReviews stores reviews in their order, without validation, and returns how many it stored. It skips a review by a
// user who has reviewed the product before, so that an interrupted import can be repeated.
func (c *Catalog) AddReviews(ctx context.Context, reviews []Review) (added int, err error) {
	for _, review := range reviews {
		err := c.store.AddReview(ctx, review)
		if err != nil && fault.CodeOf(err) == fault.CodeOf(ErrAlreadyReviewed()) {
			continue
		}
		if err != nil {
			return added, fmt.Errorf("add review %s: %w", review.ID, err)
		}
		added++
	}
	return added, nil
}

// reviewCursor is the cursor of a list of reviews: the next page begins with the first smaller number.
type reviewCursor struct {
	Number int64 `json:"n"`
}

// Reviews returns a page of the product's reviews, newest first.
func (c *Catalog) Reviews(ctx context.Context, productID string, limit int, cursor string) (ReviewPage, error) {
	limit, err := pageSize(limit)
	if err != nil {
		return ReviewPage{}, err
	}
	scope := "reviews " + productID
	var after reviewCursor
	if given, err := decodeCursor(scope, cursor, &after); err != nil {
		return ReviewPage{}, err
	} else if given && after.Number <= 0 {
		return ReviewPage{}, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	reviews, err := c.store.Reviews(ctx, productID, after.Number, limit+1)
	if err != nil {
		return ReviewPage{}, err
	}
	page := ReviewPage{Items: append([]Review{}, reviews[:min(len(reviews), limit)]...)}
	if len(reviews) > limit {
		page.Next = encodeCursor(scope, reviewCursor{reviews[limit-1].Number})
	}
	return page, nil
}
