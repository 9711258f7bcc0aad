package load

import (
	"fmt"
	"regexp"
	"time"

	"agora/fault"
)

// Goal is a latency that has to be kept below a limit, such as p99<25ms, or order.p99<50ms for one kind
// or one of the times that a scenario measures.
type Goal struct {
	Kind   Kind // "" for all requests together
	Figure string
	Limit  time.Duration
}

var goalForm = regexp.MustCompile(`^(?:([a-z]+)\.)?(p50|p90|p99|p99\.9|max|mean)<(.+)$`)

// UnmarshalText reads a goal.
func (g *Goal) UnmarshalText(text []byte) error {
	parts := goalForm.FindStringSubmatch(string(text))
	if parts == nil {
		return fault.ErrInvalid("goal", "%q is not like p99<25ms or order.p99<50ms", text)
	}
	limit, err := time.ParseDuration(parts[3])
	if err != nil || limit <= 0 {
		return fault.ErrInvalid("goal", "%q is no duration", parts[3])
	}
	*g = Goal{Kind(parts[1]), parts[2], limit}
	return nil
}

// MarshalText returns what UnmarshalText reads.
func (g Goal) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

func (g Goal) String() string {
	prefix := ""
	if g.Kind != "" {
		prefix = string(g.Kind) + "."
	}
	return fmt.Sprintf("%s%s<%v", prefix, g.Figure, g.Limit)
}

// of returns the figure that the goal is about, in milliseconds, and whether there is one.
func (g Goal) of(t Trial) (float64, bool) {
	p := t.All.Latency
	if g.Kind != "" {
		p = t.Kinds[g.Kind].Latency
	}
	if time, ok := t.Times[g.Kind]; ok {
		p = time
	}
	got := map[string]float64{"p50": p.P50, "p90": p.P90, "p99": p.P99, "p99.9": p.P999, "max": p.Max, "mean": p.Mean}
	return got[g.Figure], p.Count > 0
}

// slowestGoal is the highest of the limits.
func (o Options) slowestGoal() time.Duration {
	var limit time.Duration
	for _, g := range o.Goals {
		limit = max(limit, g.Limit)
	}
	return limit
}
