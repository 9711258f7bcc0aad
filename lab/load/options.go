package load

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"agora/fault"
)

// Options say what to send, where to, and which goals have to hold. The scenario has the options of its system.
type Options struct {
	Scenario Scenario
	URL      string // of the server, such as http://127.0.0.1:8080
	Token    string // of an admin, if the scenario needs one; else of any user

	Rate     float64       // arrivals a second; the first rate of a search
	Duration time.Duration // at the full rate
	WarmUp   time.Duration // before Duration, not measured
	Mix      Mix
	Seed     uint64

	Connections int           // at most
	Timeout     time.Duration // of a request, from its intended start
	Retry       bool          // send again what was not answered, under the same Idempotency-Key
	History     io.Writer     // for lab/verify; nil for none
	Metrics     []string      // URLs of the servers' metrics; none for URL/metrics
	Dial        Dial          // opens connections to the server; nil for TCP

	Goals  []Goal
	Errors float64       // share of the requests that may fail
	Find   bool          // search for the highest rate at which the goals hold
	Step   time.Duration // of each rate of the search
}

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

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
	c.Check(o.Errors >= 0 && o.Errors < 1, "errors", "is not between 0 and 1")
	c.Check(!o.Find || len(o.Goals) > 0, "find", "needs a goal")
	c.Check(!o.Find || o.Step >= time.Second, "step", "is less than 1s")
	kinds := o.Scenario.Kinds()
	o.Mix.check(&c, kinds)
	measured := slices.Concat(kinds, o.Scenario.Times())
	for _, g := range o.Goals {
		c.Check(g.Kind == "" || slices.Contains(measured, g.Kind), "goal", "is for %q, which no request is called", g.Kind)
	}
	o.Scenario.Validate(&c, o)
	return c.Err()
}
