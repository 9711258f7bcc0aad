package load

import (
	"testing"
	"time"
)

func TestMeasuresLeaveOutTheWarmUp(t *testing.T) {
	m, begin := newMeasures(), time.Now()
	m.Note("seen", begin, time.Second) // before the trial
	m.begin(begin.Add(5 * time.Second))
	m.Note("seen", begin.Add(4*time.Second), time.Minute)
	m.Note("seen", begin.Add(5*time.Second), 20*time.Millisecond)
	m.Count("guests", 2)
	m.Count("guests", 1)
	times, counts := m.results()
	if p := times["seen"]; p.Count != 1 || p.Max < 19.9 || p.Max > 20.1 || counts["guests"] != 3 {
		t.Errorf("times %+v, counts %v; want one of 20 ms, and 3 guests", times, counts)
	}
	m.reset()
	if times, counts := m.results(); len(times)+len(counts) > 0 {
		t.Errorf("after a reset there are %v and %v", times, counts)
	}
}

func TestAGoalMayNameAMeasuredTime(t *testing.T) {
	trial := Trial{Times: map[Kind]Percentiles{"seen": {Count: 3, P99: 19}}}
	goal := Goal{"seen", "p99", 20 * time.Millisecond}
	if got, ok := goal.of(trial); got != 19 || !ok {
		t.Errorf("the goal is about %v, %v; want 19", got, ok)
	}
}

func TestAGaugeIsTheMeanOfTheServers(t *testing.T) {
	after := samples{"lag_seconds": 3, `lag_seconds{store="a"}`: 1, servers: 2}
	if got := (Metric{Series: "lag_seconds", Type: Gauge}).figure(nil, after).Values[""]; got != 2 {
		t.Errorf("the gauge is %v, want 2", got)
	}
}
