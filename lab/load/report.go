package load

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Report is what a run measured.
type Report struct {
	URL      string      `json:"url"`
	Started  time.Time   `json:"started"`
	Traffic  Description `json:"traffic"`
	Held     bool        `json:"held"`            // every goal
	Trial    Trial       `json:"trial"`           // at the rate of the options, or the highest that was held
	Steps    []Step      `json:"steps,omitempty"` // of the search for the highest rate
	Warnings []string    `json:"warnings"`        // reasons to doubt the figures

	kinds []Kind // in their order
}

// Trial is what was measured at one rate.
type Trial struct {
	Rate            float64          `json:"rate"` // arrivals a second
	WarmUpSeconds   float64          `json:"warm_up_s"`
	DurationSeconds float64          `json:"duration_s"`
	TookSeconds     float64          `json:"took_s"`          // until the last answer, warm-up included
	Ended           string           `json:"ended,omitempty"` // why before its time
	Held            bool             `json:"held"`
	Verdicts        []Verdict        `json:"verdicts"`
	All             Figures          `json:"all"`
	Kinds           map[Kind]Figures `json:"kinds"`

	Times  map[Kind]Percentiles `json:"times,omitempty"`  // that the scenario measured besides requests
	Counts map[string]int64     `json:"counts,omitempty"` // that the scenario made, warm-up included

	Generator    Generator  `json:"generator"`
	Server       *Server    `json:"server,omitempty"` // nil if there are no metrics to be read
	Intervals    []Interval `json:"intervals"`
	Distribution []Point    `json:"distribution"`
}

// Verdict says whether a goal was held.
type Verdict struct {
	Goal string `json:"goal"`
	Got  string `json:"got"`
	Held bool   `json:"held"`
}

// Step is the summary of a trial of a search.
type Step struct {
	Rate    float64 `json:"rate"`
	Seconds float64 `json:"duration_s"`
	Held    bool    `json:"held"`
	Ended   string  `json:"ended,omitempty"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Errors  int64   `json:"errors"`
}

// Generator measures the generator itself. The latencies include the delays of one that is late or busy.
type Generator struct {
	Late       Percentiles `json:"late"`           // from the intended start to the sending, where a connection was free
	Queued     int64       `json:"queued"`         // requests that waited for a connection, as all had one under way
	CPUShare   float64     `json:"cpu_share"`      // of all processors of its machine
	PerRequest float64     `json:"cpu_us_request"` // microseconds of processor time
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func generatorFigures(late Percentiles, queued int64, cpu, took time.Duration, requests int64) Generator {
	return Generator{
		Late: late, Queued: queued, CPUShare: cpu.Seconds() / took.Seconds() / float64(runtime.NumCPU()),
		PerRequest: float64(cpu.Microseconds()) / float64(max(1, requests)),
	}
}

// judge compares the trial with the goals.
func (t *Trial) judge(o Options) {
	share := float64(t.All.Failed()) / float64(max(1, t.All.Total()))
	t.Verdicts = []Verdict{{fmt.Sprintf("errors ≤ %.4g %%", 100*o.Errors), fmt.Sprintf("%.4g %%", 100*share), share <= o.Errors}}
	over := t.TookSeconds - t.WarmUpSeconds - t.DurationSeconds
	allowed := 1 + t.DurationSeconds*(1-enoughAnswered)
	t.Verdicts = append(t.Verdicts, Verdict{
		fmt.Sprintf("rate ≥ %.4g/s", t.Rate), fmt.Sprintf("%.5g/s", t.All.Rate), t.Ended == "" && over <= allowed,
	})
	for _, g := range o.Goals {
		got, measured := g.of(*t)
		verdict := Verdict{g.String(), "nothing", false}
		if measured {
			verdict = Verdict{g.String(), duration(got), got < float64(g.Limit.Microseconds())/1000}
		}
		t.Verdicts = append(t.Verdicts, verdict)
	}
	t.Held = !slices.ContainsFunc(t.Verdicts, func(v Verdict) bool { return !v.Held })
}

func (t Trial) step() Step {
	return Step{t.Rate, t.DurationSeconds, t.Held, t.Ended, t.All.Latency.P50, t.All.Latency.P99, t.All.Failed()}
}

const (
	lateAt   = 5.0  // milliseconds, of the 99th percentile
	busyAt   = 0.5  // of all processors
	queuedAt = 0.01 // of all requests
)

// warnings returns the reasons to doubt the figures.
func (t Trial) warnings() []string {
	all := []string{}
	warn := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	warn(t.Ended != "", "the trial ended before its time: %s", t.Ended)
	warn(t.Generator.Late.P99 > lateAt,
		"the generator could not keep its schedule: 1 %% of its requests were sent %s late or more, with a connection free; the latencies include that",
		duration(t.Generator.Late.P99))
	warn(t.Generator.CPUShare > busyAt, "the generator took %.0f %% of the machine's processors", 100*t.Generator.CPUShare)
	queued := float64(t.Generator.Queued) / float64(max(1, t.All.Total()))
	warn(queued > queuedAt, "%.1f %% of the requests waited until one of the connections was free, which is in their latency", 100*queued)
	var limited int64
	for failure, n := range t.All.Errors {
		if strings.HasPrefix(failure, "429") {
			limited += n
		}
	}
	warn(limited > 0, "%d requests met a rate limit of the server: agora serve --http-rate-per-token 0 --http-rate-per-address 0 has none", limited)
	return all
}

// WriteJSON writes the whole report.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}
