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
	Shop loadShopCommand `cmd:"" help:"Send the traffic of customers to a running shop."`
	Feed loadFeedCommand `cmd:"" help:"Send the traffic of readers to a running feed."`
}

// loadFlags are the flags of every load.
type loadFlags struct {
	URL      string        `required:"" placeholder:"URL" help:"URL of the server, such as http://127.0.0.1:8080. Requests go to no other host, except those for --metrics."`
	Rate     float64       `default:"100" placeholder:"N" help:"Requests a second; a search begins at this rate [100]."`
	Duration time.Duration `default:"60s" placeholder:"D" help:"Time at the full rate [60s]."`
	WarmUp   time.Duration `default:"5s" placeholder:"D" help:"Time before that in which the rate grows from zero; not measured [5s]."`
	Seed     uint64        `default:"1" placeholder:"S" help:"Seed of the random numbers; the same seed gives the same requests in the same order [1]."`

	Connections int           `default:"256" placeholder:"N" help:"Most connections to the server [256]."`
	Timeout     time.Duration `default:"10s" placeholder:"D" help:"Timeout of a request, counted from its intended start [10s]."`
	Retry       bool          `help:"Retry requests that got no answer, or 429, 502, 503 or 504; orders and posts with the same Idempotency-Key."`

	Goal   []load.Goal   `sep:"none" placeholder:"GOAL" help:"Goal that the load has to meet, such as p99<25ms, or order.p99<50ms for a kind of requests; may be repeated."`
	Errors float64       `default:"0" placeholder:"SHARE" help:"Share of the requests that may fail, such as 0.0001 [0]."`
	Find   []load.Goal   `sep:"none" placeholder:"GOAL" help:"Search the highest rate that meets this goal and those of --goal; may be repeated."`
	Step   time.Duration `default:"10s" placeholder:"D" help:"Time at each rate of the search [10s]."`

	Report  []string `sep:"none" placeholder:"FILE" help:"Write the report to a .html or .json file; may be repeated."`
	History string   `placeholder:"FILE" help:"Record the answers that users got, for agora verify --history FILE."`
	Metrics []string `sep:"none" placeholder:"URL" help:"URLs of the metrics, if not URL/metrics: ops.listen of each server; may be repeated."`
}

// errGoals is the error of a load that was sent and missed a goal.
var errGoals = errors.New("a goal was missed")

// run sends a load. err is what was wrong with its flags.
func (c loadFlags) run(ctx context.Context, std streams, options load.Options, err error) error {
	if err == nil {
		err = options.Validate()
	}
	if err != nil {
		return usageError{err}
	}
	if c.History == "" {
		return c.send(ctx, std, options)
	}
	file, err := os.OpenFile(c.History, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	options.History = file
	return errors.Join(c.send(ctx, std, options), file.Close())
}

// send sends a load and writes its reports.
func (c loadFlags) send(ctx context.Context, std streams, options load.Options) error {
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

// options returns the options of every load. mix has the weights as they were given.
func (c loadFlags) options(token string, mix map[load.Kind]string) (load.Options, error) {
	o := load.Options{
		URL: c.URL, Token: strings.TrimSpace(token), Rate: c.Rate, Duration: c.Duration, WarmUp: c.WarmUp, Mix: load.Mix{},
		Seed: c.Seed, Connections: c.Connections, Timeout: c.Timeout, Retry: c.Retry, Metrics: c.Metrics,
		Goals: append(c.Goal, c.Find...), Errors: c.Errors, Find: len(c.Find) > 0, Step: c.Step,
	}
	for kind, weight := range mix {
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
	return o, nil
}

// planOf returns the plan with the defaults of agora generate, or nil if none was given.
func planOf(given map[string]uint64) (*generate.Plan, error) {
	if given == nil {
		return nil, nil
	}
	plan := &generate.Plan{Products: 10_000, Users: 10_000, Seed: 1}
	for key, value := range given {
		switch key {
		case "products":
			plan.Products = int(value)
		case "users":
			plan.Users = int(value)
		case "follows":
			plan.Follows = int(value)
		case "posts":
			plan.Posts = int(value)
		case "seed":
			plan.Seed = value
		default:
			return plan, fault.ErrInvalid("generated", "has the unknown name %s; known: products, users, follows, posts, seed", key)
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
