package feed

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/feed"
	"agora/feed/feedtest"
)

func TestGraph(t *testing.T) {
	feedtest.Graph(t, func(t *testing.T) feed.GraphStore { return NewGraph(openRows(t, vfs.NewMem()), feedtest.Shape) })
}

func TestFollowLoader(t *testing.T) {
	feedtest.FollowLoader(t, func(t *testing.T) feedtest.Loader { return NewGraph(openRows(t, vfs.NewMem()), feedtest.Shape) })
}

// TestRelationsAreOfOneMoment reads the two rows of a user while runs change both.
func TestRelationsAreOfOneMoment(t *testing.T) {
	g := NewGraph(openRows(t, vfs.NewMem()), feed.Shape{Posts: 1, Graph: 1})
	apply := func(n int64) {
		follow := feed.EdgeKey{Kind: feed.Follow, From: id(1, 1), To: id(1, 2)}
		block := feed.EdgeKey{Kind: feed.Block, From: id(1, 3), To: id(1, 1)}
		mustDo(t, g.Apply(t.Context(), feed.GraphChanges{
			Edges: []feed.Edge{{EdgeKey: follow, On: true, Since: feed.At(1, 2*n)}, {EdgeKey: block, On: true, Since: feed.At(1, 2*n+1)}},
			Reach: feed.Row{Posts: make(feed.Vector, 1)},
		}))
	}
	apply(1)
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := range int64(3000) {
			apply(n + 2)
		}
	})
	for last := int64(0); last < 6003; {
		rel, err := g.Relations(t.Context(), id(1, 1))
		mustDo(t, err)
		follow, block := rel.Follows[0].Since, rel.Blocks[0].Since
		if follow+1 != block || rel.Applied[0] != block+1 {
			t.Fatalf("the follow is of %v, the block of %v, applied to %v", follow, block, rel.Applied)
		}
		last = block.Offset()
	}
	writer.Wait()
}
