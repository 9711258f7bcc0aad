package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"agora/pattern/eventlog"
)

// Builder writes timelines in runs: it reads the log, and adds to each timeline what its user's authors have pushed.
// For each partition of followers one builder leads. It is the only writer of these followers' edges and timelines,
// so that a follow, its backfill and the posts that come later have one order.
//
// A Builder may be used by one goroutine at a time.
type Builder struct {
	Shape     Shape
	Epoch     Epoch      // of the log
	Starts    []LogStart // of the epochs that the log has had
	Log       eventlog.Log
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Strategy  Strategy
	Threshold Threshold
	Trim      Trim // as the TimelineStore has it
	Records   int  // the most records of a partition that a run takes
	Operands  int  // the most operands of one call of Merge
	// CacheBytes bounds the lists of followers that are kept in memory, of all partitions together.
	CacheBytes int
	Draw       func() uint64
	Now        func() time.Time
	Bounds     Bounds   // of the tail
	Monitor    *Monitor // nil measures nothing

	spread spread
}

func (b *Builder) draw() uint64 {
	if b.Draw != nil {
		return b.Draw()
	}
	return rand.Uint64()
}

func (b *Builder) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

func (b *Builder) ends(ctx context.Context) (posts, graph []eventlog.Bounds, err error) {
	if posts, err = b.Log.Ends(ctx, PostsTopic); err != nil {
		return nil, nil, err
	}
	graph, err = b.Log.Ends(ctx, GraphTopic)
	return posts, graph, err
}

func (b *Builder) readLog(ctx context.Context, topic string, partition int, at Position) ([]Record, error) {
	messages, err := b.Log.Read(ctx, topic, partition, at.Offset(), b.Records)
	if err != nil {
		return nil, fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	records := make([]Record, len(messages))
	for i, m := range messages {
		if records[i], err = Decode(b.Epoch, m); err != nil {
			return nil, err
		}
	}
	return records, nil
}
