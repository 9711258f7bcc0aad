// Package lead lets one of several processes do a task at a time, and divides the parts of a task between them.
//
// Use it for background work on a store that processes share: relays, consumers, cleanups. A Leader elects; a Task
// does its work while it leads, and campaigns otherwise; a Share leads a fair part of many. A lead is not a fence: a
// process that hung may still finish what it began after another one was elected, so the work has to be idempotent.
// The mechanism is that of leases: Gray and Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File
// Cache Consistency", SOSP 1989.
package lead

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"agora/backoff"
	"agora/fault"
)

// Campaign is the time between two attempts to lead.
const Campaign = time.Second

// Leader elects one of the processes that share a store.
type Leader interface {
	// Lead calls work if no other process leads the task, and reports whether it did. The context of work ends when
	// the lead is lost; Lead then returns a fault.Unavailable. A process that dies or hangs loses its leads within
	// seconds. Another process can win the lead as soon as Lead has returned.
	Lead(ctx context.Context, task string, work func(ctx context.Context) error) (led bool, err error)
}

// Of returns a store as a Leader, or nil if it belongs to this process alone.
func Of(store any) Leader {
	leader, _ := store.(Leader)
	return leader
}

// Task is work that one process does at a time. Set the fields before the first call.
type Task struct {
	Leader Leader // elects the process; nil means that this one is alone
	Name   string // the same in each process
	Log    *slog.Logger

	leads atomic.Bool // Run has the lead
}

// Run does the work whenever this process leads, until ctx ends. The context of the work ends with the lead. An error of
// the work or of the election ends Run unless a retry can help (fault.Passing); after those, Run campaigns again.
func (t *Task) Run(ctx context.Context, work func(ctx context.Context) error) error {
	if t.Leader == nil {
		return work(ctx)
	}
	log := cmp.Or(t.Log, slog.New(slog.DiscardHandler))
	for ctx.Err() == nil {
		_, err := t.Leader.Lead(ctx, t.Name, func(ctx context.Context) error {
			log.InfoContext(ctx, "this server leads", "task", t.Name)
			t.leads.Store(true)
			defer t.leads.Store(false)
			return work(ctx)
		})
		switch {
		case err == nil, ctx.Err() != nil:
		case fault.Passing(err):
			log.WarnContext(ctx, "the lead is lost, or cannot be tried for", "task", t.Name, "error", err)
		default:
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		backoff.Sleep(ctx, Campaign)
	}
	return nil
}

// Once does the work once unless another process leads, and reports whether it did. It may be called during Run.
func (t *Task) Once(ctx context.Context, work func(ctx context.Context) error) (bool, error) {
	if t.Leader == nil || t.leads.Load() {
		return true, work(ctx)
	}
	return t.Leader.Lead(ctx, t.Name, work)
}
