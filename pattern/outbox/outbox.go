// Package outbox delivers messages about the changes of a transaction, at least once and in order, without a
// distributed transaction: the message is stored with the change that it reports, and a relay publishes it
// afterwards. See Chris Richardson, "Transactional outbox", https://microservices.io/patterns/data/transactional-outbox.html.
//
// Use it for every event that must not be lost and must not report what never happened. After a crash the relay
// repeats its last batch; receivers recognize a message by its ID.
package outbox

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"agora/backoff"
	"agora/telemetry"
)

// Message reports a change.
type Message struct {
	Seq  uint64    // sequence number in the source
	ID   string    // the same each time the message is sent
	Key  string    // messages of one key stay in order
	Kind string    // what happened, such as "order.placed"
	At   time.Time // when it happened
	Body []byte
}

// Source is the store of the messages and of the changes that they report.
type Source interface {
	// Pending returns the first messages that are not marked, up to limit, in the order of their commits. It
	// never skips a message that commits late.
	Pending(ctx context.Context, limit int) ([]Message, error)
	// Relayed marks all messages up to seq. A seq below the last mark changes nothing.
	Relayed(ctx context.Context, seq uint64) error
}

// Publish delivers messages in order. It returns nil only after all of them are durable at the receiver.
type Publish func(ctx context.Context, messages []Message) error

// Relay moves messages from a source to Publish. One relay runs for a source at a time: processes that share a source
// run theirs as a lead.Task.
type Relay struct {
	source  Source
	publish Publish
	log     *slog.Logger
	relayed telemetry.Counter
	age     telemetry.Gauge
	wake    chan struct{}
}

const (
	batch    = 1000                   // messages of one step
	poll     = 250 * time.Millisecond // interval of reads of the source without a call of Wake
	gather   = 100 * time.Millisecond // delay between batches, because each batch costs every reader a sync
	minPause = 50 * time.Millisecond  // delay after a first failure, doubled up to maxPause
	maxPause = 5 * time.Second
)

// Options are optional.
type Options struct {
	Log     *slog.Logger       // nil means none
	Metrics *telemetry.Metrics // agora_outbox_relayed_total and agora_outbox_age_seconds; nil means none
}

// NewRelay returns a relay.
func NewRelay(source Source, publish Publish, o Options) *Relay {
	return &Relay{
		source: source, publish: publish, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		relayed: o.Metrics.Counter("agora_outbox_relayed_total", "Messages carried from the outbox to the event log."),
		age:     o.Metrics.Gauge("agora_outbox_age_seconds", "Age of the oldest message that was not carried on at the last try; 0 when there was none."),
		wake:    make(chan struct{}, 1),
	}
}

// Wake makes the relay read the source now, because a message was stored.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run relays until ctx ends. Failures are logged and tried again without end: a message is never skipped.
func (r *Relay) Run(ctx context.Context) {
	defer r.age.Set(0) // another process may relay the rest
	delays := backoff.Delays{First: minPause, Longest: maxPause}
	for ctx.Err() == nil {
		n, err := r.step(ctx)
		switch {
		case err == nil && n == batch:
			delays.Reset()
		case err == nil:
			delays.Reset()
			r.wait(ctx, poll)
			// Wake does not shorten this: each batch costs a sync of the log and one of the source, which must not
			// be paid at the rate of new messages.
			backoff.Sleep(ctx, gather)
		case ctx.Err() == nil:
			pause := delays.Next()
			r.log.Warn("outbox relay failed and will try again", "error", err, "pause", pause)
			backoff.Sleep(ctx, pause)
		}
	}
}

// Flush relays what is pending now, for an orderly stop. It may be called during Run.
func (r *Relay) Flush(ctx context.Context) error {
	for {
		if n, err := r.step(ctx); err != nil || n == 0 {
			return err
		}
	}
}

// step relays one batch and returns its number of messages.
func (r *Relay) step(ctx context.Context) (int, error) {
	messages, err := r.source.Pending(ctx, batch)
	if err != nil {
		return 0, err
	}
	if len(messages) == 0 {
		r.age.Set(0)
		return 0, nil
	}
	r.age.Set(time.Since(messages[0].At).Seconds()) // before publish, so that the age grows while that fails
	if err := r.publish(ctx, messages); err != nil {
		return 0, err
	}
	r.relayed.Add(float64(len(messages)))
	return len(messages), r.source.Relayed(ctx, messages[len(messages)-1].Seq)
}

// wait returns after a call of Wake, after d, or when ctx ends.
func (r *Relay) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-time.After(d):
	}
}
