// Package feed holds the routes of posts, of who follows whom, and of home timelines.
package feed

import (
	"context"

	"agora/accounts"
	"agora/fault"
	"agora/feed"
	"agora/httpapi"
)

const (
	tagPosts  = "posts"
	tagPeople = "people"
	tagFeed   = "feed"
	maxBody   = 16 << 10
)

// AddRoutes adds the routes of posts, of who follows whom, and of home timelines.
func AddRoutes(s *httpapi.Server, n *feed.Node) {
	addPosts(s, n.Service)
	addPeople(s, n.Service)
	addHome(s, n.Service)
	addStream(s, n)
}

// callerOf returns the user who makes the request, or feed.Visitor.
func callerOf(ctx context.Context) (feed.UserID, error) {
	p := httpapi.PrincipalOf(ctx)
	if !p.Known() {
		return feed.Visitor, nil
	}
	return feed.ParseUserID(p.UserID)
}

func isAdmin(ctx context.Context) bool { return httpapi.PrincipalOf(ctx).Is(accounts.Admin) }

// reached is the answer of a write without a body.
type reached struct {
	AsOf string `header:"Agora-As-Of" doc:"A page that is read with this as its after shows the change"`
}

func newReached(reach feed.Reach) *reached { return &reached{reach.Encode()} }

// late is the failure of a server that has not read what the request asks for.
var late = httpapi.Failure{Kind: fault.Unavailable, Code: "feed_late", When: "The server has not yet read what after or the cursor asks for. Retry after Retry-After."}

// changed is the failure of a token of a log that was replaced.
var changed = httpapi.Failure{Kind: fault.Gone, Code: feed.CodeChanged, When: "The log was replaced after the cursor or after was made. Begin the walk again."}
