package app

import (
	"context"
	"log/slog"

	"agora/pattern/eventlog"
	"agora/pattern/lead"
	"agora/pattern/outbox"
	"agora/pattern/projection"
	"agora/shop"
	"agora/telemetry"
)

// relay carries the shop's events from the journal to the event log. One server does at a time.
type relay struct {
	*outbox.Relay
	task lead.Task
}

func newRelay(s *stores, log *slog.Logger, metrics *telemetry.Metrics) *relay {
	return &relay{
		Relay: outbox.NewRelay(s.orders, publishTo(s.events), outbox.Options{Log: log, Metrics: metrics}),
		task:  lead.Task{Leader: lead.Of(s.orders), Name: "outbox", Log: log},
	}
}

// run relays until ctx ends, while no other server does.
func (r *relay) run(ctx context.Context) error {
	return r.task.Run(ctx, func(ctx context.Context) error {
		r.Run(ctx)
		return nil
	})
}

// flush relays the events that wait now, unless another server leads.
func (r *relay) flush(ctx context.Context) error {
	_, err := r.task.Once(ctx, r.Flush)
	return err
}

// publishTo carries the shop's outbox to the event log.
func publishTo(log eventlog.Log) outbox.Publish {
	return func(ctx context.Context, messages []outbox.Message) error {
		records := make([]eventlog.Record, len(messages))
		for i, m := range messages {
			records[i] = eventlog.Record{ID: m.ID, Kind: m.Kind, Key: m.Key, Value: m.Body, At: m.At}
		}
		_, err := log.Append(ctx, shop.Topic, records...)
		return err
	}
}

// projections are the read models of the shop.
func (m *marketplace) projections() []*projection.Runner[shop.Event] {
	events := m.stores.events
	follow := func(p projection.Projection[shop.Event]) *projection.Runner[shop.Event] {
		p.Events, p.Topic, p.Decode = events, shop.Topic, shop.DecodeEvents
		return projection.New(p, projection.Options{Leader: lead.Of(events), Log: m.log, Metrics: m.metrics})
	}
	return []*projection.Runner[shop.Event]{
		// The inventory is a part of the catalogue, and lost only with the products.
		follow(projection.Projection[shop.Event]{Group: "inventory", Project: m.sync.Project, Rebuild: m.sync.Rebuild}),
		follow(projection.Projection[shop.Event]{
			Group: "orders", Project: m.history.Project, Rebuild: m.history.Rebuild, Lost: m.history.Lost,
		}),
	}
}

// runSagas finishes checkouts until ctx ends, at first those that an earlier process left. If servers share the orders, one
// of them does: each that did would call the gateway for all of them.
func (m *marketplace) runSagas(ctx context.Context) error {
	if m.alone {
		if err := m.runner.Recover(ctx); err != nil {
			m.log.WarnContext(ctx, "unfinished checkouts wait until they are due", "error", err)
		}
	}
	task := lead.Task{Leader: lead.Of(m.stores.orders), Name: "checkouts", Log: m.log}
	return task.Run(ctx, func(ctx context.Context) error {
		m.runner.Run(ctx)
		return nil
	})
}
