package main

import (
	"context"

	"agora/lab/load"
	loadshop "agora/lab/load/shop"
)

type loadShopCommand struct {
	loadFlags
	Token     string               `required:"" placeholder:"T" help:"Token of an admin, if the load uses several users or reads or changes stock; otherwise of any user who may order."`
	Mix       map[load.Kind]string `default:"view=3;order=1" placeholder:"KIND=WEIGHT;…" help:"Kinds of requests and their shares: view, order, search, orders (the list of a customer's orders) [view=3;order=1]."`
	Hot       float64              `default:"0" placeholder:"SHARE" help:"Share of the orders that are for the most popular product [0]."`
	Generated map[string]uint64    `placeholder:"products=N;users=N;seed=S" help:"The flags of agora generate that the data was made with; the demo is products=3000;users=2000;seed=1. Without this flag, the products are listed through the API."`
	Products  int                  `default:"10000" placeholder:"N" help:"Most products to list [10000]."`
	Users     int                  `default:"200" placeholder:"N" help:"Number of generated users that send requests, each with a token; 0 for the owner of --token only [200]."`
	Restock   bool                 `help:"First, stock as many units as the orders will need."`
}

// Help implements kong.HelpProvider.
func (loadShopCommand) Help() string {
	return `Requests are sent at a fixed rate, whether or not the server keeps up (an open loop). The latency of a request is
measured from its intended start, so a stall of the server counts for every request that was due meanwhile.
Products are drawn by popularity (Zipf's law). The orders are real orders: do not use a shop with real customers.

The report has the number of answers and their latency. It also says whether the generator was fast enough: how
late it sent requests, and how much processor time it used. Ctrl-C ends the load early and reports what was
measured so far.

A history has every order and the stock before and after. "agora verify shop --history" checks it when the server
has stopped. It needs the token of an admin, and nobody else may order or restock meanwhile.

Exit codes: 0 if every goal was met, 1 if one was missed or the load failed, 2 for wrong usage.

Examples:

    agora load shop --url http://127.0.0.1:8080 --token "$(cat agora-data/admin.token)" --rate 500 --duration 30s
    agora load shop --url … --token … --rate 10000 --goal 'p99<25ms' --restock --report load.html \
        --generated 'products=1000000;users=5000000;seed=1' --history load.history
    agora load shop --url … --token … --rate 2000 --find 'p99<25ms' --restock --report load.html --report load.json
    agora verify shop --history load.history`
}

// Run sends load.
func (c loadShopCommand) Run(ctx context.Context, std streams) error {
	options, err := c.options()
	return c.run(ctx, std, options, err)
}

func (c loadShopCommand) options() (load.Options, error) {
	o, err := c.loadFlags.options(c.Token, c.Mix)
	if err != nil {
		return o, err
	}
	plan, err := planOf(c.Generated)
	o.Scenario = loadshop.Scenario{Hot: c.Hot, Products: c.Products, Users: c.Users, Restock: c.Restock, Generated: plan}
	return o, err
}
