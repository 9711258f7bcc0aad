package load

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"agora/fault"
	"agora/lab/verify"
)

// Scenario is the traffic of one system. Its value holds the options that only this system has.
type Scenario interface {
	// Kinds returns the kinds of requests in the order of reports. It is constant.
	Kinds() []Kind

	// Times returns the names of what the scenario measures besides requests, with Run.Measures. It is constant.
	Times() []Kind

	// ServerMetrics returns the metrics of this system's servers that reports show, besides those of every server.
	ServerMetrics() []Metric

	// Validate names every option of the scenario that is wrong. Options are those of the run.
	Validate(c *fault.Collector, options Options)

	// Prepare finds out what can be asked for, and by which users. It is called once in a run.
	Prepare(ctx context.Context, run Run) (Traffic, error)

	// Warnings returns the reasons to doubt the figures of a trial.
	Warnings(trial Trial) []string
}

// Traffic is a scenario that is prepared for one run. A run has one trial, or several one after the other.
type Traffic interface {
	// Describe returns what the traffic consists of: a value whose JSON is the object "traffic" of the report, which
	// embeds the settings, and the same for people, such as "300 products, 1 user".
	Describe(settings Settings) (fields any, text string)

	// Open prepares the server for the arrivals of a trial. Close follows, unless Open fails.
	Open(ctx context.Context, arrivals Arrivals) error

	// Customer returns the customer of a connection for one trial. Each goroutine has its own.
	Customer(connection *Connection) Customer

	// Watch runs during a trial, until ctx ends. It may send requests that are not measured.
	Watch(ctx context.Context)

	// Close ends a trial. An error becomes a warning in the report.
	Close(ctx context.Context) error

	// End is called once, after the last trial: it undoes what Prepare and the requests have changed and nobody wants to keep. An
	// error becomes a warning in the report.
	End(ctx context.Context) error
}

// Customer sends the requests of one connection, one at a time.
type Customer interface {
	// Draw decides what the next arrival asks for. It depends on the arguments alone, and sends nothing.
	Draw(kind Kind, random *rand.Rand)

	// Ask sends what was drawn last, until it is answered or the deadline has passed. It returns either an outcome,
	// which names a correct answer, or a failure. If ctx ends it waits for the answer, but does not retry.
	Ask(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string)
}

// Run is the run that a scenario is prepared for.
type Run struct {
	Options
	API      API
	Recorder *verify.Recorder // nil if the run writes no history
	Name     string           // unique, for idempotency keys
	Measures *Measures        // of the current trial

	doing  func(string)
	target target
}

// Doing shows the user what the scenario does before a trial begins.
func (r Run) Doing(what string) { r.doing(what) }

// Settings are the options of a run that every scenario has, as the report shows them.
type Settings struct {
	Connections    int     `json:"connections"`
	TimeoutSeconds float64 `json:"timeout_s"`
	Retry          bool    `json:"retry"`
	AllowedErrors  float64 `json:"allowed_errors"` // share
	Goals          []Goal  `json:"goals"`
}

func (o Options) settings() Settings {
	return Settings{o.Connections, o.Timeout.Seconds(), o.Retry, o.Errors, o.Goals}
}

// Description is what a run sent, as its Traffic describes it.
type Description struct {
	Fields      any    // the JSON of a description is that of its fields
	Mix         string // such as "3 view : 1 order"
	Text        string // such as "300 products, 1 user"
	Connections int
	Seed        uint64
}

// MarshalJSON implements json.Marshaler. Goals such as p99<25ms stay as they are.
func (d Description) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(d.Fields)
	return text.Bytes(), err
}
