package feed

import (
	"context"

	"agora/fault"
	"agora/pattern/eventlog"
)

// Lead is the lead of one partition of followers.
type Lead struct {
	fence    Fence
	audience audience
}

// ErrLogRestored returns the error of a log that ends before what was read of it.
func ErrLogRestored() error {
	return fault.New(fault.Conflict, "log_restored", "the log ends before what was already read of it: it needs a new epoch")
}

// Claim begins to lead a partition. It has to be called again after an error of Run, because a write may still be on
// its way then: the row that Claim writes makes it fail.
func (b *Builder) Claim(ctx context.Context, partition int) (*Lead, error) {
	head, err := b.EnsureHead(ctx)
	if err != nil {
		return nil, err
	}
	fence := Fence{Epoch: head.Epoch, Partition: partition, Row: head.Rows[partition], Merges: AnyMerges}
	to := fence.Row
	to.Writer = b.draw()
	if err := b.Timelines.Advance(ctx, fence, to); err != nil {
		return nil, err
	}
	fence.Row, fence.Merges = to, 0
	return &Lead{fence: fence}, nil
}

// EnsureHead returns the head of the timelines. It begins new timelines if there is no head, or one of another log or
// another strategy.
func (b *Builder) EnsureHead(ctx context.Context) (Head, error) {
	for {
		head, ok, err := b.Timelines.Head(ctx)
		if err != nil {
			return Head{}, err
		}
		fits, err := b.fits(ctx, head)
		if ok && err == nil && fits {
			return head, nil
		}
		if err != nil {
			return Head{}, err
		}
		next, err := b.newHead(ctx)
		if err != nil {
			return Head{}, err
		}
		if err := b.Timelines.Begin(ctx, head.Epoch, next); err == nil {
			return next, nil
		} else if !fault.Is(err, fault.Stale) {
			return Head{}, err
		}
	}
}

// fits reports whether a head belongs to the log and the strategy.
func (b *Builder) fits(ctx context.Context, head Head) (bool, error) {
	if head.Strategy != b.Strategy || len(head.Rows) != b.Shape.Graph {
		return false, nil
	}
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return false, err
	}
	for p, row := range head.Rows {
		if row.Graph.Epoch() != b.Epoch || len(row.Posts) != b.Shape.Posts {
			return false, nil
		}
		if row.Graph.Offset() > graph[p].Next {
			return false, ErrLogRestored()
		}
		for q, at := range row.Posts {
			if at.Offset() > posts[q].Next {
				return false, ErrLogRestored()
			}
		}
	}
	return true, nil
}

// newHead returns a head that begins where the other stores have reached.
func (b *Builder) newHead(ctx context.Context) (Head, error) {
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return Head{}, err
	}
	head := Head{Epoch: b.draw(), Strategy: b.Strategy, Rows: make([]Row, b.Shape.Graph)}
	for p := range head.Rows {
		reached, ok, err := b.Graph.Reach(ctx, p)
		if err != nil {
			return Head{}, err
		}
		if !ok {
			reached.Posts = make(Vector, b.Shape.Posts)
		}
		row := Row{Writer: b.draw(), Posts: make(Vector, b.Shape.Posts), Graph: b.within(GraphTopic, p, reached.Graph, graph[p])}
		row.Graph = b.judged(p, row.Graph, graph[p])
		for q, at := range reached.Posts {
			row.Posts[q] = b.within(PostsTopic, q, at, posts[q])
		}
		head.Rows[p] = row
	}
	return head, nil
}

// judged returns a position of a partition of the graph before which all modes were judged: the run that has reached a position may
// have crashed before it came to that. Records from before the epoch may have other meanings now, and are not read again.
func (b *Builder) judged(partition int, reached Position, bounds eventlog.Bounds) Position {
	begin := At(b.Epoch, bounds.Oldest)
	for _, s := range b.Starts {
		if s.Epoch == b.Epoch {
			begin = max(begin, s.Ends.Graph[partition])
		}
	}
	return max(reached-min(reached, Position(b.Records)), min(reached, begin))
}

// within returns the position in this log that corresponds to one that may be of an earlier epoch. Of that epoch, the
// log has what was there when each of the later ones began: other records have these offsets now.
func (b *Builder) within(topic string, partition int, at Position, bounds eventlog.Bounds) Position {
	offset := at.Offset()
	for _, s := range b.Starts {
		if s.Epoch > at.Epoch() {
			offset = min(offset, s.Ends.of(topic)[partition].Offset())
		}
	}
	return At(b.Epoch, max(offset, bounds.Oldest))
}
