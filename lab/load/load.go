// Package load sends a server the traffic of its customers and measures how long they wait.
//
// The load is an open loop: requests begin when customers would come, whether or not the server has answered the
// earlier ones. Latency is counted from the intended start, so that a stall of one second is seen by every customer
// who came in that second, and not only by the request under way (Gil Tene calls the mistake coordinated omission).
// The traffic follows from a seed: the same options ask for the same things in the same order. The history that a
// run writes is checked by lab/verify.
//
// A Scenario says what is sent. Each system has one, in a package below this one. To write a scenario:
//
//   - Declare the kinds of requests and a type for the options that only this system has. It implements Scenario.
//   - Prepare lists through Run.API what can be asked for and returns a Traffic, which all connections share.
//   - Draw decides what an arrival asks for, from its kind and the random numbers given and nothing else, so that a
//     seed repeats the traffic. It must not send. Open can look ahead with Arrivals.Draws, to provide what is needed.
//   - Ask encodes a request with Connection.Get or Post, sends it with Expect or Send, and names the outcome. Draw and
//     Ask are the measured path: they allocate little, and they take no lock that all connections share.
//   - Ask, Open, Watch and Close record what a history needs with Run.Recorder.
//   - Run.Measures takes what users wait for besides the answer to a request, such as the time until others see a post.
//   - ServerMetrics names the metrics of the system's servers that reports show.
//
// This package does the rest: schedule, connections, retries, measurement, the search for the highest rate, reports.
package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"agora/lab/verify"
)

// Progress is the state of a run, to be shown to its user.
type Progress struct {
	Doing    string // what is being done
	Rate     float64
	Of       time.Duration // how long the trial takes
	Interval *Interval     // the last one; nil before the first
}

// load is a run of the generator.
type load struct {
	Run
	traffic  Traffic
	sent     int64 // arrivals of all trials so far
	wires    []*wire
	watch    func(Progress)
	warnings []string
}

// Start generates load and returns what was measured. It calls watch, which may be nil, about every second.
// If ctx ends, the run ends early, with a report of what was measured until then. An error means that there is
// nothing to report, or that the history is incomplete.
func Start(ctx context.Context, options Options, watch func(Progress)) (Report, error) {
	if err := options.Validate(); err != nil {
		return Report{}, err
	}
	if watch == nil {
		watch = func(Progress) {}
	}
	l, err := open(ctx, options, watch)
	if err != nil {
		return Report{}, err
	}
	defer l.close()
	report := Report{URL: options.URL, Started: time.Now().UTC(), Traffic: l.describe(), kinds: l.Scenario.Kinds()}
	if options.Find {
		report.Steps, report.Trial, err = l.find(ctx)
	} else {
		report.Trial, err = l.try(ctx, options.Rate, options.WarmUp, options.Duration)
	}
	l.end(ctx)
	if l.Recorder != nil {
		err = errors.Join(err, l.Recorder.Close())
	}
	if err != nil {
		return Report{}, err
	}
	report.Held = report.Trial.Held && ctx.Err() == nil // an interrupted search has no result
	report.Warnings = slices.Concat(report.Trial.warnings(), l.Scenario.Warnings(report.Trial), l.warnings)
	return report, nil
}

// end ends the traffic, also after an interrupt.
func (l *load) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	if err := l.traffic.End(ctx); err != nil {
		l.warnings = append(l.warnings, err.Error())
	}
}

// open prepares the traffic and the connections.
func open(ctx context.Context, o Options, watch func(Progress)) (*load, error) {
	target, err := newTarget(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Dial != nil {
		target.dialer = o.Dial
	}
	doing := func(what string) { watch(Progress{Doing: what}) }
	l := &load{watch: watch, Run: Run{
		Options: o, API: newAPI(target, o.Token), Name: runName(), Measures: newMeasures(), doing: doing, target: target,
	}}
	if o.History != nil {
		l.Recorder = verify.NewRecorder(o.History)
	}
	if l.traffic, err = o.Scenario.Prepare(ctx, l.Run); err != nil {
		return nil, fmt.Errorf("prepare the load: %w", err)
	}
	l.wires = make([]*wire, o.Connections)
	for i := range l.wires {
		l.wires[i] = &wire{target: target}
	}
	return l, nil
}

// runName distinguishes the requests of this run from those of any other.
func runName() string { return "load-" + strings.ToLower(rand.Text()[:12]) }

func (l *load) close() {
	for _, w := range l.wires {
		w.close()
	}
	l.API.client.CloseIdleConnections()
}

func (l *load) describe() Description {
	fields, text := l.traffic.Describe(l.settings())
	return Description{fields, l.Mix.text(l.Scenario.Kinds()), text, l.Connections, l.Seed}
}
