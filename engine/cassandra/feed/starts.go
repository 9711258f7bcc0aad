package feed

import (
	"context"
	"encoding/json"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

// The starts of all epochs are one row, which is replaced if nobody has replaced it since it was read.
const (
	selectStarts  = `SELECT version, starts FROM log_starts WHERE log = 'feed'`
	replaceStarts = `UPDATE log_starts SET version = ?, starts = ? WHERE log = 'feed' IF version = ?`
)

// storedStart is the start of an epoch in that row. Its form is pinned by TestGraphFormat.
type storedStart struct {
	Epoch  feed.Epoch  `json:"epoch"`
	Mark   uint64      `json:"mark,string"`
	Marked bool        `json:"marked"`
	Posts  feed.Vector `json:"posts"`
	Graph  feed.Vector `json:"graph"`
}

// PutStart implements feed.GraphStore. A write of which the nodes cannot say whether it took effect is read, and repeated if it did not.
func (g *Graph) PutStart(ctx context.Context, start feed.LogStart) error {
	for {
		starts, version, err := g.starts(ctx)
		if err != nil {
			return err
		}
		next, err := withStart(starts, start)
		if err != nil || next == nil {
			return err
		}
		applied, err := g.replaceStarts(ctx, next, version)
		if applied || err != nil && !cassandra.Uncertain(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// withStart returns the starts after a PutStart, or nil if it changes nothing.
func withStart(starts []feed.LogStart, start feed.LogStart) ([]feed.LogStart, error) {
	n := len(starts)
	if n == 0 || starts[n-1].Epoch < start.Epoch {
		return append(starts, start), nil
	}
	last := starts[n-1]
	next, ok := start.Succeed(last)
	switch {
	case last.Epoch != start.Epoch || !ok:
		return nil, feed.ErrStale()
	case next.Marked == last.Marked:
		return nil, nil
	default:
		starts[n-1] = next
		return starts, nil
	}
}

// Starts implements feed.GraphStore.
func (g *Graph) Starts(ctx context.Context) ([]feed.LogStart, error) {
	starts, _, err := g.starts(ctx)
	return starts, err
}

// starts returns the starts and the version of their row, nil if there is none.
func (g *Graph) starts(ctx context.Context) (starts []feed.LogStart, version *int, err error) {
	var text string
	if err := g.keyspace.ReadSerial(ctx, cassandra.Of(selectStarts), []any{&version, &text}, func() error { return nil }); err != nil {
		return nil, nil, err
	}
	if version == nil {
		return nil, nil, nil
	}
	var stored []storedStart
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, nil, fmt.Errorf("starts of epochs: %w: %w", errDamaged, err)
	}
	for _, s := range stored {
		starts = append(starts, feed.LogStart{Epoch: s.Epoch, Mark: s.Mark, Marked: s.Marked, Ends: feed.Reach{Posts: s.Posts, Graph: s.Graph}})
	}
	return starts, version, nil
}

func (g *Graph) replaceStarts(ctx context.Context, starts []feed.LogStart, version *int) (applied bool, err error) {
	stored := make([]storedStart, len(starts))
	for i, s := range starts {
		stored[i] = storedStart{s.Epoch, s.Mark, s.Marked, s.Ends.Posts, s.Ends.Graph}
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return false, err
	}
	next := 1
	if version != nil {
		next = *version + 1
	}
	var found *int
	return g.keyspace.WriteIf(ctx, cassandra.Of(replaceStarts, next, string(text), version), &found)
}
