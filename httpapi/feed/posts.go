package feed

import (
	"context"
	"time"

	"agora/fault"
	"agora/feed"
	"agora/httpapi"
)

func addPosts(s *httpapi.Server, service *feed.Service) {
	r := postRoutes{service}
	notYours := httpapi.Failure{Kind: fault.Denied, Code: "not_your_post", When: "The post belongs to somebody else."}
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/posts", Tag: tagPosts, Summary: "Publish a post", Access: httpapi.SignedIn, Status: 201, MaxBody: maxBody,
		Description: "The post is in the home timelines of all followers when the answer is sent. A request with an Idempotency-Key can be repeated until there is an answer, and publishes one post.",
		Fails: []httpapi.Failure{
			{Kind: fault.Exhausted, Code: "too_many_posts", When: "You post too often. Retry after Retry-After."},
			{Kind: fault.Invalid, Code: feed.CodeKeyReused, When: "The Idempotency-Key was used for another request."},
			{Kind: fault.NotFound, When: "The post of the first request with the Idempotency-Key was deleted."},
		},
	}, r.publish)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/posts/{id}", Tag: tagPosts, Summary: "Get a post", Access: httpapi.Public,
		Description: "The answer is 404 if you and the author block each other, in either direction.",
	}, r.get)
	httpapi.Register(s, httpapi.Route{
		Method: "DELETE", Path: "/v1/posts/{id}", Tag: tagPosts, Summary: "Delete a post", Access: httpapi.SignedIn, Owned: true,
		Description: "Its author and admins delete a post. Its text is deleted from the store at once, and from the log when the retention of the log ends.",
		Fails:       []httpapi.Failure{notYours},
	}, r.delete)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/posts/{id}/delivery", Tag: tagPosts, Summary: "See how far a post has come", Access: httpapi.SignedIn, Owned: true,
		Description: "For its author and admins. Readers see the post in any case: delivery moves it into their timelines, which makes later reads cheap.",
		Fails:       []httpapi.Failure{notYours},
	}, r.delivery)
}

type postRoutes struct{ service *feed.Service }

// PostPath names a post.
type PostPath struct {
	ID string `path:"id" pattern:"^pst_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"pst_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

// PostDraft is a post as its author sends it.
type PostDraft struct {
	Text    string   `json:"text" doc:"Text of up to 1000 characters" minLength:"1" maxLength:"1000" example:"The lamp is back in stock."`
	Product string   `json:"product_id,omitempty" doc:"Product that the post is about" maxLength:"64"`
	ReplyTo string   `json:"reply_to,omitempty" doc:"Post that this one answers" maxLength:"64"`
	Media   []string `json:"media,omitempty" doc:"URLs of pictures or films" maxItems:"4"`
}

// Post is a post as readers get it.
type Post struct {
	ID        string       `json:"id" example:"pst_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Author    string       `json:"author" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Text      string       `json:"text" example:"The lamp is back in stock."`
	Product   *PostProduct `json:"product,omitempty"`
	ReplyTo   string       `json:"reply_to,omitempty" doc:"Post that this one answers; it may be deleted"`
	Media     []string     `json:"media,omitempty"`
	CreatedAt time.Time    `json:"created_at"`
}

