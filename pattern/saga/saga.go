// Package saga drives work that spans systems which share no transaction, as a sequence of durable steps with
// compensations: Garcia-Molina and Salem, "Sagas", SIGMOD 1987.
//
// The state of a saga is a record that each step updates in the same transaction as its own effect, so that a crash
// leaves the saga either before or after the step. Steps may run more than once and have to be idempotent. A compensation is
// a step like any other: a failed step moves the record to it.
//
// Use it where a remote system answers late or never, such as a payment. Sagas are not isolated: others see the
// effects of the steps that are done.
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

// Record is the state of one running saga.
type Record struct {
	ID      string    // what the saga is about, such as an order's id
	Step    string    // the step that is next
	Attempt int       // how often that step was tried and failed
	Due     time.Time // when to try the step; until then the caller that inserted the record may be executing it
}

// Store holds the records. The steps insert, update and delete them, in the transactions of their effects.
type Store interface {
	// Due returns up to limit records that are due, in the order of Due.
	Due(ctx context.Context, now time.Time, limit int) ([]Record, error)
	// Postpone sets Attempt and Due of the record with the ID of r if its step is still r.Step; otherwise it does nothing.
	Postpone(ctx context.Context, r Record) error
}

// Step does the work of one step and updates the record. After an error the step is retried with a delay.
type Step func(ctx context.Context, r Record) error

// Runner executes the steps that are due: those that a crash interrupted, and those whose remote system did not answer.
type Runner struct {
	name  string
	store Store
	steps map[string]Step
	log   *slog.Logger
	tried telemetry.Counter
}

const (
	poll         = time.Second // interval of the reads of due records
	limit        = 256         // records of one read
	workers      = 16          // steps that run concurrently
	recovered    = 10_000      // records that Recover tries; the others run when they are due
	forever      = 10 * 365 * 24 * time.Hour
	firstPause   = 500 * time.Millisecond // delay after a first failure, doubled up to longestPause
	longestPause = time.Minute
)

// Options are optional.
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

// Run polls for due records and executes their steps until ctx ends and the current steps are done.
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

// Recover tries every saga once, whether or not it is due. Call it at the start of a process that does not share the
// store: no other process can be executing a step, so that there is nothing to wait for.
func (r *Runner) Recover(ctx context.Context) error {
	_, err := r.tryDue(ctx, time.Now().Add(forever), recovered)
	return err
}

// Once executes the steps of the records that are due now and returns their number.
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

// try executes the step of a record; a failure postpones the record.
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
		return // stopped: the record stays due for the next start
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
