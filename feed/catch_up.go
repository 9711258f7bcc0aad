package feed

import (
	"context"
	"errors"
	"slices"
	"sync"

	"agora/backoff"
	"agora/fault"
)

// maxChases is how often CatchUp looks again for what was appended meanwhile.
const maxChases = 10

// CatchUp brings the tail and the timelines to the end of the log and returns, for commands that work on a feed at rest. It
// is called instead of Run. If other servers lead the timelines, it waits for them; if users write all the time, it
// fails with the Conflict audit_disturbed.
func (n *Node) CatchUp(ctx context.Context) error {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, loop := range []func(context.Context) error{n.runTail, n.worker.Run} {
		all.Go(func() {
			if err := loop(work); err != nil {
				cancel(err)
			}
		})
	}
	err := n.chase(work)
	cancel(nil)
	all.Wait()
	if cause := context.Cause(work); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// chase returns when tail and timelines have reached an end of the log that does not move any more.
func (n *Node) chase(ctx context.Context) error {
	var end Reach
	for range maxChases {
		next, err := n.follower.end(ctx)
		if err != nil {
			return err
		}
		if slices.Equal(end.Posts, next.Posts) && slices.Equal(end.Graph, next.Graph) {
			return nil
		}
		end = next
		if err := n.await(ctx, end); err != nil {
			return err
		}
	}
	return fault.New(fault.Conflict, "audit_disturbed", "the feed is written to all the time; stop it first")
}

// await returns when tail and timelines have reached an end of the log.
func (n *Node) await(ctx context.Context, end Reach) error {
	for {
		head, ok, err := n.options.Timelines.Head(ctx)
		if err != nil {
			return err
		}
		if ok && len(head.Rows) > 0 && head.reach().Includes(end) {
			return n.Service.Tail.Wait(ctx, end)
		}
		if backoff.Sleep(ctx, workerTick); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// Audit returns the audit of a node that has caught up. users is how many feeds it reads, 0 for all.
func (n *Node) Audit(users int) Audit {
	service := *n.Service
	reader := *service.Reader
	reader.MaxPulled, reader.Pulls = 0, nil
	service.Reader = &reader
	service.Posts = n.options.Posts // without the cache: the store itself is audited
	return Audit{Service: &service, Threshold: n.options.Threshold, Users: users}
}
