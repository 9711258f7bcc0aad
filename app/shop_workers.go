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

// relay moves the shop's events from the journal to the event log, on one server at a time.
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

// run relays events while this server leads, until ctx ends.
func (r *relay) run(ctx context.Context) error {
	return r.task.Run(ctx, func(ctx context.Context) error {
		r.Run(ctx)
		return nil
	})
}

// flush relays the waiting events, unless another server leads.
func (r *relay) flush(ctx context.Context) error {
	_, err := r.task.Once(ctx, r.Flush)
	return err
}

// publishTo returns a function that appends messages of the outbox to the event log.
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
		return projection.New(p, projection.Options{Leader: m.stores.eventsLeader(), Log: m.log, Metrics: m.metrics})
	}
	return []*projection.Runner[shop.Event]{
		// No Lost: this read model is in the catalogue, and is lost only together with the products.
		follow(projection.Projection[shop.Event]{Group: "inventory", Project: m.sync.Project, Rebuild: m.sync.Rebuild}),
		follow(projection.Projection[shop.Event]{
			Group: "orders", Project: m.history.Project, Rebuild: m.history.Rebuild, Lost: m.history.Lost,
		}),
	}
}

// runSagas finishes checkouts until ctx ends, beginning with those of an earlier process. If servers share the orders, only one
// of them does this: otherwise each server would call the gateway for every checkout.
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
