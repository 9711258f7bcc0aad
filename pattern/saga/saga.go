// Package saga drives work that spans systems which share no transaction, as a row of durable steps with
// compensations: Garcia-Molina and Salem, "Sagas", SIGMOD 1987.
//
// A saga's place is a record that each step moves on in the same transaction as its own effect, so that a
// crash leaves it either before or behind the step, never within. Steps may run more than once and have
// to be idempotent. A compensation is a step like any other: the one that a failed step moves to.
//
// Use it where a remote system answers late or never, such as a payment. What it is not: a job queue, or
// isolation. Others see what a saga has done so far.
package saga

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"agora/backoff"
	"agora/telemetry"
)

// Record is the place of one running saga.
type Record struct {
	ID      string    // what the saga is about, such as an order's id
	Step    string    // the step that is next
	Attempt int       // how often that step was tried and failed
	Due     time.Time // when to try it; until then whoever moved it here may be at it
}

// Store keeps the records. Creating, moving and removing them is the business of the steps, in the
// transactions of their effects.
type Store interface {
	// Due returns up to limit records whose time has come, those due first first.
	Due(ctx context.Context, now time.Time, limit int) ([]Record, error)
	// Postpone sets Attempt and Due of the record with r's ID, if its step is still r's; else it does nothing.
	Postpone(ctx context.Context, r Record) error
}

// Step does the work of one step and moves the record on. An error leaves the record where it is: the step
// is tried again after a pause.
type Step func(ctx context.Context, r Record) error

// Runner finishes sagas whose time has come: those that a crash left, and those that wait for a system
// that is away.
type Runner struct {
	name  string
	store Store
	steps map[string]Step
	log   *slog.Logger
	tried telemetry.Counter
}

const (
	poll         = time.Second // interval of the reads of due records
	limit        = 256         // records taken at a look
	workers      = 16          // steps run at a time
	recovered    = 10_000      // records taken at a start; the others come when they are due
	forever      = 10 * 365 * 24 * time.Hour
	firstPause   = 500 * time.Millisecond // pause after a first failure, doubled up to longestPause
	longestPause = time.Minute
)

// Options are what a Runner may be given.
type Options struct {
	Log     *slog.Logger       // nil means none
	Metrics *telemetry.Metrics // agora_saga_steps_total{saga,step,result}; nil means none
}

// NewRunner returns a runner for the sagas of one kind.
func NewRunner(name string, store Store, steps map[string]Step, o Options) *Runner {
	return &Runner{
		name: name, store: store, steps: steps, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		tried: o.Metrics.Counter("agora_saga_steps_total", "Steps that the saga runner tried.", "saga", "step", "result"),
	}
}

// Run looks for due records and runs their steps until ctx ends and the steps under way are done.
func (r *Runner) Run(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := r.Once(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("saga records cannot be read", "saga", r.name, "error", err)
		}
		if n == limit {
			continue
		}
		backoff.Sleep(ctx, poll)
	}
}

// Recover tries every saga once, whether or not it is due. It is for the start of a process that has the store
// to itself: whoever was at a step is gone, and waiting for their time to be over helps nobody.
func (r *Runner) Recover(ctx context.Context) error {
	_, err := r.tryDue(ctx, time.Now().Add(forever), recovered)
	return err
}

// Once runs the steps of the records that are due now and returns how many there were.
func (r *Runner) Once(ctx context.Context) (int, error) { return r.tryDue(ctx, time.Now(), limit) }

func (r *Runner) tryDue(ctx context.Context, now time.Time, limit int) (int, error) {
	records, err := r.store.Due(ctx, now, limit)
	if err != nil {
		return 0, err
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, workers)
	for _, record := range records {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			r.try(ctx, record)
		})
	}
	running.Wait()
	return len(records), nil
}

// try runs the record's step; a failure postpones it.
func (r *Runner) try(ctx context.Context, record Record) {
	step, ok := r.steps[record.Step]
	err := fmt.Errorf("saga %s has no step %q", r.name, record.Step)
	if ok {
		err = step(ctx, record)
	}
	if err == nil {
		r.tried.Inc(r.name, record.Step, "done")
		return
	}
	if ctx.Err() != nil {
		return // stopped, not failed: the record stays due for the next start
	}
	r.tried.Inc(r.name, record.Step, "failed")
	pause := backoff.Jitter(backoff.After(record.Attempt, firstPause, longestPause))
	record.Attempt++
	record.Due = time.Now().Add(pause)
	r.log.Warn("saga step failed and will be tried again",
		"saga", r.name, "id", record.ID, "step", record.Step, "attempt", record.Attempt, "pause", pause, "error", err)
	if err := r.store.Postpone(ctx, record); err != nil {
		r.log.Warn("saga record cannot be postponed", "saga", r.name, "id", record.ID, "error", err)
	}
}
