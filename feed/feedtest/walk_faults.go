package feedtest

import (
	"context"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
)

// drawEvent draws one of some events.
func drawEvent(r *rapid.T, events map[string]func(*rapid.T)) func(*rapid.T) {
	return events[rapid.SampledFrom(slices.Sorted(maps.Keys(events))).Draw(r, "event")]
}

// interruption lets something happen at one of the next writes of a run.
type interruption struct {
	left    int    // writes; 0 for no interruption
	happen  func() // before the last of them; nil if that is done and its answer lost
	crashed bool   // nothing is written until the restart
}

func (i *interruption) write(do func() error) error {
	lost := fault.New(fault.Unavailable, "", "the answer was lost")
	i.left--
	if i.left == 0 && i.happen == nil {
		if err := do(); err != nil {
			return err
		}
		return lost
	}
	if i.left == 0 {
		i.happen()
	}
	if i.crashed {
		return lost
	}
	return do()
}

type interruptedPosts struct {
	feed.PostStore
	*interruption
}

func (i interruptedPosts) Insert(ctx context.Context, posts ...feed.Post) error {
	return i.write(func() error { return i.PostStore.Insert(ctx, posts...) })
}

func (i interruptedPosts) Delete(ctx context.Context, posts ...feed.Deletion) error {
	return i.write(func() error { return i.PostStore.Delete(ctx, posts...) })
}

type interruptedGraph struct {
	feed.GraphStore
	*interruption
}

func (i interruptedGraph) Apply(ctx context.Context, c feed.GraphChanges) error {
	return i.write(func() error { return i.GraphStore.Apply(ctx, c) })
}

func (i interruptedGraph) PutModes(ctx context.Context, modes ...feed.Modes) error {
	return i.write(func() error { return i.GraphStore.PutModes(ctx, modes...) })
}

type interruptedTimelines struct {
	feed.TimelineStore
	*interruption
}

func (i interruptedTimelines) Begin(ctx context.Context, was uint64, head feed.Head) error {
	return i.write(func() error { return i.TimelineStore.Begin(ctx, was, head) })
}

func (i interruptedTimelines) Merge(ctx context.Context, fence feed.Fence, operands []feed.Operand) error {
	return i.write(func() error { return i.TimelineStore.Merge(ctx, fence, operands) })
}

func (i interruptedTimelines) Advance(ctx context.Context, fence feed.Fence, to feed.Row) error {
	return i.write(func() error { return i.TimelineStore.Advance(ctx, fence, to) })
}

func (i interruptedTimelines) Drop(ctx context.Context, epoch uint64, users ...feed.UserID) error {
	return i.write(func() error { return i.TimelineStore.Drop(ctx, epoch, users...) })
}
