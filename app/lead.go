package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"agora/fault"
)

// leader is a store that several servers may share, of which one does a task at a time: see outbox.Leader.
type leader interface {
	Lead(ctx context.Context, task string, work func(ctx context.Context) error) (led bool, err error)
}

// campaign is how often a server that does not lead tries to.
const campaign = time.Second

// whileLeading does the work of a task, which ends with its context, until ctx ends: always if the store is this
// server's alone, and else whenever no other server does it. It ends with the first error that trying again does
// not help against.
func whileLeading(ctx context.Context, store any, task string, log *slog.Logger, work func(ctx context.Context) error) error {
	shared, ok := store.(leader)
	if !ok {
		return work(ctx)
	}
	for ctx.Err() == nil {
		_, err := shared.Lead(ctx, task, func(ctx context.Context) error {
			log.InfoContext(ctx, "this server leads", "task", task)
			return work(ctx)
		})
		switch {
		case err == nil, ctx.Err() != nil: // given up, or to end
		case passing(err):
			log.WarnContext(ctx, "the lead is lost, or cannot be tried for", "task", task, "error", err)
		default:
			return fmt.Errorf("%s: %w", task, err)
		}
		pause(ctx, campaign)
	}
	return nil
}

// ifLeading does the work of a task once and reports whether it did, which it leaves to the server that leads.
func ifLeading(ctx context.Context, store any, task string, work func(ctx context.Context) error) (bool, error) {
	if shared, ok := store.(leader); ok {
		return shared.Lead(ctx, task, work)
	}
	return true, work(ctx)
}

// passing reports whether trying again can help.
func passing(err error) bool { return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout) }

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
