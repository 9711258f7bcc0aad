package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"agora/pattern/eventlog"
)

// OpenTail returns the tail of a server that starts: it reads on from what the head covers to the present end of the log.
func (b *Builder) OpenTail(ctx context.Context) (*Tail, error) {
	head, err := b.EnsureHead(ctx)
	if err != nil {
		return nil, err
	}
	modes, err := b.Graph.Modes(ctx) // after the head: all that the head covers is in them
	if err != nil {
		return nil, fmt.Errorf("read modes: %w", err)
	}
	t := NewTail(b.Shape, b.Epoch, head.reach(), modes, b.Bounds)
	end, err := b.end(ctx)
	if err != nil {
		return nil, err
	}
	quiet := *b
	quiet.Monitor = nil // these records are old
	for !t.Reach().Includes(end) {
		for p := range b.Shape.Posts {
			if err := quiet.Follow(ctx, t, PostsTopic, p, false); err != nil {
				return nil, err
			}
		}
		for p := range b.Shape.Graph {
			if err := quiet.Follow(ctx, t, GraphTopic, p, false); err != nil {
				return nil, err
			}
		}
	}
	return t, b.findLostDeletes(ctx, t)
}

// end returns the end of the log.
func (b *Builder) end(ctx context.Context) (Reach, error) {
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return Reach{}, err
	}
	return Reach{Posts: b.positions(posts), Graph: b.positions(graph)}, nil
}

func (b *Builder) positions(bounds []eventlog.Bounds) Vector {
	v := make(Vector, len(bounds))
	for p := range bounds {
		v[p] = At(b.Epoch, bounds[p].Next)
	}
	return v
}

// Follow takes the next records of a partition into the tail, if there are any. It stops before a reply whose parent
// the tail has not reached, unless it is to force it.
func (b *Builder) Follow(ctx context.Context, t *Tail, topic string, partition int, force bool) error {
	records, err := b.readLog(ctx, topic, partition, t.Reach().of(topic)[partition])
	if err != nil {
		return err
	}
	for _, r := range records {
		if !t.Fold(topic, r, force) {
			return nil
		}
		b.Monitor.visible(r, r.Post != nil && t.pulls(r.Actor))
	}
	return nil
}

// findLostDeletes marks the posts of the tail as deleted that the PostStore knows to be deleted. A log that returned to
// an earlier state may hold a post and have lost its deletion.
func (b *Builder) findLostDeletes(ctx context.Context, t *Tail) error {
	t.mu.RLock()
	ids := slices.SortedFunc(maps.Keys(t.byID), PostID.Compare)
	t.mu.RUnlock()
	if len(ids) == 0 {
		return nil
	}
	posts, err := b.Posts.Get(ctx, ids...)
	if err != nil {
		return fmt.Errorf("read posts: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range posts {
		if held := t.byID[p.ID]; held != nil && p.Deleted != 0 && p.Deleted.Epoch() < b.Epoch {
			t.deleted[p.ID] = deletion{b.Shape.PostsOf(p.Author), held.At, time.Now().Add(t.bounds.Deletes)}
		}
	}
	return nil
}
