// Package accounts holds the routes of users, sessions and tokens.
package accounts

import (
	"context"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/httpapi"
)

const (
	tagAccounts = "accounts"
	maxBody     = 16 << 10
)

// AddRoutes adds the routes of users, sessions and tokens.
func AddRoutes(s *httpapi.Server, service *accounts.Service) {
	a := accountRoutes{service}
	busy := httpapi.Failure{Kind: fault.Unavailable, Code: "sign_in_busy", When: "Too many people are signing in. Retry after Retry-After."}
	roleChanged := httpapi.Failure{Kind: fault.Conflict, Code: "role_changed", When: "The role of the user was changed during the request. Try again."}
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/users", Tag: tagAccounts, Summary: "Register", Access: httpapi.Public, Status: 201,
		MaxBody: maxBody,
		Fails: []httpapi.Failure{
			busy, {Kind: fault.Conflict, Code: "email_taken", When: "Another user has the e-mail address."},
		},
	}, a.register)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/sessions", Tag: tagAccounts, Summary: "Sign in", Access: httpapi.Public, Status: 201,
		MaxBody:     maxBody,
		Description: "Returns a token. Send it as Authorization: Bearer on routes that are not public.",
		Fails: []httpapi.Failure{
			busy, roleChanged, {Kind: fault.Unauthenticated, Code: "invalid_credentials", When: "The e-mail address or the password is wrong."},
		},
	}, a.signIn)
	httpapi.Register(s, httpapi.Route{
		Method: "DELETE", Path: "/v1/sessions", Tag: tagAccounts, Summary: "Sign out", Access: httpapi.AnyToken,
		Description: "Ends the session of the request's token. The token is not valid afterwards.",
	}, a.signOut)
	httpapi.Register(s, httpapi.Route{
		Method: "GET", Path: "/v1/me", Tag: tagAccounts, Summary: "Get your own profile", Access: httpapi.SignedIn,
	}, a.me)
	httpapi.Register(s, httpapi.Route{
		Method: "POST", Path: "/v1/tokens", Tag: tagAccounts, Summary: "Issue a token", Access: httpapi.Roles(accounts.Admin), Status: 201,
		MaxBody:     maxBody,
		Description: "Opens a session for a program, without a password.",
		Fails:       []httpapi.Failure{roleChanged, {Kind: fault.NotFound, When: "There is no such user."}},
	}, a.issue)
}

type accountRoutes struct{ service *accounts.Service }

// Credential is a token with its session.
type Credential struct {
	Token     string        `json:"token" doc:"Only this answer has it: the server stores its hash" example:"agora_…"`
	ExpiresAt time.Time     `json:"expires_at"`
	UserID    string        `json:"user_id" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Role      accounts.Role `json:"role" doc:"What the token may do" enum:"shopper,seller,admin,metrics"`
}

func newCredential(c accounts.Credential) Credential {
	return Credential{Token: c.Token, ExpiresAt: c.Session.ExpiresAt, UserID: c.Session.UserID, Role: c.Session.Role}
}

func (a accountRoutes) register(ctx context.Context, in *struct{ Body accounts.Registration }) (*httpapi.UncachedAnswer[accounts.User], error) {
	user, err := a.service.Register(ctx, httpapi.AddressOf(ctx), in.Body)
	if err != nil {
		return nil, err
	}
	return httpapi.NewUncachedAnswer(user), nil
}

type signInInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"254" example:"reader@example.org"`
		Password string `json:"password" maxLength:"256" example:"correct horse battery"`
	}
}

func (a accountRoutes) signIn(ctx context.Context, in *signInInput) (*httpapi.UncachedAnswer[Credential], error) {
	credential, err := a.service.SignIn(ctx, httpapi.AddressOf(ctx), in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return httpapi.NewUncachedAnswer(newCredential(credential)), nil
}

func (a accountRoutes) signOut(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, a.service.SignOut(ctx, httpapi.TokenOf(ctx))
}

// Profile is what users can read about themselves.
type Profile struct {
	accounts.User
	Email     string `json:"email,omitempty" example:"reader@example.org"`
	Address   string `json:"address,omitempty"`
	BirthDate string `json:"birth_date,omitempty" example:"1990-12-31"`
}

func (a accountRoutes) me(ctx context.Context, _ *struct{}) (*httpapi.Answer[Profile], error) {
	p, err := a.service.Me(ctx, httpapi.PrincipalOf(ctx))
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(Profile{
		User: p.User, Email: p.Personal.Email, Address: p.Personal.Address, BirthDate: p.Personal.BirthDate,
	}), nil
}

type issueInput struct {
	Body struct {
		UserID string        `json:"user_id,omitempty" doc:"User of the token; you, if it is missing" maxLength:"64"`
		Role   accounts.Role `json:"role,omitempty" doc:"Role of the token, which cannot exceed the user's role; the user's role, if it is missing" enum:"shopper,seller,admin,metrics" example:"admin"`
		TTL    int64         `json:"ttl,omitempty" doc:"Lifetime in seconds; 30 days, if it is missing" minimum:"1" maximum:"315360000" example:"86400"`
		Note   string        `json:"note,omitempty" doc:"Purpose of the token" maxLength:"200" example:"nightly import"`
	}
}

func (a accountRoutes) issue(ctx context.Context, in *issueInput) (*httpapi.Answer[Credential], error) {
	credential, err := a.service.IssueToken(ctx, httpapi.PrincipalOf(ctx), accounts.Grant{
		UserID: in.Body.UserID, Role: in.Body.Role, TTL: time.Duration(in.Body.TTL) * time.Second, Note: in.Body.Note,
	})
	if err != nil {
		return nil, err
	}
	return httpapi.NewAnswer(newCredential(credential)), nil
}
