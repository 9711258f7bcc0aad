// Package load sends a marketplace the traffic of its customers, and measures what they would have to wait.
//
// It is an open loop: requests begin when customers would come, whether or not the server has answered the
// ones before. Time is counted from the intended start, so that a server which stalls for a second is seen to
// stall for everybody who came in that second, and not for the one request that was under way (Gil Tene calls
// the mistake coordinated omission). The traffic follows from a seed: the same options ask for the same
// products in the same order.
//
// What it is not: a proof that what the server did is right. It writes the history by which lab/verify proves that.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"agora/fault"
	"agora/generate"
	"agora/lab/verify"
)

// Kind is what a request asks for.
type Kind string

const (
	View   Kind = "view"   // the page of a product
	Order  Kind = "order"  // a unit of a product, from the checkout to the answer
	Search Kind = "search" // products by words of their names
	Orders Kind = "orders" // the newest orders of the customer
)

// Kinds are all kinds, in the order of reports.
var Kinds = []Kind{View, Order, Search, Orders}

// Options say what to send, where, and what has to hold.
type Options struct {
	URL   string // of the server, such as http://127.0.0.1:8080
	Token string // of an admin, if users act, stock is read or filled up; else of anybody who may order

	Rate     float64       // arrivals a second; where a search for the highest begins
	Duration time.Duration // at the full rate
	WarmUp   time.Duration // before it, not measured
	Mix      map[Kind]float64
	Hot      float64 // share of the orders that are for the one most popular product, 0 to 1
	Seed     uint64

	Generated *generate.Plan // whose products and users there are; nil to ask the API for products
	Products  int            // how many to ask the API for, at most
	Users     int            // who act, of the plan's; 0 for the owner of Token alone
	Restock   bool           // fill up the stock that the orders will need, before they come

	Connections int           // at most
	Timeout     time.Duration // from the intended start, after which a customer has gone
	Retry       bool          // send again what was not answered, orders under the same Idempotency-Key
	History     io.Writer     // for lab/verify; nil for none
	Metrics     []string      // URLs to read the servers' figures from; none for URL/metrics

	Goals  []Goal
	Errors float64       // share of the requests that may fail
	Find   bool          // search the highest rate at which the goals hold, and measure at that
	Step   time.Duration // how long each rate of the search is tried
}

// Validate names every offending field.
func (o Options) Validate() error {
	var c fault.Collector
	_, err := newTarget(o.URL)
	c.Check(err == nil, "url", "is not like http://127.0.0.1:8080")
	c.Check(o.Token != "", "token", "is missing: an admin's is in the file admin.token of the data folder")
	c.Check(o.Rate > 0 && o.Rate <= 1e6, "rate", "is not between 0 and 1000000")
	c.Check(o.Duration >= time.Second, "duration", "is less than 1s")
	c.Check(o.WarmUp >= 0, "warm-up", "is negative")
	c.Check(o.Timeout >= 10*time.Millisecond, "timeout", "is less than 10ms")
	c.Check(o.Connections >= 1 && o.Connections <= 20_000, "connections", "is not between 1 and 20000")
	c.Check(o.Hot >= 0 && o.Hot <= 1, "hot", "is not between 0 and 1")
	c.Check(o.Errors >= 0 && o.Errors < 1, "errors", "is not between 0 and 1")
	c.Check(o.Generated != nil || o.Products >= 1, "products", "is less than 1")
	c.Check(o.Users >= 0 && o.Users <= 100_000, "users", "is not between 0 and 100000")
	c.Check(!o.Find || len(o.Goals) > 0, "find", "needs a goal")
	c.Check(!o.Find || o.Step >= time.Second, "step", "is less than 1s")
	o.checkMix(&c)
	if o.Generated != nil {
		c.Check(o.Generated.Validate() == nil && o.Generated.Products > 0, "generated", "is no plan with products")
	}
	return c.Err()
}

func (o Options) checkMix(c *fault.Collector) {
	var sum float64
	for kind, weight := range o.Mix {
		c.Check(slices.Contains(Kinds, kind), "mix", "has no request called %q", kind)
		c.Check(weight >= 0, "mix", "has a negative weight")
		sum += weight
	}
	c.Check(sum > 0, "mix", "asks for nothing")
}

// Progress says how a trial goes on.
type Progress struct {
	Doing    string // what is being done
	Rate     float64
	Of       time.Duration // how long the trial takes
	Interval *Interval     // the last one; nil before the first
}

// load is a run of the generator.
type load struct {
	Options
	target   target
	api      api
	traffic  *traffic
	shelves  *shelves
	recorder *verify.Recorder // nil without a history
	name     string           // unique to this run, in the names of its orders
	sent     int64            // arrivals of all trials so far
	wires    []*wire
	watch    func(Progress)
	warnings []string
}

// Run generates load and returns what was measured. watch, which may be nil, is called every second or so.
// If ctx ends the run ends early, with the report of what was measured until then. An error means that there
// is nothing to report, or that the history is not whole.
func Run(ctx context.Context, options Options, watch func(Progress)) (Report, error) {
	if err := options.Validate(); err != nil {
		return Report{}, err
	}
	target, err := newTarget(options.URL)
	if err != nil {
		return Report{}, err
	}
	return run(ctx, options, target, watch)
}

func run(ctx context.Context, options Options, target target, watch func(Progress)) (Report, error) {
	if watch == nil {
		watch = func(Progress) {}
	}
	l, err := open(ctx, options, target, watch)
	if err != nil {
		return Report{}, err
	}
	defer l.close()
	report := Report{URL: options.URL, Started: time.Now().UTC(), Traffic: l.describe()}
	if options.Find {
		report.Steps, report.Trial, err = l.find(ctx)
	} else {
		report.Trial, err = l.try(ctx, options.Rate, options.WarmUp, options.Duration)
	}
	if l.recorder != nil {
		err = errors.Join(err, l.recorder.Close())
	}
	if err != nil {
		return Report{}, err
	}
	report.Held = report.Trial.Held && ctx.Err() == nil // a search that was interrupted has found nothing
	report.Warnings = append(report.Trial.warnings(), l.warnings...)
	return report, nil
}

// open finds what to ask for and who asks.
func open(ctx context.Context, o Options, target target, watch func(Progress)) (*load, error) {
	l := &load{Options: o, target: target, api: newAPI(target, o.Token), name: runName(), watch: watch}
	if o.History != nil {
		l.recorder = verify.NewRecorder(o.History)
	}
	watch(Progress{Doing: "finding products and users"})
	var err error
	if l.traffic, err = newTraffic(ctx, l.api, o); err != nil {
		return nil, fmt.Errorf("prepare the load: %w", err)
	}
	l.shelves = newShelves(l.api, l.traffic, l.recorder, o.Restock)
	l.wires = make([]*wire, o.Connections)
	for i := range l.wires {
		l.wires[i] = &wire{target: target}
	}
	return l, nil
}

func (l *load) close() {
	for _, w := range l.wires {
		w.close()
	}
	l.api.client.CloseIdleConnections()
}

// describe says what the traffic is made of.
func (l *load) describe() Traffic {
	return Traffic{
		Mix: maps.Clone(l.Mix), Hot: l.Hot, Seed: l.Seed, Products: len(l.traffic.products), Users: len(l.traffic.tokens),
		Connections: l.Connections, TimeoutSeconds: l.Timeout.Seconds(), Retry: l.Retry, AllowedErrors: l.Errors, Goals: l.Goals,
	}
}
