package main

import (
	"context"
	"time"

	"agora/accounts"
	"agora/app"
)

type tokenCommand struct {
	folder
	Role string        `enum:"shopper,seller,admin,metrics" required:"" help:"What the token may do: shopper, seller, admin, or metrics, which may only read /metrics."`
	User string        `placeholder:"ID" help:"Whose token it is, such as usr_…. Without it the token is the data folder's admin, acting in the role."`
	TTL  time.Duration `default:"720h" help:"How long the token is valid."`
	Note string        `placeholder:"TEXT" help:"What the token is for, kept beside it."`
}

// Help implements kong.HelpProvider.
func (tokenCommand) Help() string {
	return `It prints a new token for the API to standard output, and nothing else. It works on the data folder,
whether or not a server runs on it: whoever may read the folder may do everything already.

Only the hash of a token is kept, so a token that was lost cannot be shown again. To end those of the data folder's
admin, delete the file admin.token, or empty it where servers share users and sessions, and start the server again.

Examples:

    agora token --role admin
    agora token --role seller --user usr_01jd8q6m3k9v2n4x7y5z8w1t0c --ttl 24h --note "price import"
    curl -H "Authorization: Bearer $(agora token --role shopper)" http://127.0.0.1:8080/v1/me`
}

// Run prints a token.
func (c tokenCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.IssueToken(ctx, cfg, app.TokenRequest{
		Role: accounts.Role(c.Role), UserID: c.User, TTL: c.TTL, Note: c.Note,
	}, std.out)
}
