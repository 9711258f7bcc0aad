package feed

import (
	"context"
	"errors"
	"sync"
	"time"

	"agora/backoff"
)

// parentWait is how long the tail holds back a reply whose parent it has not reached.
const parentWait = time.Second

// RunTail keeps the tail up to date until ctx ends or the log fails.
func (b *Builder) RunTail(ctx context.Context, t *Tail) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for topic, partitions := range map[string]int{PostsTopic: b.Shape.Posts, GraphTopic: b.Shape.Graph} {
		for p := range partitions {
			all.Go(func() {
				if err := b.runTail(ctx, t, topic, p); err != nil {
					cancel(err)
				}
			})
		}
	}
	all.Go(func() {
		if err := b.tidy(ctx, t); err != nil {
			cancel(err)
		}
	})
	all.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// runTail follows one partition.
func (b *Builder) runTail(ctx context.Context, t *Tail, topic string, partition int) error {
	var held time.Time // when a reply was held back first
	for ctx.Err() == nil {
		at := t.Reach().of(topic)[partition]
		err := b.Follow(ctx, t, topic, partition, !held.IsZero() && time.Since(held) >= parentWait)
		moved := t.Reach().of(topic)[partition] > at
		if err == nil && !moved && held.IsZero() {
			err = b.Log.Wait(ctx, topic, partition, at.Offset())
		}
		switch err = unlessEnded(ctx, err); {
		case err != nil:
			return err
		case moved:
			held = time.Time{}
			continue
		}
		if err := b.Follow(ctx, t, topic, partition, false); err != nil && ctx.Err() == nil {
			return err
		}
		if t.Reach().of(topic)[partition] > at {
			held = time.Time{}
			continue
		}
		if held.IsZero() {
			held = time.Now()
		}
		backoff.Sleep(ctx, time.Millisecond)
	}
	return nil
}

// unlessEnded returns err, or nil if ctx has ended: then err is the error of the end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}
