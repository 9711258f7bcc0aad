// Package outbox gets what a transaction decided to others, at least once and in order, without a
// distributed transaction: the message is stored with the change that it reports, and a relay carries it
// on afterwards. See Chris Richardson, "Transactional outbox", https://microservices.io/patterns/data/transactional-outbox.html.
//
// Use it for every event that must not be lost and must not report what never happened. What it is not:
// exactly once. After a crash the relay repeats its last batch, so each message has an ID to know it by.
package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"agora/telemetry"
)

// Message is something to be carried on.
type Message struct {
	Seq  uint64    // place in the source, rising
	ID   string    // the same each time the message is sent
	Key  string    // messages of one key stay in order
	Kind string    // what happened, such as "order.placed"
	At   time.Time // when it happened
	Body []byte
}

// Source is where messages were stored with what they report.
type Source interface {
	// Pending returns up to limit messages that were not marked yet, in the order of their commits. It
	// never skips a message that commits late.
	Pending(ctx context.Context, limit int) ([]Message, error)
	// Relayed marks all messages through seq as carried on.
	Relayed(ctx context.Context, seq uint64) error
}

// Leader is a Source that several processes share, of which one relays at a time.
type Leader interface {
	Source
	// Lead calls work if no other process leads the task, and reports whether it did. The context of work ends when
	// the lead is lost. A process that dies or hangs loses it within seconds.
	Lead(ctx context.Context, task string, work func(ctx context.Context) error) (led bool, err error)
}

// Publish carries messages on, in order. It returns nil only when all of them are durable there.
type Publish func(ctx context.Context, messages []Message) error

// Relay moves messages from a source to Publish. One relay runs for a source at a time: of several processes
// that share one, the source has to choose as a Leader.
type Relay struct {
	source  Source
	leads   atomic.Bool // Run has the lead of a shared source
	publish Publish
	log     *slog.Logger
	relayed telemetry.Counter
	age     telemetry.Gauge
	wake    chan struct{}
}

const (
	batch    = 1000                   // messages carried at a time
	poll     = 250 * time.Millisecond // how often the relay looks without being woken
	gather   = 100 * time.Millisecond // how long it lets messages gather when it is: each batch costs every reader a sync
	minPause = 50 * time.Millisecond  // pause after a first failure, doubled up to maxPause
	maxPause = 5 * time.Second
	campaign = time.Second // how often a relay that does not lead tries to
	task     = "outbox"    // that one of the processes leads
)

// NewRelay returns a relay. It keeps agora_outbox_relayed_total and agora_outbox_age_seconds.
func NewRelay(source Source, publish Publish, log *slog.Logger, metrics *telemetry.Metrics) *Relay {
	return &Relay{
		source: source, publish: publish, log: log,
		relayed: metrics.Counter("agora_outbox_relayed_total", "Messages carried from the outbox to the event log."),
		age:     metrics.Gauge("agora_outbox_age_seconds", "Age of the oldest message that was not carried on at the last try; 0 when there was none."),
		wake:    make(chan struct{}, 1),
	}
}

// Wake tells the relay that a message was stored, so that it need not wait for its next look.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run relays until ctx ends. Failures are logged and tried again, for ever: a message is never skipped. Of a
// shared source it relays while it leads.
func (r *Relay) Run(ctx context.Context) {
	leader, shared := r.source.(Leader)
	if !shared {
		r.run(ctx)
		return
	}
	for ctx.Err() == nil {
		_, err := leader.Lead(ctx, task, func(ctx context.Context) error {
			r.log.Info("outbox relay leads")
			r.leads.Store(true)
			defer r.leads.Store(false)
			defer r.age.Set(0) // what is left is the business of the next leader
			r.run(ctx)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			r.log.Warn("outbox relay lost the lead, or cannot try for it", "error", err)
		}
		r.pause(ctx, campaign)
	}
}

func (r *Relay) run(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		n, err := r.step(ctx)
		switch {
		case err == nil && n == batch:
			pause = minPause
		case err == nil:
			pause = minPause
			r.wait(ctx, poll)
			r.pause(ctx, gather)
		case ctx.Err() == nil:
			r.log.Warn("outbox relay failed and will try again", "error", err, "pause", pause)
			r.pause(ctx, pause/2+rand.N(pause/2))
			pause = min(2*pause, maxPause)
		}
	}
}

// Flush relays what is pending now, for an orderly stop. What another process leads is left to it.
func (r *Relay) Flush(ctx context.Context) error {
	leader, shared := r.source.(Leader)
	if !shared || r.leads.Load() {
		return r.flush(ctx)
	}
	_, err := leader.Lead(ctx, task, r.flush)
	return err
}

func (r *Relay) flush(ctx context.Context) error {
	for {
		if n, err := r.step(ctx); err != nil || n == 0 {
			return err
		}
	}
}

// step carries one batch on and returns how many messages were in it.
func (r *Relay) step(ctx context.Context) (int, error) {
	messages, err := r.source.Pending(ctx, batch)
	if err != nil {
		return 0, err
	}
	if len(messages) == 0 {
		r.age.Set(0)
		return 0, nil
	}
	r.age.Set(time.Since(messages[0].At).Seconds()) // before the try, so that a relay that is stuck shows
	if err := r.publish(ctx, messages); err != nil {
		return 0, err
	}
	r.relayed.Add(float64(len(messages)))
	return len(messages), r.source.Relayed(ctx, messages[len(messages)-1].Seq)
}

// wait returns when the relay is woken, after d, or when ctx ends.
func (r *Relay) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-time.After(d):
	}
}

// pause returns after d or when ctx ends. Being woken does not shorten it: each batch costs a sync of the
// log and one of the source, which must not be paid at the rate of new messages.
func (r *Relay) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
