package feed

import (
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
	"agora/feed/feedtest"
)

// openGraph returns an empty store of the graph.
func openGraph(t testing.TB, shape feed.Shape) *Graph {
	t.Helper()
	graph, err := OpenGraph(t.Context(), open(t, server.URL(t)), shape)
	mustDo(t, err)
	return graph
}

func TestGraph(t *testing.T) {
	feedtest.Graph(t, func(t *testing.T) feed.GraphStore { return openGraph(t, feedtest.Shape) })
}

func TestGraphAgreesWithMemory(t *testing.T) {
	g := openGraph(t, feedtest.ModelShape)
	feedtest.GraphAgree(t, func(*rapid.T) (feed.GraphStore, feedtest.Events) {
		server.URL(t) // empties the tables
		return g, nil
	})
}
