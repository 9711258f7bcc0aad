package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"agora/app"
)

type verifyCommand struct {
	Shop verifyShopCommand `cmd:"" help:"Recompute stock, orders, money and read models from the journal."`
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
