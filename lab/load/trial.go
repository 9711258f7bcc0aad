package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// intervalsKept bounds what a trial remembers over time. Short trials have intervals of a second.
	intervalsKept = 600

	// settling is how long the reads around a trial may take, also after an interrupt.
	settling = 2 * time.Minute

	// enoughAnswered is the share of the intended rate that has to be answered, or the rate is missed.
	enoughAnswered = 0.99
)

// trial is load at one rate.
type trial struct {
	*load
	schedule
	drawn Arrivals     // of this trial
	next  atomic.Int64 // number of arrivals that connections have taken
	meter *meter
	begin time.Time

	hopeless  time.Duration // how late an arrival may be before the trial is given up; 0 for never
	abandoned atomic.Bool
	intervals []Interval // written by follow alone, and read after its end
}

// try runs a trial at a rate.
func (l *load) try(ctx context.Context, rate float64, warmUp, duration time.Duration) (Trial, error) {
	t := &trial{load: l, schedule: schedule{rate, warmUp, duration}, meter: newMeter(l.Scenario.Kinds())}
	if l.Find {
		t.hopeless = max(time.Second, 10*l.slowestGoal())
	}
	t.drawn = NewArrivals(l.sent, t.arrivals(), l.Seed, l.Mix, l.Scenario.Kinds())
	l.sent += t.drawn.Count
	l.Measures.reset()
	if err := l.traffic.Open(ctx, t.drawn); err != nil {
		return Trial{}, err
	}
	l.watch(Progress{Doing: fmt.Sprintf("sending %.4g requests a second for %v, after a warm-up of %v", rate, duration, warmUp)})
	before := l.scrape(ctx)
	usage := cpuTime()
	t.run(ctx)
	took := time.Since(t.begin)
	usage = cpuTime() - usage

	around, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	server := serverFigures(before, l.scrape(around), took, l.Scenario.ServerMetrics())
	if err := l.traffic.Close(around); err != nil {
		l.warnings = append(l.warnings, err.Error())
	}
	result := t.result(ctx, took, usage)
	result.Server = server
	return result, nil
}

// run sends the requests of the schedule, and returns when each is answered or given up.
func (t *trial) run(ctx context.Context) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	around, done := context.WithCancel(context.WithoutCancel(ctx))
	var workers, others sync.WaitGroup
	t.begin = time.Now()
	t.Measures.begin(t.begin.Add(t.warmUp))
	for i, wire := range t.wires {
		workers.Go(func() {
			t.work(sending, stop, t.traffic.Customer(&Connection{Number: i + 1, retry: t.Retry, wire: wire}))
		})
	}
	others.Go(func() { t.follow(around) })
	others.Go(func() { t.traffic.Watch(around) })
	workers.Wait()
	done()
	others.Wait()
}

// work takes one arrival after the other and waits for its time. All connections share one count of arrivals, so that no
// arrival waits for a slow answer while another connection is free.
func (t *trial) work(ctx context.Context, stop func(), c Customer) {
	d := newDice()
	arrivals := t.arrivals()
	for busy := false; ; busy = true {
		i := t.next.Add(1) - 1
		if i >= arrivals {
			return
		}
		at := t.at(i)
		early := at - time.Since(t.begin)
		if early > 0 && !wait(ctx, early) || ctx.Err() != nil {
			return
		}
		sent := time.Since(t.begin)
		seen := observation{measured: t.measured(i), late: sent - at, queued: busy && early <= 0}
		if t.hopeless > 0 && seen.late > t.hopeless {
			t.abandoned.Store(true)
			stop()
			return
		}
		seen.kind = t.drawn.draw(d, t.drawn.First+i)
		c.Draw(seen.kind, d.Rand)
		if seen.late > t.Timeout {
			seen.failure = "not sent in time"
		} else {
			seen.outcome, seen.failure = c.Ask(ctx, t.drawn.First+i, t.begin.Add(at+t.Timeout))
		}
		end := time.Since(t.begin)
		seen.latency, seen.service = end-at, end-sent
		t.meter.note(seen)
	}
}

// follow cuts the trial into intervals until ctx ends.
func (t *trial) follow(ctx context.Context) {
	every := max(time.Second, ((t.warmUp + t.duration) / intervalsKept).Round(time.Second))
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last time.Duration
	var due int64
	for running := true; running; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			running = false
		}
		at := time.Since(t.begin)
		if at-last < every/4 { // the rest of an interval says little of a rate
			continue
		}
		now := t.due(at)
		cut := t.meter.cut(at, at-last, now-due)
		last, due = at, now
		t.intervals = append(t.intervals, cut)
		t.watch(Progress{Doing: "sending", Rate: t.rate, Of: t.warmUp + t.duration, Interval: &cut})
	}
}

// result returns what the trial measured.
func (t *trial) result(ctx context.Context, took, cpu time.Duration) Trial {
	r := Trial{
		Rate: t.rate, WarmUpSeconds: t.warmUp.Seconds(), DurationSeconds: t.duration.Seconds(), TookSeconds: took.Seconds(),
		Intervals: t.intervals, Distribution: t.meter.distribution(),
	}
	switch {
	case t.abandoned.Load():
		r.Ended = fmt.Sprintf("given up: requests began more than %v late", t.hopeless)
	case ctx.Err() != nil:
		r.Ended = "interrupted"
	}
	r.All, r.Kinds = t.meter.figures(took - t.warmUp)
	r.Times, r.Counts = t.Measures.results()
	late, queued := t.meter.sends()
	r.Generator = generatorFigures(late, queued, cpu, took, min(t.next.Load(), t.arrivals()))
	r.judge(t.Options)
	return r
}
