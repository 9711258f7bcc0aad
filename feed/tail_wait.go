package feed

import (
	"context"
	"errors"

	"agora/fault"
)

// Wait returns when the tail has reached what is asked for.
func (t *Tail) Wait(ctx context.Context, reach Reach) error {
	for {
		t.mu.RLock()
		have, changed := t.reach, t.changed
		t.mu.RUnlock()
		if have.Includes(reach) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await returns when the tail has reached what a request asks for, or an error that is Unavailable when that takes too long.
func (t *Tail) await(ctx context.Context, reach Reach) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	err := t.Wait(ctx, reach)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	late := fault.New(fault.Unavailable, "feed_late", "this server has not yet read what the request asks for")
	late.RetryAfter = maxWait
	return late
}
