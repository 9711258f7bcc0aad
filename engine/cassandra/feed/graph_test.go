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

// TestWalks has posts and the graph in Cassandra. Stores remember what they have written, so each sequence opens its own.
func TestWalks(t *testing.T) {
	keyspace := open(t, server.URL(t))
	feedtest.Walks(t, 4, func(r *rapid.T, _ feed.Trim) *feedtest.Stores {
		server.URL(t) // empties the tables
		posts, err := OpenPosts(r.Context(), keyspace)
		if err != nil {
			r.Fatal(err)
		}
		graph, err := OpenGraph(r.Context(), keyspace, feedtest.WalkShape)
		if err != nil {
			r.Fatal(err)
		}
		return &feedtest.Stores{Posts: posts, Graph: graph}
	})
}
