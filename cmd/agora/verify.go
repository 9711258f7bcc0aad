package main

import (
	"context"
	"log/slog"

	"agora/app"
)

type verifyCommand struct {
	Shop verifyShopCommand `cmd:"" help:"Recompute stock, orders, money and read models from the journal."`
}

type verifyShopCommand struct{ folder }

// Help implements kong.HelpProvider.
func (verifyShopCommand) Help() string {
	return `It recomputes everything that the shop keeps from its append-only journal and compares: that every fact
balances, that each order is what its facts make of it, stock and held units, money, unfinished checkouts, the
outbox, the order history and the catalogue's stock. It prints what it checked, with counts, and exits with 1
if anything differs. No server may run on the data folder.

Examples:

    agora verify shop
    agora verify shop --data /var/lib/agora`
}

// Run verifies.
func (c verifyShopCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.VerifyShop(ctx, cfg, slog.New(slog.DiscardHandler), std.out)
}