// PostProduct is the product of a post as it is now.
type PostProduct struct {
	ID    string     `json:"id" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	State string     `json:"state" doc:"gone: the product does not exist any more; unknown: the catalogue cannot be read now" enum:"live,gone,unknown" example:"live"`
	Name  string     `json:"name,omitempty" example:"Desk lamp"`
	Image string     `json:"image,omitempty"`
	Price *PostPrice `json:"price,omitempty" doc:"Of a product that is live"`
	Stock *int64     `json:"stock,omitempty" doc:"Units for sale; of a product that is live" example:"100"`
}

// PostPrice is the price of a product.
type PostPrice struct {
	Amount   int64  `json:"amount" doc:"Amount in the currency's minor unit" example:"1999"`
	Currency string `json:"currency" doc:"ISO 4217 code" example:"USD"`
}

// newPosts returns posts with their products as they are now.
func newPosts(ctx context.Context, service *feed.Service, posts []feed.Post) []Post {
	products, known := service.ProductsOf(ctx, posts...)
	made := make([]Post, len(posts))
	for i := range posts {
		made[i] = newPost(&posts[i], products, known)
	}
	return made
}

// newPost returns a post with its product, if that is among the products, which are not known if the catalogue cannot be read.
func newPost(p *feed.Post, products map[string]feed.Product, known bool) Post {
	made := Post{ID: p.ID.String(), Author: p.Author.String(), Text: p.Text, Media: p.Media, CreatedAt: p.CreatedAt}
	if p.ReplyTo != (feed.PostID{}) {
		made.ReplyTo = p.ReplyTo.String()
	}
	if p.Product != "" {
		made.Product = newPostProduct(p.Product, products, known)
	}
	return made
}

// appendPosts appends posts as JSON, with commas between them. A post without a product is encoded once for all readers.
func appendPosts(ctx context.Context, to []byte, service *feed.Service, posts []feed.Post) ([]byte, error) {
	products, known := service.ProductsOf(ctx, posts...)
	for i := range posts {
		p := &posts[i]
		if i > 0 {
			to = append(to, ',')
		}
		encoded := p.Form.Encoded()
		if encoded == nil {
			var err error
			if encoded, err = httpapi.EncodeJSON(newPost(p, products, known)); err != nil {
				return nil, err
			}
			if p.Product == "" {
				p.Form.Keep(encoded)
			}
		}
		to = append(to, encoded...)
	}
	return to, nil
}

func newPostProduct(id string, products map[string]feed.Product, known bool) *PostProduct {
	product, ok := products[id]
	switch {
	case !known:
		return &PostProduct{ID: id, State: "unknown"}
	case !ok:
		return &PostProduct{ID: id, State: "gone"}
	}
	return &PostProduct{
		ID: id, State: "live", Name: product.Name, Image: product.Image,
		Price: &PostPrice{product.Price.Amount, product.Price.Currency}, Stock: &product.Stock,
	}
}

type publishInput struct {
	Key  string `header:"Idempotency-Key" doc:"Identifies the request among yours, such as a UUID" maxLength:"255"`
	Body PostDraft
}

// PublishedPost is a post, and the position from which readers see it.
type PublishedPost struct {
	Post
	AsOf string `json:"as_of" doc:"A page that is read with this as its after shows the post"`
}

type publishAnswer struct {
	Location string `header:"Location" doc:"Path of the post"`
	AsOf     string `header:"Agora-As-Of" doc:"A page that is read with this as its after shows the post"`
	Body     PublishedPost
}

func (r postRoutes) publish(ctx context.Context, in *publishInput) (*publishAnswer, error) {
	author, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	draft := feed.NewPost{Text: in.Body.Text, Product: in.Body.Product, Media: in.Body.Media}
	if in.Body.ReplyTo != "" {
		if draft.ReplyTo, err = feed.ParsePostID(in.Body.ReplyTo); err != nil {
			return nil, fault.ErrInvalid("reply_to", "%v", err)
		}
	}
	post, reach, err := r.service.Post(ctx, author, draft, in.Key)
	if err != nil {
		return nil, err
	}
	made := newPosts(ctx, r.service, []feed.Post{post})[0]
	asOf := reach.Encode()
	return &publishAnswer{Location: "/v1/posts/" + made.ID, AsOf: asOf, Body: PublishedPost{made, asOf}}, nil
}

func (r postRoutes) get(ctx context.Context, in *PostPath) (*httpapi.UncachedAnswer[Post], error) {
	reader, id, err := r.names(ctx, in)
	if err != nil {
		return nil, err
	}
	post, err := r.service.Get(ctx, reader, id)
	if err != nil {
		return nil, err
	}
	return httpapi.NewUncachedAnswer(newPosts(ctx, r.service, []feed.Post{post})[0]), nil
}

func (r postRoutes) names(ctx context.Context, in *PostPath) (caller feed.UserID, id feed.PostID, err error) {
	if id, err = feed.ParsePostID(in.ID); err != nil {
		return caller, id, fault.ErrInvalid("id", "%v", err)
	}
	caller, err = callerOf(ctx)
	return caller, id, err
}

func (r postRoutes) delete(ctx context.Context, in *PostPath) (*reached, error) {
	actor, id, err := r.names(ctx, in)
	if err != nil {
		return nil, err
	}
	reach, err := r.service.Delete(ctx, actor, isAdmin(ctx), id)
	if err != nil {
		return nil, err
	}
	return newReached(reach), nil
}

// Delivery says how far a post has come.
type Delivery struct {
	Mode      feed.Strategy `json:"mode" doc:"push: the post is written into timelines; pull: readers get it from its author" enum:"push,pull"`
	Followers int64         `json:"followers" doc:"Followers of the author" example:"120"`
	Delivered int64         `json:"delivered" doc:"Followers whose timelines have the post, or do not need it" example:"120"`
	LagMS     int64         `json:"lag_ms" doc:"Age in milliseconds of a post that is not delivered to all; 0 for any other" example:"0"`
}

func (r postRoutes) delivery(ctx context.Context, in *PostPath) (*httpapi.Answer[Delivery], error) {
	actor, id, err := r.names(ctx, in)
	if err != nil {
		return nil, err
	}
	d, err := r.service.Delivery(ctx, actor, isAdmin(ctx), id)
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(Delivery{d.Mode, d.Followers, d.Delivered, d.Lag.Milliseconds()}), nil
}
