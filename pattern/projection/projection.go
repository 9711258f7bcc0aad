// Package projection updates a read model from the events of a topic. It follows the events, rebuilds a model that was lost or whose
// next events were deleted, and catches up on demand.
//
// Use it for each view that is computed from events and can also be rebuilt without them, such as a list of orders. One at a time of
// the servers that share the event log updates a model. Delivery is at least once, so Project has to be idempotent.
package projection

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/lead"
	"agora/telemetry"
)

// Projection is a read model that follows events of type E.
type Projection[E any] struct {
	Events eventlog.Log
	Topic  string
	Group  string // group of the event log, which stores the model's offsets

	Decode  func(batch []eventlog.Message) ([]E, error)
	Project func(ctx context.Context, events []E) error // applies events of one partition, in order, to the model
	Rebuild func(ctx context.Context) error             // computes the model without the event log
	// Lost reports whether the model lacks events that it projected before; nil means that it cannot lose any.
	Lost func(ctx context.Context, events []E) (bool, error)
}

// Options are optional.
type Options struct {
	Leader  lead.Leader        // elects one of the servers that share the event log; nil means that there is only one
	Log     *slog.Logger       // nil means none
	Metrics *telemetry.Metrics // of eventlog.Consumer; nil means none
}

const (
	followBatch = 1000 // large, so that a model reads common data of many events once
	lookBack    = 100  // events of each partition whose effect is checked in the model at the start
	// MendPause is the delay of a retry after a model could not be checked, rebuilt or updated.
	MendPause = 10 * time.Second
)

// Runner runs a Projection.
type Runner[E any] struct {
	Projection[E]
	task    lead.Task
	log     *slog.Logger
	metrics *telemetry.Metrics
}

// New returns the runner of a projection.
func New[E any](p Projection[E], o Options) *Runner[E] {
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Runner[E]{
		Projection: p, log: log, metrics: o.Metrics,
		task: lead.Task{Leader: o.Leader, Name: p.Group, Log: log},
	}
}

// Follow updates the model while this server leads, until ctx ends. It retries after temporary failures without limit, and returns
// other errors.
func (r *Runner[E]) Follow(ctx context.Context) error {
	return r.task.Run(ctx, r.followAlone)
}

func (r *Runner[E]) followAlone(ctx context.Context) error {
	consumer := eventlog.Consumer{
		Events: r.Events, Topic: r.Topic, Group: r.Group, Handle: r.handle, Batch: followBatch, Log: r.log, Metrics: r.metrics,
	}
	for ctx.Err() == nil {
		err := r.mend(ctx)
		if err == nil {
			err = consumer.Run(ctx)
			if fault.CodeOf(err) == eventlog.CodeOutOfRange {
				continue
			}
			if !fault.Passing(err) {
				return err
			}
		}
		if ctx.Err() == nil {
			r.log.WarnContext(ctx, "a read model could not be checked, rebuilt or followed", "group", r.Group, "pause", MendPause, "error", err)
			backoff.Sleep(ctx, MendPause)
		}
	}
	return nil
}

// CatchUp applies all events that are in the log now to the model, or returns an error. If another server leads, it waits until
// that server has applied them.
func (r *Runner[E]) CatchUp(ctx context.Context) error {
	ends, err := r.Events.Ends(ctx, r.Topic)
	if err != nil {
		return err
	}
	for {
		led, err := r.task.Once(ctx, func(ctx context.Context) error { return r.catchUpTo(ctx, ends) })
		if led || err != nil {
			return err
		}
		lags, err := r.lags(ctx, ends)
		if err != nil || !lags {
			return err
		}
		r.log.InfoContext(ctx, "waiting for the server that leads to catch up", "group", r.Group)
		backoff.Sleep(ctx, lead.Campaign)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (r *Runner[E]) catchUpTo(ctx context.Context, ends []eventlog.Bounds) error {
	if err := r.mend(ctx); err != nil {
		return err
	}
	for partition, bounds := range ends {
		if err := r.read(ctx, partition, bounds); err != nil {
			return fmt.Errorf("%s: %w", r.Group, err)
		}
	}
	return nil
}

// lags reports whether the group has not read all partitions to their ends yet.
func (r *Runner[E]) lags(ctx context.Context, ends []eventlog.Bounds) (bool, error) {
	for partition, bounds := range ends {
		next, _, err := r.Events.Committed(ctx, r.Group, r.Topic, partition)
		if err != nil || next < bounds.Next {
			return true, err
		}
	}
	return false, nil
}

// read applies the events of a partition to the model, from the offset of the group to the end of bounds.
func (r *Runner[E]) read(ctx context.Context, partition int, bounds eventlog.Bounds) error {
	next, known, err := r.Events.Committed(ctx, r.Group, r.Topic, partition)
	if err != nil {
		return err
	}
	if !known {
		next = bounds.Oldest
	}
	for next < bounds.Next {
		batch, err := r.Events.Read(ctx, r.Topic, partition, next, followBatch)
		if err != nil {
			return err
		}
		if err := r.handle(ctx, batch); err != nil {
			return fmt.Errorf("events from %d on in partition %d: %w", next, partition, err)
		}
		next = batch[len(batch)-1].Offset + 1
		if err := r.Events.Commit(ctx, r.Group, r.Topic, partition, next); err != nil {
			return err
		}
	}
	return nil
}

// handle applies a batch to the model.
func (r *Runner[E]) handle(ctx context.Context, batch []eventlog.Message) error {
	events, err := r.Decode(batch)
	if err != nil {
		return err
	}
	return r.Project(ctx, events)
}

// mend rebuilds the model if it lost events, or if the event log deleted events that its group has not read. The group then continues
// after the events that were in the log when the rebuild began, because the rebuilt model has all of them. Reading them from the
// beginning could fail, because a rebuild can take longer than the log's retention.
func (r *Runner[E]) mend(ctx context.Context) error {
	ends, err := r.Events.Ends(ctx, r.Topic)
	if err != nil {
		return err
	}
	known, outside, err := r.lookBack(ctx, ends)
	if err != nil {
		return err
	}
	lost := false
	if r.Lost != nil {
		if lost, err = r.Lost(ctx, known); err != nil {
			return err
		}
	}
	if !lost && outside == 0 {
		return nil
	}
	r.log.WarnContext(ctx, "a read model is rebuilt", "group", r.Group, "lost", lost, "partitions_outgrown", outside)
	if err := r.Rebuild(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.Group, err)
	}
	for partition, bounds := range ends {
		if err := r.Events.Commit(ctx, r.Group, r.Topic, partition, bounds.Next); err != nil {
			return err
		}
	}
	return nil
}

// lookBack returns the last events of each partition that the group has read, as far as the log still has them, and
// the number of partitions whose next event is outside of the log.
func (r *Runner[E]) lookBack(ctx context.Context, ends []eventlog.Bounds) (known []E, outside int, err error) {
	var messages []eventlog.Message
	for partition, bounds := range ends {
		next, committed, err := r.Events.Committed(ctx, r.Group, r.Topic, partition)
		if err != nil {
			return nil, 0, err
		}
		if !committed {
			continue
		}
		if bounds.Check(r.Topic, partition, next) != nil {
			outside++
			continue
		}
		from := max(bounds.Oldest, next-lookBack)
		read, err := r.Events.Read(ctx, r.Topic, partition, from, int(next-from))
		if err != nil {
			return nil, 0, err
		}
		messages = append(messages, read...)
	}
	known, err = r.Decode(messages)
	return known, outside, err
}
