package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"

	"agora/app"
	"agora/fault"
)

type verifyCommand struct {
	Shop verifyShopCommand `cmd:"" help:"Recompute stock, orders, money and read models from the journal."`
	Feed verifyFeedCommand `cmd:"" help:"Compare posts, follows and timelines with the log, and read feeds to their ends."`
}

type verifyShopCommand struct {
	folder
	History *os.File `placeholder:"FILE" help:"History of a load, to be compared with the shop."`
}

// Help implements kong.HelpProvider.
func (verifyShopCommand) Help() string {
	return `It recomputes the data of the shop from its append-only journal and compares the result with what is stored. It
checks that every fact balances and every order matches its facts. It also checks stock and held units, money,
unfinished checkouts, the outbox, the order history and the stock in the catalogue. It prints each check with its
counts, and exits with 1 if anything differs.

No server may run on the data folder. Servers that share its stores may run, but if an order is placed meanwhile,
the command fails, because it cannot distinguish the change from a difference.

A history of "agora load shop" adds three checks: every acknowledged order exists once, no SKU was sold more often
than it was stocked, and the answers about each SKU are linearizable.

Examples:

    agora verify shop
    agora verify shop --data /var/lib/agora`
}

// Run verifies the shop.
func (c verifyShopCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var history io.Reader
	if c.History != nil {
		defer func() { _ = c.History.Close() }() // it was only read
		history = c.History
	}
	return app.VerifyShop(ctx, cfg, history, slog.New(slog.DiscardHandler), std.out)
}

type verifyFeedCommand struct {
	folder
	Users string `default:"1000" placeholder:"N" help:"How many users' feeds are read to their ends, or all."`
}

// Help implements kong.HelpProvider.
func (verifyFeedCommand) Help() string {
	return `It first brings the timelines to the end of the log, as the next start of a server would. Then it compares: every
post and deletion of the log with the stored posts, both ends of every follow and block, the counts of followers with the
lists, the modes of authors with the threshold, and the deliveries of posts with the timelines of followers. Of some
users, always the same ones, it reads the feed page by page to its end, and compares it with what follows from posts and
follows alone. It prints each check with its counts, and exits with 1 if anything differs. A check that an engine
cannot answer is printed as SKIP.

No server may run on the data folder. Servers that share its stores may run, but if something is written meanwhile, the
command fails, because it cannot distinguish the change from a difference.

Examples:

    agora verify feed
    agora verify feed --users all --data /var/lib/agora`
}

// Run verifies the feed.
func (c verifyFeedCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	users, err := c.users()
	if err != nil {
		return err
	}
	return app.VerifyFeed(ctx, cfg, users, slog.New(slog.DiscardHandler), std.out)
}

// users returns how many users' feeds are read; 0 means all.
func (c verifyFeedCommand) users() (int, error) {
	if c.Users == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(c.Users)
	if err != nil || n < 1 {
		return 0, fault.ErrInvalid("users", "has to be a number above 0, or all")
	}
	return n, nil
}
