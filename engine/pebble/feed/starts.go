package feed

import (
	"context"
	"encoding/binary"
	"fmt"

	"agora/engine/pebble"
	"agora/feed"
)

// PutStart implements feed.GraphStore.
func (g *Graph) PutStart(ctx context.Context, start feed.LogStart) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	starts, err := g.Starts(ctx)
	if err != nil {
		return err
	}
	if n := len(starts); n > 0 && starts[n-1].Epoch >= start.Epoch {
		next, ok := start.Succeed(starts[n-1])
		if starts[n-1].Epoch != start.Epoch || !ok {
			return feed.ErrStale()
		}
		start = next
	}
	return write(ctx, g.db, []row{{key(logStarts, key32(uint32(start.Epoch))), appendStart(nil, start)}})
}

// Starts implements feed.GraphStore.
func (g *Graph) Starts(ctx context.Context) (starts []feed.LogStart, err error) {
	err = scan(ctx, g.db, key(logStarts), key(logStarts), func(k, value []byte) (bool, error) {
		start, err := decodeStart(value)
		if err != nil {
			return false, fmt.Errorf("start of an epoch: %w", err)
		}
		start.Epoch = feed.Epoch(binary.BigEndian.Uint32(k[1:]))
		starts = append(starts, start)
		return true, nil
	})
	return starts, err
}

// appendStart encodes the start of an epoch: 1 if it is marked, the mark, and the vectors of both topics.
func appendStart(to []byte, s feed.LogStart) []byte {
	var marked byte
	if s.Marked {
		marked = 1
	}
	to = binary.BigEndian.AppendUint64(append(to, marked), s.Mark)
	return appendVector(appendVector(to, s.Ends.Posts), s.Ends.Graph)
}

// decodeStart is the inverse of appendStart.
func decodeStart(data []byte) (feed.LogStart, error) {
	d := pebble.Decoder{Rest: data}
	head := d.Bytes(9)
	if d.Failed {
		return feed.LogStart{}, errDamaged
	}
	s := feed.LogStart{Marked: head[0] == 1, Mark: binary.BigEndian.Uint64(head[1:])}
	s.Ends = feed.Reach{Posts: decodeVector(&d), Graph: decodeVector(&d)}
	if d.Failed {
		return feed.LogStart{}, errDamaged
	}
	return s, nil
}
