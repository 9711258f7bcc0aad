package feed

import (
	"context"
	"fmt"

	"agora/feed"
	"agora/httpapi"
)

func addHome(s *httpapi.Server, service *feed.Service) {
	r := homeRoutes{service}
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/feed", Tag: tagFeed, Summary: "Read your home timeline", Access: httpapi.SignedIn,
		Description: "Your posts and those of whom you follow, newest first. A page without next is the last one. All pages of a walk show the posts up to the moment of the first one, without what you have unfollowed, muted or blocked since, and without what was deleted since. Your own writes are on the pages that are read from the same server after their answers, and with after on those of every server.",
		Fails:       []httpapi.Failure{late, changed},
	}, r.page)
}

type homeRoutes struct{ service *feed.Service }

type homeInput struct {
	Limit  int    `query:"limit" doc:"Most items of the page" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" doc:"The next of the previous page" maxLength:"512"`
	After  string `query:"after" doc:"Agora-As-Of of a write, or as_of of a page: this page is at least as new. The server waits for up to a second" maxLength:"1024"`
}

// HomePage is a page of a home timeline.
type HomePage struct {
	Items []Post    `json:"items"`
	Next  string    `json:"next,omitempty" doc:"Cursor of the next page; the last page has none"`
	Feed  FeedState `json:"feed"`
}

// FeedState says how complete a page is.
type FeedState struct {
	State   feed.State `json:"state" doc:"complete: the page lacks nothing; rebuilding: too many pages are pulled at once, and next begins the walk again; lossy: authors were left out" enum:"complete,rebuilding,lossy"`
	Skipped int        `json:"skipped" doc:"How many authors were left out, because too many would have to be read one by one"`
	Trimmed bool       `json:"trimmed" doc:"Whether the page is older than your stored timeline, so that each author was read"`
	LagMS   int64      `json:"lag_ms" doc:"How long the newest record took from the log to this server, in milliseconds"`
	AsOf    string     `json:"as_of" doc:"What the page is complete of. An after of later pages"`
	Live    string     `json:"live" doc:"Continues the first page of a walk as a stream: GET /v1/feed/stream?live="`
}

func (r homeRoutes) page(ctx context.Context, in *homeInput) (*httpapi.Answer[httpapi.Encoded[HomePage]], error) {
	user, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	page, err := r.service.Home(ctx, user, feed.HomeQuery{Cursor: in.Cursor, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	encoded, err := r.encode(ctx, page.Posts, HomePage{
		Next: page.Next.Encode(),
		Feed: FeedState{
			State: page.State, Skipped: page.Skipped, Trimmed: page.Trimmed, LagMS: page.Lag.Milliseconds(), AsOf: page.AsOf.Encode(),
			Live: page.AsOf.Live(r.service.Shape, user).Encode(),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a page: %w", err)
	}
	return httpapi.NewEncodedAnswer[HomePage](encoded), nil
}

// encode returns a page with the posts as its items. Most of them are encoded already.
func (r homeRoutes) encode(ctx context.Context, posts []feed.Post, page HomePage) ([]byte, error) {
	const begin = `{"items":[`
	empty, err := httpapi.EncodeJSON(page)
	if err != nil {
		return nil, err
	}
	made := append(make([]byte, 0, len(empty)+len(posts)*postSize), begin...)
	if made, err = appendPosts(ctx, made, r.service, posts); err != nil {
		return nil, err
	}
	return append(made, empty[len(begin):]...), nil
}

// postSize is about how long an encoded post is.
const postSize = 256
