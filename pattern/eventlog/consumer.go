package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"agora/backoff"
	"agora/fault"
	"agora/telemetry"
)

// Consumer follows a topic for a group: it passes every message to Handle at least once, in order within a partition, and
// stores the offset of the group. Set the fields, then call Run. One Consumer of a group reads a partition at a
// time: a second one would handle the same messages again. Processes that share an event log call Run in a lead.Task, or
// for one partition each in a lead.Share.
type Consumer struct {
	Events Log
	Topic  string
	Group  string // names one reader of one topic, and the label of its metrics

	// Handle processes a batch, whose messages are of one partition and in order. Batches of different partitions are
	// handled concurrently. After an error the whole batch is handled again, with growing delays and without end: Handle
	// itself has to set aside messages that can never be processed.
	Handle func(ctx context.Context, batch []Message) error

	Partitions []int              // the only ones that this Consumer reads; nil means all
	Batch      int                // the most messages of a batch; 0 means 256
	Grace      time.Duration      // how long the current batches may take after ctx has ended; 0 means 10 s
	Log        *slog.Logger       // gets each failed batch; nil means none
	Metrics    *telemetry.Metrics // agora_log_lag_records and agora_log_lag_seconds; nil means none
}

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 30 * time.Second
	lagInterval  = time.Second
)

// Run reads until ctx ends, waits for the current batches and returns nil. It returns errors that no retry can avoid,
// such as CodeOutOfRange: Trim deleted records that the group had not read. A caller that can do without them
// commits the oldest offset of Log.Ends and calls Run again.
func (c Consumer) Run(ctx context.Context) error {
	if err := CheckName("group", c.Group); err != nil {
		return err
	}
	c.Batch = cmp.Or(c.Batch, 256)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler)).With("group", c.Group, "topic", c.Topic)

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
	for _, position := range positions {
		f := &follower{Consumer: c, position: position, delays: backoff.Delays{First: firstPause, Longest: longestPause}}
		running.Go(func() error { return f.follow(ctx, work) })
	}
	running.Go(func() error { c.measure(ctx, positions); return nil })
	if err := running.Wait(); err != nil {
		return fmt.Errorf("consumer %s: %w", c.Group, err)
	}
	return nil
}

// position is the offset to read next of a partition.
type position struct {
	partition int
	offset    atomic.Int64
}

// positions returns the position in each partition that the Consumer reads. A group that has never committed begins with
// the oldest record.
func (c Consumer) positions(ctx context.Context) ([]*position, error) {
	ends, err := c.Events.Ends(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	partitions := c.Partitions
	if partitions == nil {
		for partition := range ends {
			partitions = append(partitions, partition)
		}
	}
	positions := make([]*position, len(partitions))
	for i, partition := range partitions {
		if slices.Contains(partitions[:i], partition) {
			return nil, fault.ErrInvalid("partitions", "has %d twice", partition)
		}
		offset, ok, err := c.Events.Committed(ctx, c.Group, c.Topic, partition)
		if err != nil {
			return nil, err
		}
		if !ok {
			offset = ends[partition].Oldest
		}
		positions[i] = &position{partition: partition}
		positions[i].offset.Store(offset)
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

// follower reads one partition for a Consumer.
type follower struct {
	Consumer
	*position
	delays backoff.Delays
}

// follow handles one batch after the other until ctx ends; work is the context of Handle and Commit.
func (f *follower) follow(ctx, work context.Context) error {
	for ctx.Err() == nil {
		err := f.step(ctx, work)
		switch {
		case err == nil:
			f.delays.Reset()
		case ctx.Err() != nil: // Run ends, and step may return that as an error
		case passing(err):
			pause := f.delays.Next()
			f.Log.Warn("event batch failed", "partition", f.partition, "offset", f.offset.Load(), "pause", pause, "error", err)
			backoff.Sleep(ctx, pause)
		default:
			return err
		}
	}
	return nil
}

// step handles the next batch, or waits for one.
func (f *follower) step(ctx, work context.Context) error {
	offset := f.offset.Load()
	batch, err := f.Events.Read(ctx, f.Topic, f.partition, offset, f.Batch)
	if err != nil {
		return err
	}
	if len(batch) == 0 {
		return f.Events.Wait(ctx, f.Topic, f.partition, offset)
	}
	if err := f.Handle(work, batch); err != nil {
		return handlerError{err}
	}
	next := batch[len(batch)-1].Offset + 1
	if err := f.Events.Commit(work, f.Group, f.Topic, f.partition, next); err != nil {
		return err
	}
	f.offset.Store(next)
	return nil
}

// handlerError marks an error of Handle, which is retried whatever its kind.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// passing reports whether a retry can help.
func passing(err error) bool {
	if _, ok := errors.AsType[handlerError](err); ok {
		return true
	}
	return fault.Passing(err)
}

// measure sets the lag metrics until ctx ends. It reads the log itself, so that the lag of a handler that hangs or fails
// continues to grow. Consumers of some partitions of a group have a series each, whose label ends with the partitions.
func (c Consumer) measure(ctx context.Context, positions []*position) {
	label := c.Group
	if c.Partitions != nil {
		label += strings.NewReplacer("[", "/", " ", ",", "]", "").Replace(fmt.Sprint(c.Partitions))
	}
	records := c.Metrics.Gauge("agora_log_lag_records", "Records that the group has not handled yet.", "group")
	seconds := c.Metrics.Gauge("agora_log_lag_seconds", "Time since the oldest record that the group has not handled was appended.", "group")
	for ctx.Err() == nil {
		// The followers get the same error, and log it or end Run.
		if count, age, err := c.lag(ctx, positions); err == nil {
			records.Set(float64(count), label)
			seconds.Set(age.Seconds(), label)
		}
		backoff.Sleep(ctx, lagInterval)
	}
	// Another process may go on reading, and then reports the lag.
	records.Set(0, label)
	seconds.Set(0, label)
}

// lag returns the number of records that are not handled, and the time since the append of the oldest.
func (c Consumer) lag(ctx context.Context, positions []*position) (records int64, age time.Duration, err error) {
	ends, err := c.Events.Ends(ctx, c.Topic)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range positions {
		offset, end := p.offset.Load(), ends[p.partition].Next
		if offset >= end {
			continue
		}
		records += end - offset
		first, err := c.Events.Read(ctx, c.Topic, p.partition, offset, 1)
		if err != nil {
			return 0, 0, err
		}
		if len(first) > 0 {
			age = max(age, time.Since(first[0].Appended))
		}
	}
	return records, age, nil
}
