package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"agora/fault"
	"agora/telemetry"
)

// Consumer follows a topic for a group: it hands every message to Handle at least once, each partition in its
// order, and stores how far the group is. Set the fields, then call Run. At one time there should be one
// Consumer of a group: a second one handles the same messages again. Processes that share a Log call Run in a lead.Task.
type Consumer struct {
	Log   Log
	Topic string
	Group string // names one reader of one topic, and the label of its metrics

	// Handle does the work of a batch, whose messages come from one partition, in order. Batches of different
	// partitions are handled concurrently. An error has the whole batch handled again after a pause, for as
	// long as it takes: what cannot ever be handled has to be put aside by Handle itself.
	Handle func(ctx context.Context, batch []Message) error

	Batch   int                // the most messages of a batch; 0 means 256
	Grace   time.Duration      // how long a batch in hand may take once Run is to stop; 0 means 10 s
	Metrics *telemetry.Metrics // agora_log_lag_records and agora_log_lag_seconds
	Logger  *slog.Logger       // told of every failed batch; nil means none
}

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 30 * time.Second
	lagInterval  = time.Second
)

// Run reads until ctx ends, lets Handle finish the batches in hand and returns nil. It returns an error when
// going on by itself would be wrong. The one to expect is CodeOutOfRange: Trim dropped records that the group
// had not read. Who can do without them commits the oldest offset of Log.Ends and runs again.
func (c Consumer) Run(ctx context.Context) error {
	if err := CheckName("group", c.Group); err != nil {
		return err
	}
	c.Batch = cmp.Or(c.Batch, 256)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler)).With("group", c.Group, "topic", c.Topic)

	positions, err := c.positions(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start consumer %s: %w", c.Group, err)
	}
	running, ctx := errgroup.WithContext(ctx)
	work, cancel := afterGrace(ctx, c.Grace)
	defer cancel()
	for partition := range positions {
		f := &follower{Consumer: c, partition: partition, position: &positions[partition]}
		running.Go(func() error { return f.follow(ctx, work) })
	}
	running.Go(func() error { c.measure(ctx, positions); return nil })
	if err := running.Wait(); err != nil {
		return fmt.Errorf("consumer %s: %w", c.Group, err)
	}
	return nil
}

// positions returns the offset to read next of each partition. A group that has never committed begins with
// the oldest record.
func (c Consumer) positions(ctx context.Context) ([]atomic.Int64, error) {
	ends, err := c.Log.Ends(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	positions := make([]atomic.Int64, len(ends))
	for p := range ends {
		offset, ok, err := c.Log.Committed(ctx, c.Group, c.Topic, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			offset = ends[p].Oldest
		}
		positions[p].Store(offset)
	}
	return positions, nil
}

// afterGrace returns a context that ends a time after ctx does, so that work under way can be finished.
func afterGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-work.Done():
		}
	})
	return work, cancel
}

// follower is a Consumer at one partition.
type follower struct {
	Consumer
	partition int
	position  *atomic.Int64
	pause     time.Duration
}

// follow handles one batch after the other until ctx ends; work is the context of what it does with a batch.
func (f *follower) follow(ctx, work context.Context) error {
	for ctx.Err() == nil {
		err := f.step(ctx, work)
		switch {
		case err == nil:
			f.pause = 0
		case ctx.Err() != nil: // the run ends, which step may have met as an error
		case passing(err):
			f.pause = min(max(2*f.pause, firstPause), longestPause)
			f.Logger.Warn("event batch failed", "partition", f.partition, "offset", f.position.Load(), "pause", f.pause, "error", err)
			sleep(ctx, jitter(f.pause))
		default:
			return err
		}
	}
	return nil
}

// step handles the next batch, or waits for there to be one.
func (f *follower) step(ctx, work context.Context) error {
	offset := f.position.Load()
	batch, err := f.Log.Read(ctx, f.Topic, f.partition, offset, f.Batch)
	if err != nil {
		return err
	}
	if len(batch) == 0 {
		return f.Log.Wait(ctx, f.Topic, f.partition, offset)
	}
	if err := f.Handle(work, batch); err != nil {
		return handlerError{err}
	}
	next := batch[len(batch)-1].Offset + 1
	if err := f.Log.Commit(work, f.Group, f.Topic, f.partition, next); err != nil {
		return err
	}
	f.position.Store(next)
	return nil
}

// handlerError marks what came from Handle, which is tried again whatever it is.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// passing reports whether trying again can help.
func passing(err error) bool {
	if _, ok := errors.AsType[handlerError](err); ok {
		return true
	}
	return fault.Passing(err)
}

// jitter returns a time between half of d and d, so that what failed together does not come back together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// measure keeps the lag metrics until ctx ends. It looks at the log itself, so that the lag of a handler that
// hangs or fails goes on growing.
func (c Consumer) measure(ctx context.Context, positions []atomic.Int64) {
	records := c.Metrics.Gauge("agora_log_lag_records", "Records that the group has not handled yet.", "group")
	seconds := c.Metrics.Gauge("agora_log_lag_seconds", "Time since the oldest record that the group has not handled was appended.", "group")
	for ctx.Err() == nil {
		// An error is left to the followers, who meet it too and log it or end the run.
		if count, age, err := c.lag(ctx, positions); err == nil {
			records.Set(float64(count), c.Group)
			seconds.Set(age.Seconds(), c.Group)
		}
		sleep(ctx, lagInterval)
	}
	// What is left is the lag of whoever reads on, perhaps another process.
	records.Set(0, c.Group)
	seconds.Set(0, c.Group)
}

// lag returns how many records are not handled and how long ago the oldest of them was appended.
func (c Consumer) lag(ctx context.Context, positions []atomic.Int64) (records int64, age time.Duration, err error) {
	ends, err := c.Log.Ends(ctx, c.Topic)
	if err != nil {
		return 0, 0, err
	}
	for p := range ends {
		position := positions[p].Load()
		if position >= ends[p].Next {
			continue
		}
		records += ends[p].Next - position
		first, err := c.Log.Read(ctx, c.Topic, p, position, 1)
		if err != nil {
			return 0, 0, err
		}
		if len(first) > 0 {
			age = max(age, time.Since(first[0].Appended))
		}
	}
	return records, age, nil
}
