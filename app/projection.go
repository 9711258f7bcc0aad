package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// projection is a read model that follows the shop's events.
type projection struct {
	group   string // under which the event log remembers how far it is
	events  eventlog.Log
	project func(context.Context, []shop.Event) error
	rebuild func(context.Context) error                       // without the event log
	lost    func(context.Context, []shop.Event) (bool, error) // whether it lacks what it projected
}

const (
	followBatch = 1000 // large, so that a hot SKU is read once for many orders
	lookBack    = 100  // events of each partition that a read model has to know when the program starts
	mendPause   = 10 * time.Second
)

// projections are the read models of the marketplace.
func (m *marketplace) projections(events eventlog.Log) []projection {
	return []projection{
		{group: "inventory", events: events, project: m.sync.Project, rebuild: m.sync.Rebuild, lost: neverLost},
		{group: "orders", events: events, project: m.history.Project, rebuild: m.history.Rebuild, lost: m.history.Lost},
	}
}

// neverLost is the answer of a read model that lives in the catalogue: it is lost only with the products.
func neverLost(context.Context, []shop.Event) (bool, error) { return false, nil }

// follow keeps the read model up to date until ctx ends, while no other server does. What stands in the way is tried
// again for as long as it takes, while the shop goes on selling.
func (p projection) follow(ctx context.Context, log *slog.Logger, metrics *telemetry.Metrics) error {
	consumer := eventlog.Consumer{
		Log: p.events, Topic: shop.Topic, Group: p.group, Batch: followBatch, Metrics: metrics, Logger: log, Handle: p.handle,
	}
	return whileLeading(ctx, p.events, p.group, log, func(ctx context.Context) error { return p.followAlone(ctx, consumer, log) })
}

func (p projection) followAlone(ctx context.Context, consumer eventlog.Consumer, log *slog.Logger) error {
	for ctx.Err() == nil {
		err := p.mend(ctx, log)
		if err == nil {
			err = consumer.Run(ctx)
			if fault.CodeOf(err) == eventlog.CodeOutOfRange {
				continue
			}
			if !passing(err) {
				return err
			}
		}
		if ctx.Err() == nil {
			log.WarnContext(ctx, "a read model could not be checked, rebuilt or followed", "group", p.group, "pause", mendPause, "error", err)
			pause(ctx, mendPause)
		}
	}
	return nil
}

// catchUp takes all that is on the event log now into the read model, and fails if something cannot be. What another
// server leads is left to that one, and waited for.
func (p projection) catchUp(ctx context.Context, log *slog.Logger) error {
	ends, err := p.events.Ends(ctx, shop.Topic)
	if err != nil {
		return err
	}
	for {
		led, err := ifLeading(ctx, p.events, p.group, func(ctx context.Context) error { return p.catchUpTo(ctx, ends, log) })
		if led || err != nil {
			return err
		}
		behind, err := p.behind(ctx, ends)
		if err != nil || !behind {
			return err
		}
		log.InfoContext(ctx, "waiting for the server that leads to catch up", "group", p.group)
		pause(ctx, campaign)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (p projection) catchUpTo(ctx context.Context, ends []eventlog.Bounds, log *slog.Logger) error {
	if err := p.mend(ctx, log); err != nil {
		return err
	}
	for partition, bounds := range ends {
		if err := p.read(ctx, partition, bounds); err != nil {
			return fmt.Errorf("%s: %w", p.group, err)
		}
	}
	return nil
}

// behind reports whether the group has not read to the ends yet.
func (p projection) behind(ctx context.Context, ends []eventlog.Bounds) (bool, error) {
	for partition, bounds := range ends {
		next, _, err := p.events.Committed(ctx, p.group, shop.Topic, partition)
		if err != nil || next < bounds.Next {
			return true, err
		}
	}
	return false, nil
}

// read takes a partition into the read model, from where its group is to the end.
func (p projection) read(ctx context.Context, partition int, bounds eventlog.Bounds) error {
	next, known, err := p.events.Committed(ctx, p.group, shop.Topic, partition)
	if err != nil {
		return err
	}
	if !known {
		next = bounds.Oldest
	}
	for next < bounds.Next {
		batch, err := p.events.Read(ctx, shop.Topic, partition, next, followBatch)
		if err != nil {
			return err
		}
		if err := p.handle(ctx, batch); err != nil {
			return fmt.Errorf("events from %d on in partition %d: %w", next, partition, err)
		}
		next = batch[len(batch)-1].Offset + 1
		if err := p.events.Commit(ctx, p.group, shop.Topic, partition, next); err != nil {
			return err
		}
	}
	return nil
}

// handle takes a batch into the read model.
func (p projection) handle(ctx context.Context, batch []eventlog.Message) error {
	events, err := shop.DecodeEvents(batch)
	if err != nil {
		return err
	}
	return p.project(ctx, events)
}

// mend rebuilds the read model if it lost what it knew, or if the event log no longer has what its group would
// read next. The group then goes on with the oldest event that is there.
func (p projection) mend(ctx context.Context, log *slog.Logger) error {
	ends, err := p.events.Ends(ctx, shop.Topic)
	if err != nil {
		return err
	}
	known, outside, err := p.lookBack(ctx, ends)
	if err != nil {
		return err
	}
	lost, err := p.lost(ctx, known)
	if err != nil || !lost && len(outside) == 0 {
		return err
	}
	log.WarnContext(ctx, "a read model is rebuilt", "group", p.group, "lost", lost, "partitions_outgrown", len(outside))
	if err := p.rebuild(ctx); err != nil {
		return fmt.Errorf("%s: %w", p.group, err)
	}
	for _, partition := range outside {
		if err := p.events.Commit(ctx, p.group, shop.Topic, partition, ends[partition].Oldest); err != nil {
			return err
		}
	}
	return nil
}

// lookBack returns the events that the group read last of each partition, as far as the log still has them, and
// the partitions where it does not have the one to read next.
func (p projection) lookBack(ctx context.Context, ends []eventlog.Bounds) (known []shop.Event, outside []int, err error) {
	var messages []eventlog.Message
	for partition, bounds := range ends {
		next, committed, err := p.events.Committed(ctx, p.group, shop.Topic, partition)
		if err != nil {
			return nil, nil, err
		}
		if !committed {
			continue
		}
		if bounds.Check(shop.Topic, partition, next) != nil {
			outside = append(outside, partition)
			continue
		}
		from := max(bounds.Oldest, next-lookBack)
		read, err := p.events.Read(ctx, shop.Topic, partition, from, int(next-from))
		if err != nil {
			return nil, nil, err
		}
		messages = append(messages, read...)
	}
	known, err = shop.DecodeEvents(messages)
	return known, outside, err
}
