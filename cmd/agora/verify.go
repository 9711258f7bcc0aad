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
	History *os.File `placeholder:"FILE" help:"What clients recorded of their requests, to be held against the shop."`
}

// Help implements kong.HelpProvider.
func (verifyShopCommand) Help() string {
	return `It recomputes everything that the shop keeps from its append-only journal and compares: that every fact
balances, that each order is what its facts make of it, stock and held units, money, unfinished checkouts, the
outbox, the order history and the catalogue's stock. It prints what it checked, with counts, and exits with 1
if anything differs. No server may run on the data folder. Others that share its stores may run, but if
somebody buys meanwhile it gives up, as it cannot tell that from a difference.

A history adds three checks: every acknowledged order is there once, no SKU was sold more often than stocked,
and what clients saw of each SKU can have happened in one order (it is linearizable).

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
	var history io.Reader
	if c.History != nil {
		defer func() { _ = c.History.Close() }() // it was only read
		history = c.History
	}
	return app.VerifyShop(ctx, cfg, history, slog.New(slog.DiscardHandler), std.out)
}
