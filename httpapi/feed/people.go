package feed

import (
	"context"

	"agora/fault"
	"agora/feed"
	"agora/httpapi"
)

func addPeople(s *httpapi.Server, service *feed.Service) {
	r := peopleRoutes{service}
	noUser := httpapi.Failure{Kind: fault.NotFound, When: "There is no such user, or the user blocks you."}
	limit := httpapi.Failure{Kind: fault.Conflict, Code: "too_many", When: "You have reached the limit of 5000 users. Undo this for another user first."}
	for _, edge := range []struct {
		kind                         feed.EdgeKind
		name, on, off, onDoc, offDoc string
	}{
		{
			feed.Follow, "follow", "Follow a user", "Stop following a user",
			"The posts of the user, earlier ones too, are in your home timeline.",
			"No post of the user is in your home timeline any more. Following again shows them again.",
		}, {
			feed.Block, "block", "Block a user", "Stop blocking a user",
			"Neither of you sees the posts, lists and replies of the other. Follows stay, without effect.",
			"Follows have their effect again.",
		}, {
			feed.Mute, "mute", "Mute a user", "Stop muting a user",
			"The posts of the user are not in your home timeline. You see them elsewhere, and the user does not learn of it.",
			"The posts of the user are in your home timeline again, if you follow the user.",
		},
	} {
		path := "/v1/users/{id}/" + edge.name
		on := httpapi.Route{
			Method: "PUT", Path: path, Tag: tagPeople, Summary: edge.on, Access: httpapi.SignedIn,
			Description: edge.onDoc + " A repetition changes nothing.", Fails: []httpapi.Failure{noUser, limit},
		}
		httpapi.Register(s, on, r.set(edge.kind, true))
		off := httpapi.Route{
			Method: "DELETE", Path: path, Tag: tagPeople, Summary: edge.off, Access: httpapi.SignedIn,
			Description: edge.offDoc + " A repetition changes nothing.",
		}
		httpapi.Register(s, off, r.set(edge.kind, false))
	}
	hidden := " The answer is 404 if you and the user block each other, in either direction."
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/users/{id}/followers", Tag: tagPeople, Summary: "List the followers of a user", Access: httpapi.Public,
		Description: "In no particular order. A new follower appears within seconds." + hidden, Fails: []httpapi.Failure{noUser},
	}, r.followers)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/users/{id}/following", Tag: tagPeople, Summary: "List whom a user follows", Access: httpapi.Public,
		Description: "In the order of the ids." + hidden, Fails: []httpapi.Failure{noUser},
	}, r.following)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/users/{id}/posts", Tag: tagPosts, Summary: "List the posts of a user", Access: httpapi.Public,
		Description: "Newest first." + hidden, Fails: []httpapi.Failure{noUser},
	}, r.posts)
}

type peopleRoutes struct{ service *feed.Service }

// UserPath names a user.
type UserPath struct {
	ID string `path:"id" pattern:"^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

func (r peopleRoutes) names(ctx context.Context, in UserPath) (caller, user feed.UserID, err error) {
	if user, err = feed.ParseUserID(in.ID); err != nil {
		return caller, user, fault.ErrInvalid("id", "%v", err)
	}
	caller, err = callerOf(ctx)
	return caller, user, err
}

func (r peopleRoutes) set(kind feed.EdgeKind, on bool) func(context.Context, *UserPath) (*reached, error) {
	return func(ctx context.Context, in *UserPath) (*reached, error) {
		actor, user, err := r.names(ctx, *in)
		if err != nil {
			return nil, err
		}
		reach, err := r.service.Set(ctx, feed.EdgeKey{Kind: kind, From: actor, To: user}, on)
		if err != nil {
			return nil, err
		}
		return newReached(reach), nil
	}
}

type peopleInput struct {
	UserPath
	httpapi.PageQuery
}

// Person is a user in a list.
type Person struct {
	ID string `json:"id" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
}

// PersonPage is a page of a list of users.
type PersonPage struct {
	Items []Person `json:"items"`
	Next  string   `json:"next,omitempty" doc:"Cursor of the next page; the last page has none"`
}

func (r peopleRoutes) followers(ctx context.Context, in *peopleInput) (*httpapi.UncachedAnswer[PersonPage], error) {
	return r.people(ctx, in, r.service.Followers)
}

func (r peopleRoutes) following(ctx context.Context, in *peopleInput) (*httpapi.UncachedAnswer[PersonPage], error) {
	return r.people(ctx, in, r.service.Following)
}

type listOfUsers func(ctx context.Context, reader, user feed.UserID, cursor string, limit int) (feed.UserList, error)

func (r peopleRoutes) people(ctx context.Context, in *peopleInput, read listOfUsers) (*httpapi.UncachedAnswer[PersonPage], error) {
	reader, user, err := r.names(ctx, in.UserPath)
	if err != nil {
		return nil, err
	}
	list, err := read(ctx, reader, user, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	page := PersonPage{Items: make([]Person, len(list.Users)), Next: list.Next}
	for i, id := range list.Users {
		page.Items[i].ID = id.String()
	}
	return httpapi.NewUncachedAnswer(page), nil
}

// PostPage is a page of a list of posts.
type PostPage struct {
	Items []Post `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; the last page has none"`
}

func (r peopleRoutes) posts(ctx context.Context, in *peopleInput) (*httpapi.UncachedAnswer[PostPage], error) {
	reader, author, err := r.names(ctx, in.UserPath)
	if err != nil {
		return nil, err
	}
	list, err := r.service.PostsBy(ctx, reader, author, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return httpapi.NewUncachedAnswer(PostPage{Items: newPosts(ctx, r.service, list.Posts), Next: list.Next}), nil
}
