package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"agora/pattern/eventlog"
)

// FollowLoader is a GraphStore that adds and counts many follows at once, for less than many calls of its other methods cost.
type FollowLoader interface {
	// LoadFollows adds the follows of users: of each user those who are followed, in any order, and in memory that the next user
	// may use again. They begin at the positions of since, by partition of the followers. An edge that was ever set stays as it
	// is. All follows of a call are there after a crash, or none. Counts do not change.
	LoadFollows(ctx context.Context, since Vector, follows iter.Seq2[UserID, []UserID]) error

	// CountFollowers stores how many followers each author has, as counts of all records before through, by partition. It
	// returns all counts, of which those that were right stay as they were.
	CountFollowers(ctx context.Context, through Vector, authors ...UserID) ([][]Count, error)
}

const (
	importReads = 16      // authors whose followers are counted at a time
	addEdges    = 200_000 // edges of one call of Apply, at about

	// A FollowLoader writes a row for each author whom somebody in a call follows. So there should be many follows a call; each
	// takes about 20 bytes of memory.
	loadFollows = 16_000_000
)

// FollowsAtOnce returns about how many follows a call of AddFollows should have: with fewer it costs more for each.
func (im *Importer) FollowsAtOnce() int {
	if _, ok := im.Graph.(FollowLoader); ok {
		return loadFollows
	}
	return addEdges
}

// AddFollows adds edges: of each user those whom the user follows. Their followers are not counted before CountFollowers.
func (im *Importer) AddFollows(ctx context.Context, follows iter.Seq2[UserID, []UserID]) error {
	if err := im.begin(ctx); err != nil {
		return err
	}
	if loader, ok := im.Graph.(FollowLoader); ok {
		since := im.reached()
		for p := range since {
			since[p]--
		}
		return loader.LoadFollows(ctx, since, follows)
	}
	var keys []EdgeKey
	for from, followed := range follows {
		for _, to := range followed {
			keys = append(keys, EdgeKey{Kind: Follow, From: from, To: to})
		}
		if len(keys) >= addEdges {
			if err := im.addEdges(ctx, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	return im.addEdges(ctx, keys)
}

// reached returns the position of each partition of the graph that the stores have reached.
func (im *Importer) reached() Vector {
	v := make(Vector, len(im.leads))
	for p, l := range im.leads {
		v[p] = l.fence.Row.Graph
	}
	return v
}

// addEdges turns on the edges that were never set.
func (im *Importer) addEdges(ctx context.Context, keys []EdgeKey) error {
	known, err := im.Graph.Edges(ctx, keys...)
	if err != nil {
		return err
	}
	set := make(map[EdgeKey]bool, len(known))
	for _, e := range known {
		set[e.EdgeKey] = true
	}
	edges := make([][]Edge, im.Shape.Graph)
	from, partition := UserID{}, im.Shape.GraphOf(UserID{})
	for _, key := range keys {
		if set[key] {
			continue
		}
		if key.From != from {
			from, partition = key.From, im.Shape.GraphOf(key.From)
		}
		edges[partition] = append(edges[partition], Edge{EdgeKey: key, On: true, Since: im.leads[partition].fence.Row.Graph - 1})
	}
	for p, list := range edges {
		if len(list) == 0 {
			continue
		}
		if err := im.Graph.Apply(ctx, GraphChanges{Partition: p, Edges: list, Reach: im.reach(p)}); err != nil {
			return err
		}
	}
	return nil
}

// reach returns how far the stores are.
func (im *Importer) reach(partition int) Row {
	row := im.leads[partition].fence.Row
	return Row{Posts: row.Posts, Graph: row.Graph}
}

// CountFollowers stores how many followers authors have, and changes the mode of those for whom that is due.
//
// A store takes a count only if it holds for more of the log than the one before. So each partition gets one record with no other
// meaning, after the records that the stored counts are of.
func (im *Importer) CountFollowers(ctx context.Context, authors ...UserID) error {
	if err := im.beginCounts(ctx); err != nil {
		return err
	}
	counted, err := im.countAll(ctx, authors)
	if err != nil {
		return fmt.Errorf("count followers: %w", err)
	}
	return im.judge(ctx, authors, counted)
}

// beginCounts appends the records after which the followers are counted.
func (im *Importer) beginCounts(ctx context.Context) error {
	if err := im.begin(ctx); err != nil || im.counts {
		return err
	}
	marks := make([]eventlog.Record, im.Shape.Graph)
	for p := range marks {
		marks[p] = countedRecord(im.keyOf(p), time.Now())
	}
	if _, err := im.Log.Append(ctx, GraphTopic, marks...); err != nil {
		return err
	}
	if err := im.fold(ctx); err != nil {
		return err
	}
	im.counts = true
	return nil
}

// keyOf returns a key of records in a partition of the graph.
func (im *Importer) keyOf(partition int) (key UserID) {
	for n := uint64(0); ; n++ {
		binary.BigEndian.PutUint64(key[8:], n)
		if im.Shape.GraphOf(key) == partition {
			return key
		}
	}
}

// countAll counts and stores the followers of authors.
func (im *Importer) countAll(ctx context.Context, authors []UserID) ([][]Count, error) {
	if loader, ok := im.Graph.(FollowLoader); ok {
		return loader.CountFollowers(ctx, im.reached(), authors...)
	}
	counted := make([][]Count, len(authors))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(importReads)
	for i, author := range authors {
		group.Go(func() (err error) {
			counted[i], err = im.count(reading, author)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for p := range im.Shape.Graph {
		changes := GraphChanges{Partition: p, Reach: im.reach(p)}
		for i, author := range authors {
			if c := counted[i][p]; c.Through != 0 {
				changes.Counts = append(changes.Counts, UserCount{author, c})
			}
		}
		if err := im.Graph.Apply(ctx, changes); err != nil {
			return nil, err
		}
	}
	return counted, nil
}

// count returns how many followers an author has in each partition. A Count that is stored already has no Through.
func (im *Importer) count(ctx context.Context, author UserID) ([]Count, error) {
	stored, err := im.Graph.Counts(ctx, author)
	if err != nil {
		return nil, err
	}
	counts := stored[0]
	for p := range counts {
		followers, err := im.followers(ctx, author, p)
		if err != nil {
			return nil, err
		}
		if followers == counts[p].Followers {
			counts[p].Through = 0
		} else {
			counts[p] = Count{Followers: followers, Through: im.leads[p].fence.Row.Graph}
		}
	}
	return counts, nil
}

// followers returns how many followers an author has in a partition.
func (im *Importer) followers(ctx context.Context, author UserID, partition int) (n int64, err error) {
	for from := (UserID{}); ; {
		some, err := im.Graph.Followers(ctx, author, partition, from, expandAtOnce)
		if err != nil {
			return 0, err
		}
		n += int64(len(some))
		if len(some) < expandAtOnce {
			return n, nil
		}
		from = some[len(some)-1].Next()
	}
}

// judge appends the changes of mode that are due, as a run does after the follows that it has read.
func (im *Importer) judge(ctx context.Context, authors []UserID, counted [][]Count) error {
	if im.Strategy != Hybrid {
		return nil
	}
	var many []UserID
	var counts [][]Count
	for i, author := range authors {
		if followersIn(counted[i]) >= min(im.Threshold.Up, im.Threshold.Down) {
			many, counts = append(many, author), append(counts, counted[i])
		}
	}
	return im.builder.appendDue(ctx, im.Threshold, many, counts)
}
