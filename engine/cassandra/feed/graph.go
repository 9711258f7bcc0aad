package feed

import (
	"context"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

// The statements that read the graph.
const (
	selectRelations = `SELECT kind, other, is_on, since FROM relations WHERE user = ?`
	selectApplied   = `SELECT applied FROM relations WHERE user = ? LIMIT 1`
	selectRelation  = `SELECT is_on, since FROM relations WHERE user = ? AND kind = ? AND other = ?`
	selectFollower  = `SELECT is_on, since FROM followers WHERE user = ? AND shard = ? AND follower = ?`
	selectFollowers = `SELECT follower, is_on FROM followers WHERE user = ? AND shard = ? AND follower >= ? LIMIT ?`
	selectCounts    = `SELECT partition, followers, through FROM counts WHERE user = ?`
	selectReach     = `SELECT graph, posts FROM reaches WHERE partition = ?`
)

// blockedBy is the kind of a row of a user who is blocked. The others are those of feed.EdgeKind, whose rows are at From.
const blockedBy = feed.Mute + 1

// Graph is the feed.GraphStore.
//
// An edge stands at both of its ends, which are partitions of their own, so that Apply may stop with one of them written. What keeps
// that right:
//
//   - Edges returns the older state of the two ends. An edge that only one end has is not set yet: the run that is repeated folds its
//     record again, and writes both. Its counts are there, and count the record no second time.
//   - All rows of a user that one Apply changes are one write, with the position that Applied returns. Readers see all of them or none,
//     so that equal positions mean equal relations.
//
// A run must not change more than 65,535 rows of one user, which is what a write holds: feed.Builder.Records bounds it.
type Graph struct {
	keyspace *cassandra.Keyspace
	shape    feed.Shape
}

var _ feed.GraphStore = (*Graph)(nil)

// OpenGraph returns the store of the graph of a keyspace, and creates its tables if they are not there. The shape must be the same
// each time.
func OpenGraph(ctx context.Context, keyspace *cassandra.Keyspace, shape feed.Shape) (*Graph, error) {
	if err := keyspace.Migrate(ctx, migrations, "graph"); err != nil {
		return nil, err
	}
	return &Graph{keyspace, shape}, nil
}

// Relations implements feed.GraphStore. Rows that do not fit one page are read again if an Apply came between two pages.
func (g *Graph) Relations(ctx context.Context, user feed.UserID) (feed.Relations, error) {
	for {
		rel, rows, err := g.relations(ctx, user)
		if err != nil || rows <= cassandra.PageRows {
			return rel, err
		}
		applied, err := g.Applied(ctx, user)
		if err != nil {
			return feed.Relations{}, err
		}
		if rel.Applied.Includes(applied) {
			return rel, nil
		}
	}
}

// relations reads the rows of a user, and says how many there are.
func (g *Graph) relations(ctx context.Context, user feed.UserID) (rel feed.Relations, rows int, err error) {
	rel.Applied = make(feed.Vector, g.shape.Graph)
	partition := g.shape.GraphOf(user)
	var (
		kind  int8
		other []byte
		on    bool
		since int64
	)
	err = g.keyspace.Read(ctx, cassandra.Of(selectRelations, user[:]), []any{&kind, &other, &on, &since}, func() error {
		rows++
		if len(other) != len(user) {
			return fmt.Errorf("relations of %s: %w", user, errDamaged)
		}
		e := feed.Edge{EdgeKey: feed.EdgeKey{Kind: feed.EdgeKind(kind), From: user, To: feed.UserID(other)}, On: on, Since: feed.Position(since)}
		p := partition
		if e.Kind == blockedBy {
			e.EdgeKey = feed.EdgeKey{Kind: feed.Block, From: feed.UserID(other), To: user}
			p = g.shape.GraphOf(e.From)
		}
		rel.Applied[p] = max(rel.Applied[p], e.Since+1)
		if e.On {
			list := listOf(&rel, e.Kind)
			*list = append(*list, e)
		}
		return nil
	})
	if err != nil {
		return feed.Relations{}, 0, err
	}
	return rel, rows, nil
}

func listOf(rel *feed.Relations, kind feed.EdgeKind) *[]feed.Edge {
	switch kind {
	case feed.Follow:
		return &rel.Follows
	case feed.Mute:
		return &rel.Mutes
	default:
		return &rel.Blocks
	}
}

// Applied implements feed.GraphStore. It reads one row, however many relations there are.
func (g *Graph) Applied(ctx context.Context, user feed.UserID) (feed.Vector, error) {
	var positions map[int]int64
	if _, err := g.keyspace.Get(ctx, cassandra.Of(selectApplied, user[:]), &positions); err != nil {
		return nil, err
	}
	return g.vector(positions, g.shape.Graph)
}

// vector returns positions by partition.
func (g *Graph) vector(positions map[int]int64, partitions int) (feed.Vector, error) {
	v := make(feed.Vector, partitions)
	for p, at := range positions {
		if p < 0 || p >= len(v) {
			return nil, fmt.Errorf("positions of partition %d of %d: %w", p, partitions, errDamaged)
		}
		v[p] = feed.Position(at)
	}
	return v, nil
}

// Edges implements feed.GraphStore.
func (g *Graph) Edges(ctx context.Context, keys ...feed.EdgeKey) ([]feed.Edge, error) {
	read := make([]feed.Edge, len(keys))
	set := make([]bool, len(keys))
	err := cassandra.Each(ctx, len(keys), func(ctx context.Context, i int) (err error) {
		read[i], set[i], err = g.edge(ctx, keys[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []feed.Edge
	for i, e := range read {
		if set[i] {
			found = append(found, e)
		}
	}
	return found, nil
}

// edge returns the older state of the two ends of an edge.
func (g *Graph) edge(ctx context.Context, key feed.EdgeKey) (e feed.Edge, set bool, err error) {
	e, set, err = g.end(ctx, key, cassandra.Of(selectRelation, key.From[:], int8(key.Kind), key.To[:]))
	if err != nil || !set || key.Kind == feed.Mute {
		return e, set, err
	}
	other := cassandra.Of(selectFollower, key.To[:], g.shape.GraphOf(key.From), key.From[:])
	if key.Kind == feed.Block {
		other = cassandra.Of(selectRelation, key.To[:], int8(blockedBy), key.From[:])
	}
	o, set, err := g.end(ctx, key, other)
	if o.Since < e.Since {
		e = o
	}
	return e, set, err
}

func (g *Graph) end(ctx context.Context, key feed.EdgeKey, s cassandra.Statement) (e feed.Edge, set bool, err error) {
	var since int64
	e.EdgeKey = key
	set, err = g.keyspace.Get(ctx, s, &e.On, &since)
	e.Since = feed.Position(since)
	return e, set, err
}

// Followers implements feed.GraphStore. Rows of those who follow no more are read and left out.
func (g *Graph) Followers(ctx context.Context, user feed.UserID, partition int, from feed.UserID, limit int) ([]feed.UserID, error) {
	var followers []feed.UserID
	for {
		var (
			follower []byte
			on       bool
			last     feed.UserID
		)
		wanted, rows := limit-len(followers), 0
		page := cassandra.Of(selectFollowers, user[:], partition, from[:], wanted)
		err := g.keyspace.Read(ctx, page, []any{&follower, &on}, func() error {
			rows++
			if len(follower) != len(last) {
				return fmt.Errorf("followers of %s: %w", user, errDamaged)
			}
			last = feed.UserID(follower)
			if on {
				followers = append(followers, last)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		from = last.Next()
		if len(followers) == limit || rows < wanted || from == (feed.UserID{}) {
			return followers, nil
		}
	}
}

// FollowersOf implements feed.GraphStore.
func (g *Graph) FollowersOf(ctx context.Context, partitions []int, limit int, authors ...feed.UserID) ([][][]feed.UserID, error) {
	lists := make([][][]feed.UserID, len(authors))
	for i := range lists {
		lists[i] = make([][]feed.UserID, len(partitions))
	}
	err := cassandra.Each(ctx, len(authors)*len(partitions), func(ctx context.Context, n int) (err error) {
		i, j := n/len(partitions), n%len(partitions)
		lists[i][j], err = g.Followers(ctx, authors[i], partitions[j], feed.UserID{}, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

// Counts implements feed.GraphStore.
func (g *Graph) Counts(ctx context.Context, users ...feed.UserID) ([][]feed.Count, error) {
	lists := make([][]feed.Count, len(users))
	err := cassandra.Each(ctx, len(users), func(ctx context.Context, i int) (err error) {
		lists[i], err = g.counts(ctx, users[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

func (g *Graph) counts(ctx context.Context, user feed.UserID) ([]feed.Count, error) {
	counts := make([]feed.Count, g.shape.Graph)
	var (
		partition          int
		followers, through int64
	)
	err := g.keyspace.Read(ctx, cassandra.Of(selectCounts, user[:]), []any{&partition, &followers, &through}, func() error {
		if partition < 0 || partition >= len(counts) {
			return fmt.Errorf("counts of %s: %w", user, errDamaged)
		}
		counts[partition] = feed.Count{Followers: followers, Through: feed.Position(through)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Reach implements feed.GraphStore.
func (g *Graph) Reach(ctx context.Context, partition int) (reach feed.Row, ok bool, err error) {
	var (
		graph int64
		posts map[int]int64
	)
	ok, err = g.keyspace.Get(ctx, cassandra.Of(selectReach, partition), &graph, &posts)
	if err != nil || !ok {
		return feed.Row{}, false, err
	}
	reach.Graph = feed.Position(graph)
	reach.Posts, err = g.vector(posts, g.shape.Posts)
	return reach, err == nil, err
}
