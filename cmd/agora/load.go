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
)

type loadCommand struct {
	Shop loadShopCommand `cmd:"" help:"Send a shop the traffic of its customers."`
}

type loadShopCommand struct {
	URL       string               `required:"" placeholder:"URL" help:"The server, such as http://127.0.0.1:8080. Nothing is sent anywhere else."`
	Token     string               `required:"" placeholder:"T" help:"An admin's, if users act or stock is touched; else of anybody who may order."`
	Rate      float64              `default:"100" placeholder:"N" help:"Requests a second; where a search begins [100]."`
	Duration  time.Duration        `default:"60s" placeholder:"D" help:"How long at the full rate [60s]."`
	WarmUp    time.Duration        `default:"5s" placeholder:"D" help:"Before that, the rate grows from nothing; not measured [5s]."`
	Mix       map[load.Kind]string `default:"view=3;order=1" placeholder:"KIND=WEIGHT;…" help:"What is asked for: view, order, search, orders (those of the customer) [view=3;order=1]."`
	Hot       float64              `default:"0" placeholder:"SHARE" help:"Share of the orders for the one most popular product [0]."`
	Seed      uint64               `default:"1" placeholder:"S" help:"The same seed asks for the same things in the same order [1]."`
	Generated map[string]uint64    `placeholder:"products=N;users=N;seed=S" help:"What agora generate was told; the demo is products=3000;users=2000;seed=1. Without it products are listed through the API."`
	Products  int                  `default:"10000" placeholder:"N" help:"How many products are listed, at most [10000]."`
	Users     int                  `default:"200" placeholder:"N" help:"How many of the generated users act, each with a token; 0 for the owner of the token alone [200]."`
	Restock   bool                 `help:"Fill up the stock that the orders will need, before they come."`

	Connections int           `default:"256" placeholder:"N" help:"Connections, at most [256]."`
	Timeout     time.Duration `default:"10s" placeholder:"D" help:"How long a customer waits, from the intended start [10s]."`
	Retry       bool          `help:"Send again what was not answered, or with 429, 502, 503 or 504; orders under the same Idempotency-Key."`

	Goal   []load.Goal   `sep:"none" placeholder:"GOAL" help:"What has to hold, such as p99<25ms or order.p99<50ms; may be repeated."`
	Errors float64       `default:"0" placeholder:"SHARE" help:"Share of the requests that may fail, such as 0.0001 [0]."`
	Find   []load.Goal   `sep:"none" placeholder:"GOAL" help:"Search the highest rate at which this holds, and the goals; may be repeated."`
	Step   time.Duration `default:"10s" placeholder:"D" help:"How long each rate of the search is tried [10s]."`

	Report  []string `sep:"none" placeholder:"FILE" help:"Write the report to a .html or .json file; may be repeated."`
	History string   `placeholder:"FILE" help:"Record what customers saw, for agora verify shop --history FILE."`
	Metrics []string `sep:"none" placeholder:"URL" help:"Where servers show their metrics, if not at URL/metrics: their ops.listen, one URL for each server."`
}

// Help implements kong.HelpProvider.
func (loadShopCommand) Help() string {
	return `It sends requests at a rate, whether or not the server keeps up (an open loop), and measures each from the
moment it was meant to begin. So a server that stalls is seen to stall for everybody who came meanwhile.
Products are drawn by their popularity (Zipf's law). Orders are real: run it against a shop that is for trials.

The report says what was answered and how fast, and whether the generator itself was good enough: how late it
sent, how much of the processors it took. Ctrl-C ends early, with the report of what was measured until then.

A history holds every order and the stock around them, and is proved afterwards, when the server has stopped.
It needs the token of an admin, and that nobody else orders or restocks meanwhile.

Exit codes: 0 if every goal was held, 1 if not or if it failed, 2 for wrong usage.

Examples:

    agora load shop --url http://127.0.0.1:8080 --token "$(cat agora-data/admin.token)" --rate 500 --duration 30s
    agora load shop --url … --token … --rate 10000 --goal 'p99<25ms' --restock --report load.html \
        --generated 'products=1000000;users=5000000;seed=1' --history load.history
    agora load shop --url … --token … --rate 2000 --find 'p99<25ms' --restock --report load.html --report load.json
    agora verify shop --history load.history`
}

// errGoals says that the load was sent and something was not as it has to be.
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
	report, err := load.Run(ctx, options, shown.at)
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
	o := load.Options{
		URL: c.URL, Token: strings.TrimSpace(c.Token), Rate: c.Rate, Duration: c.Duration, WarmUp: c.WarmUp, Mix: map[load.Kind]float64{},
		Hot: c.Hot, Seed: c.Seed, Products: c.Products, Users: c.Users, Restock: c.Restock, Connections: c.Connections,
		Timeout: c.Timeout, Retry: c.Retry, Metrics: c.Metrics, Goals: append(c.Goal, c.Find...), Errors: c.Errors,
		Find: len(c.Find) > 0, Step: c.Step,
	}
	for kind, weight := range c.Mix {
		w, err := strconv.ParseFloat(weight, 64)
		if err != nil {
			return o, fault.ErrInvalid("mix", "%s=%s has no number", kind, weight)
		}
		o.Mix[kind] = w
	}
	for _, path := range c.Report {
		if form := filepath.Ext(path); form != ".html" && form != ".json" {
			return o, fault.ErrInvalid("report", "%s ends neither with .html nor with .json", path)
		}
	}
	if c.Generated != nil {
		plan, err := planOf(c.Generated)
		if err != nil {
			return o, err
		}
		o.Generated = &plan
	}
	return o, nil
}

// planOf reads what agora generate was told, with the same defaults.
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
			return plan, fault.ErrInvalid("generated", "knows products, users and seed, not %s", key)
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
