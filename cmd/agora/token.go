package main

import (
	"context"
	"time"

	"agora/accounts"
	"agora/app"
)

type tokenCommand struct {
	folder
	Role string        `enum:"shopper,seller,admin,metrics" required:"" help:"Role of the token: shopper, seller, admin, or metrics, which may only read /metrics."`
	User string        `placeholder:"ID" help:"Id of the token's owner, such as usr_…. Without it, the owner is the admin of the data folder."`
	TTL  time.Duration `default:"720h" help:"Lifetime of the token."`
	Note string        `placeholder:"TEXT" help:"Purpose of the token, stored with it."`
}

// Help implements kong.HelpProvider.
func (tokenCommand) Help() string {
	return `It prints a new token to standard output, and nothing else. It works on the data folder, even while a server
runs on it. It asks for no password, because whoever can read the folder can read everything in it anyway.

Only the hash of a token is stored, so a lost token cannot be printed again. To revoke the tokens of the data
folder's admin, delete the file admin.token and restart the server. If several servers share users and sessions,
empty the file instead.

Examples:

    agora token --role admin
    agora token --role seller --user usr_01jd8q6m3k9v2n4x7y5z8w1t0c --ttl 24h --note "price import"
    curl -H "Authorization: Bearer $(agora token --role shopper)" http://127.0.0.1:8080/v1/me`
}

// Run prints a new token.
func (c tokenCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.IssueToken(ctx, cfg, app.TokenRequest{
		Role: accounts.Role(c.Role), UserID: c.User, TTL: c.TTL, Note: c.Note,
	}, std.out)
}
