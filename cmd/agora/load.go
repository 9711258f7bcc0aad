package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"agora/fault"
	"agora/generate"
	"agora/lab/load"
	loadshop "agora/lab/load/shop"
)

type loadCommand struct {
	Shop loadShopCommand `cmd:"" help:"Send the traffic of customers to a running shop."`
}

type loadShopCommand struct {
	URL       string               `required:"" placeholder:"URL" help:"URL of the server, such as http://127.0.0.1:8080. Requests go to no other host, except those for --metrics."`
	Token     string               `required:"" placeholder:"T" help:"Token of an admin, if the load uses several users or reads or changes stock; otherwise of any user who may order."`
	Rate      float64              `default:"100" placeholder:"N" help:"Requests a second; a search begins at this rate [100]."`
	Duration  time.Duration        `default:"60s" placeholder:"D" help:"Time at the full rate [60s]."`
	WarmUp    time.Duration        `default:"5s" placeholder:"D" help:"Time before that in which the rate grows from zero; not measured [5s]."`
	Mix       map[load.Kind]string `default:"view=3;order=1" placeholder:"KIND=WEIGHT;…" help:"Kinds of requests and their shares: view, order, search, orders (the list of a customer's orders) [view=3;order=1]."`
	Hot       float64              `default:"0" placeholder:"SHARE" help:"Share of the orders that are for the most popular product [0]."`
	Seed      uint64               `default:"1" placeholder:"S" help:"Seed of the random numbers; the same seed gives the same requests in the same order [1]."`
	Generated map[string]uint64    `placeholder:"products=N;users=N;seed=S" help:"The flags of agora generate that the data was made with; the demo is products=3000;users=2000;seed=1. Without this flag, the products are listed through the API."`
	Products  int                  `default:"10000" placeholder:"N" help:"Most products to list [10000]."`
	Users     int                  `default:"200" placeholder:"N" help:"Number of generated users that send requests, each with a token; 0 for the owner of --token only [200]."`
	Restock   bool                 `help:"First, stock as many units as the orders will need."`

	Connections int           `default:"256" placeholder:"N" help:"Most connections to the server [256]."`
	Timeout     time.Duration `default:"10s" placeholder:"D" help:"Timeout of a request, counted from its intended start [10s]."`
	Retry       bool          `help:"Retry requests that got no answer, or 429, 502, 503 or 504; orders with the same Idempotency-Key."`

	Goal   []load.Goal   `sep:"none" placeholder:"GOAL" help:"Goal that the load has to meet, such as p99<25ms or order.p99<50ms; may be repeated."`
	Errors float64       `default:"0" placeholder:"SHARE" help:"Share of the requests that may fail, such as 0.0001 [0]."`
	Find   []load.Goal   `sep:"none" placeholder:"GOAL" help:"Search the highest rate that meets this goal and those of --goal; may be repeated."`
	Step   time.Duration `default:"10s" placeholder:"D" help:"Time at each rate of the search [10s]."`

	Report  []string `sep:"none" placeholder:"FILE" help:"Write the report to a .html or .json file; may be repeated."`
	History string   `placeholder:"FILE" help:"Record the answers that customers got, for agora verify shop --history FILE."`
	Metrics []string `sep:"none" placeholder:"URL" help:"URLs of the metrics, if not URL/metrics: ops.listen of each server; may be repeated."`
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

// errGoals is the error of a load that was sent and missed a goal.
var errGoals = errors.New("a goal was missed")

// Run sends load.
func (c loadShopCommand) Run(ctx context.Context, std streams) (err error) {
	options, err := c.options()
	if err == nil {
		err = options.Validate()
	}
	if err != nil {
		return usageError{err}
	}
	if c.History != "" {
		file, err := os.OpenFile(c.History, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		options.History = file
	}
	shown := newLoadView(std.err)
	report, err := load.Start(ctx, options, shown.at)
	shown.end()
	if err != nil {
		return err
	}
	if err := report.Print(std.out); err != nil {
		return err
	}
	for _, path := range c.Report {
		if err := writeReport(path, report); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if !report.Held {
		return errGoals
	}
	return nil
}

func (c loadShopCommand) options() (load.Options, error) {
	scenario := loadshop.Scenario{Hot: c.Hot, Products: c.Products, Users: c.Users, Restock: c.Restock}
	o := load.Options{
		URL: c.URL, Token: strings.TrimSpace(c.Token), Rate: c.Rate, Duration: c.Duration, WarmUp: c.WarmUp, Mix: load.Mix{},
		Seed: c.Seed, Connections: c.Connections, Timeout: c.Timeout, Retry: c.Retry, Metrics: c.Metrics,
		Goals: append(c.Goal, c.Find...), Errors: c.Errors, Find: len(c.Find) > 0, Step: c.Step,
	}
	for kind, weight := range c.Mix {
		w, err := strconv.ParseFloat(weight, 64)
		if err != nil {
			return o, fault.ErrInvalid("mix", "%s=%s: the weight is not a number", kind, weight)
		}
		o.Mix[kind] = w
	}
	for _, path := range c.Report {
		if form := filepath.Ext(path); form != ".html" && form != ".json" {
			return o, fault.ErrInvalid("report", "%s: the name has to end with .html or .json", path)
		}
	}
	if c.Generated != nil {
		plan, err := planOf(c.Generated)
		if err != nil {
			return o, err
		}
		scenario.Generated = &plan
	}
	o.Scenario = scenario
	return o, nil
}

// planOf returns the plan with the defaults of agora generate.
func planOf(given map[string]uint64) (generate.Plan, error) {
	plan := generate.Plan{Products: 10_000, Users: 10_000, Seed: 1}
	for key, value := range given {
		switch key {
		case "products":
			plan.Products = int(value)
		case "users":
			plan.Users = int(value)
		case "seed":
			plan.Seed = value
		default:
			return plan, fault.ErrInvalid("generated", "has the unknown name %s; known: products, users, seed", key)
		}
	}
	return plan, nil
}

func writeReport(path string, report load.Report) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	write := map[string]func(io.Writer) error{".html": report.WriteHTML, ".json": report.WriteJSON}
	return write[filepath.Ext(path)](file)
}
