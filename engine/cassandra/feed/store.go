// Package feed stores the posts and the graph of package feed in Cassandra. It is for a feed whose posts or edges outgrow one
// machine: nodes are added while the feed runs, and servers do not wait for each other.
//
// Of two writes of a row Cassandra keeps the one with the higher timestamp. Here timestamps are positions of the log, or fall as
// positions rise, so that the ports' rules hold in the nodes, whoever writes, how often and how late. No timestamp is read from a
// clock, but those of when users were active.
package feed

import (
	"embed"
	"math"

	"agora/feed"
)

//go:embed migrations
var migrations embed.FS

// final is the timestamp of what nothing replaces: the content that a deletion leaves.
const final = math.MaxInt64

// lowestWins returns the timestamp of a write at a position where the lower position counts. It is below final. A position that
// is not known loses to every other one.
func lowestWins(at feed.Position) int64 {
	if at == 0 {
		return 0
	}
	return final - int64(at)
}
