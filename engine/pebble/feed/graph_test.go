package feed

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/feed"
	"agora/feed/feedtest"
)

func TestGraph(t *testing.T) {
	feedtest.Graph(t, func(t *testing.T) feed.GraphStore { return NewGraph(openRows(t, vfs.NewMem()), feedtest.Shape) })
}
