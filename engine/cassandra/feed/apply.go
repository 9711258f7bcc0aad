package feed

import (
	"context"
	"time"

	"agora/engine/cassandra"
	"agora/feed"
)

// The statements that write the graph. Their timestamps are the positions from which the values hold: the higher one stays.
const (
	setRelation = `INSERT INTO relations (user, kind, other, is_on, since) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`
	setApplied  = `UPDATE relations USING TIMESTAMP ? SET applied[?] = ? WHERE user = ?`
	setFollower = `INSERT INTO followers (user, shard, follower, is_on, since) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`
	setCount    = `INSERT INTO counts (user, partition, followers, through) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	setReach    = `INSERT INTO reaches (partition, graph) VALUES (?, ?) USING TIMESTAMP ?`
	setReached  = `UPDATE reaches USING TIMESTAMP ? SET posts[?] = ? WHERE partition = ?`
)

// stage is what may be written at the same time. Each element is a write of one partition of a table.
type stage [][]cassandra.Statement

// Apply implements feed.GraphStore.
func (g *Graph) Apply(ctx context.Context, c feed.GraphChanges) error {
	for _, s := range g.stages(c) {
		if err := g.keyspace.WriteAll(ctx, s...); err != nil {
			return err
		}
	}
	return nil
}

// stages returns the writes of an Apply. A stage begins after the one before it is written.
func (g *Graph) stages(c feed.GraphChanges) []stage {
	edges := append(g.edgeWrites(c), g.activityWrites(c, time.Now())...)
	return []stage{countWrites(c), edges, {reachWrite(c)}}
}

func countWrites(c feed.GraphChanges) (writes stage) {
	for _, u := range c.Counts {
		through := int64(u.Through)
		writes = append(writes, []cassandra.Statement{cassandra.Of(setCount, u.User[:], c.Partition, u.Followers, through, through)})
	}
	return writes
}

// edgeWrites returns one write for each user whose relations change, and one for each author whose followers do.
func (g *Graph) edgeWrites(c feed.GraphChanges) (writes stage) {
	relations, followers := map[feed.UserID][]cassandra.Statement{}, map[feed.UserID][]cassandra.Statement{}
	applied := map[feed.UserID]feed.Position{}
	set := func(user, other feed.UserID, kind feed.EdgeKind, e feed.Edge) {
		since := int64(e.Since)
		relations[user] = append(relations[user], cassandra.Of(setRelation, user[:], int8(kind), other[:], e.On, since, since))
		applied[user] = max(applied[user], e.Since+1)
	}
	for _, e := range c.Edges {
		set(e.From, e.To, e.Kind, e)
		switch e.Kind {
		case feed.Block:
			set(e.To, e.From, blockedBy, e)
		case feed.Follow:
			since := int64(e.Since)
			followers[e.To] = append(followers[e.To], cassandra.Of(setFollower, e.To[:], c.Partition, e.From[:], e.On, since, since))
		}
	}
	for user, rows := range relations {
		at := int64(applied[user])
		writes = append(writes, append(rows, cassandra.Of(setApplied, at, c.Partition, at, user[:])))
	}
	for _, rows := range followers {
		writes = append(writes, rows)
	}
	return writes
}

// reachWrite returns the write of a reach. Each position of it rises by itself.
func reachWrite(c feed.GraphChanges) []cassandra.Statement {
	graph := int64(c.Reach.Graph)
	write := []cassandra.Statement{cassandra.Of(setReach, c.Partition, graph, graph)}
	for p, at := range c.Reach.Posts {
		write = append(write, cassandra.Of(setReached, int64(at), p, int64(at), c.Partition))
	}
	return write
}
