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
	history, done := openHistory(c.History)
	defer done()
	return app.VerifyShop(ctx, cfg, history, slog.New(slog.DiscardHandler), std.out)
}

// openHistory returns the reader of a history, or nil if there is no file.
func openHistory(file *os.File) (history io.Reader, done func()) {
	if file == nil {
		return nil, func() {}
	}
	return file, func() { _ = file.Close() } // it was only read
}

type verifyFeedCommand struct {
	folder
	History *os.File `placeholder:"FILE" help:"History of a load, to be compared with the feed."`

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

A history of "agora load feed" adds five checks: every acknowledged post and deletion is stored once and as it was sent,
no author has a post that nobody sent, the last follow, block and mute of each user is in force, every page shows just
the posts that its as_of says, newest first, and every stream tells each post and deletion once, in the order of the
author. The users of the history must not have acted otherwise meanwhile. An answer is counted as undecided if it
depends on a follow, block or mute whose state at that time the log does not say. Without the records of the time,
the last two checks are printed as SKIP: verify soon after the load.

Examples:

    agora verify feed
    agora verify feed --history feed.history
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
	history, done := openHistory(c.History)
	defer done()
	return app.VerifyFeed(ctx, cfg, users, history, slog.New(slog.DiscardHandler), std.out)
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
