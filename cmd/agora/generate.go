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
	Seed     uint64 `default:"1" placeholder:"S" help:"The same seed gives the same data [1]."`
}

// Help implements kong.HelpProvider.
func (generateCommand) Help() string {
	return `It fills a data folder with a synthetic marketplace: names, prices and categories of a plausible shape, and
popularity by Zipf's law. Nobody in it has a password: "agora token --user ID" lets a program act as one of
the shoppers. No server may run on the folder.

It can be interrupted at any time: run again with the same numbers, it goes on where it stopped, and when all
is there it adds nothing.

Examples:

    agora generate --data ./trial
    agora generate --data ./large --products 1000000 --users 5000000 --seed 7`
}

// Run generates what is not there yet.
func (c generateCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	plan := generate.Plan{Products: c.Products, Users: c.Users, Orders: c.Orders, Seed: c.Seed}
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
