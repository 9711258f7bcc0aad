package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"agora/app"
	"agora/generate"
)

type generateCommand struct {
	folder
	Products int    `default:"10000" placeholder:"N" help:"Products, with their sellers, stock and reviews [10000]."`
	Users    int    `default:"10000" placeholder:"N" help:"Shoppers [10000]."`
	Orders   int    `default:"0" placeholder:"N" help:"Past orders of these shoppers [0]."`
	Follows  int    `default:"0" placeholder:"N" help:"How many shoppers a shopper follows on average [0]."`
	Posts    int    `default:"0" placeholder:"N" help:"How many posts a shopper has written on average [0]."`
	Seed     uint64 `default:"1" placeholder:"S" help:"Seed of the random numbers; the same seed gives the same data [1]."`
}

// Help implements kong.HelpProvider.
func (generateCommand) Help() string {
	return `Names, prices and categories are plausible, and the popularity of products follows Zipf's law. The users have no
passwords: "agora token --user ID" issues a token with which a program acts as one of them. No server may run on
the folder.

Follows have circles of friends who follow each other, and authors whose numbers of followers have a power law. With
50 follows each, 100,000 users have one author above the default threshold of 10,000 followers, and fewer users have none:
set feed.threshold lower to try celebrities with few users. Posts are spread over the year 2025; authors with many
followers write more of them. Adding follows or posts gives up the stored timelines, which the next servers build again.

The command can be interrupted at any time. Run again with the same numbers, it continues where it stopped; if
nothing is missing, it adds nothing.

Examples:

    agora generate --data ./trial
    agora generate --data ./trial --follows 50 --posts 5
    agora generate --data ./large --products 1000000 --users 5000000 --seed 7`
}

// Run generates what is missing.
func (c generateCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	plan := generate.Plan{Products: c.Products, Users: c.Users, Orders: c.Orders, Follows: c.Follows, Posts: c.Posts, Seed: c.Seed}
	if err := plan.Validate(); err != nil {
		return usageError{err}
	}
	shown := newProgress(std.err)
	report, err := app.Generate(ctx, cfg, plan, slog.New(slog.DiscardHandler), func(p generate.Progress) {
		shown.at(p.Stage, p.Done, p.Total)
	})
	shown.end()
	if err != nil {
		return err
	}
	for _, added := range report.Added {
		fmt.Fprintf(std.out, "%-10s %9d, %d of them new\n", added.Stage, added.Total, added.New)
	}
	_, err = fmt.Fprintf(std.out, "in %s, seed %d\n", report.Took.Round(time.Millisecond), report.Seed)
	return err
}
