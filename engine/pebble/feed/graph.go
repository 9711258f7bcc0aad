package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// Graph is the feed.GraphStore. An Apply is one write: all of it or nothing is there after a crash.
type Graph struct {
	db       *pebble.DB
	ordinals *ordinals
	shape    feed.Shape

	mu      sync.Mutex // held from the read of rows until their write is durable
	applied atomic.Uint64

	last      atomic.Pointer[expanded]
	appliedTo *recent[feed.Vector] // what Applied returns
}

// appliedPlaces is how many users have the answer of Applied in memory, which takes about 200 bytes.
const appliedPlaces = 1 << 16

// expanded is a set of followers that is read in parts.
type expanded struct {
	applied   uint64 // how many calls of Apply were made before it was read
	user      feed.UserID
	partition int
	followers []feed.UserID // sorted
}

var _ feed.GraphStore = (*Graph)(nil)

// NewGraph returns the store of the graph of a database. There must be only one.
func NewGraph(db *DB, shape feed.Shape) *Graph {
	return &Graph{db: db.db, ordinals: db.ordinals, shape: shape, appliedTo: newRecent[feed.Vector](appliedPlaces)}
}

func (g *Graph) edges(ctx context.Context, p prefix, user feed.UserID) (edges, error) {
	value, ok, err := get(ctx, g.db, key(p, user[:]))
	if err != nil || !ok {
		return nil, err
	}
	list, err := decodeEdges(value)
	if err != nil {
		return nil, fmt.Errorf("edges of %s: %w", user, err)
	}
	return list, nil
}

// ends returns the edges from a user and the blocks of the user by others, as of one moment: Applied could not tell two
// states apart if a run came between the two reads.
func (g *Graph) ends(ctx context.Context, user feed.UserID) (from, to edges, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	moment := g.db.Pebble().NewSnapshot()
	from, err = edgesAt(moment, key(edgesFrom, user[:]))
	if err == nil {
		to, err = edgesAt(moment, key(blocksOf, user[:]))
	}
	err = errors.Join(err, fault.Wrap(fault.Unavailable, moment.Close(), "edges cannot be read"))
	return from, to, err
}

func edgesAt(moment *cockroach.Snapshot, at []byte) (list edges, err error) {
	value, closer, err := moment.Get(at)
	if errors.Is(err, cockroach.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		list, err = decodeEdges(value)
		err = errors.Join(err, closer.Close())
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "edges cannot be read")
	}
	return list, nil
}

// Relations implements feed.GraphStore.
func (g *Graph) Relations(ctx context.Context, user feed.UserID) (feed.Relations, error) {
	from, to, err := g.ends(ctx, user)
	if err != nil {
		return feed.Relations{}, err
	}
	rel := feed.Relations{Applied: make(feed.Vector, g.shape.Graph), Follows: make([]feed.Edge, 0, len(from))}
	partition := g.shape.GraphOf(user)
	for _, e := range from {
		other, err := g.ordinals.user(ctx, e.other)
		if err != nil {
			return feed.Relations{}, err
		}
		add(&rel, partition, e, feed.EdgeKey{Kind: e.kind, From: user, To: other})
	}
	for _, e := range to {
		other, err := g.ordinals.user(ctx, e.other)
		if err != nil {
			return feed.Relations{}, err
		}
		add(&rel, g.shape.GraphOf(other), e, feed.EdgeKey{Kind: e.kind, From: other, To: user})
	}
	return rel, nil
}

// Applied implements feed.GraphStore.
func (g *Graph) Applied(ctx context.Context, user feed.UserID) (feed.Vector, error) {
	held, changes, ok := g.appliedTo.get(user)
	if ok {
		return held, ctx.Err()
	}
	from, to, err := g.ends(ctx, user)
	if err != nil {
		return nil, err
	}
	applied := make(feed.Vector, g.shape.Graph)
	partition := g.shape.GraphOf(user)
	for _, e := range from {
		applied[partition] = max(applied[partition], e.since+1)
	}
	for _, e := range to {
		other, err := g.ordinals.user(ctx, e.other)
		if err != nil {
			return nil, err
		}
		p := g.shape.GraphOf(other)
		applied[p] = max(applied[p], e.since+1)
	}
	g.appliedTo.keep(user, applied, changes)
	return applied, nil
}

func add(rel *feed.Relations, partition int, e edge, key feed.EdgeKey) {
	rel.Applied[partition] = max(rel.Applied[partition], e.since+1)
	if !e.on {
		return
	}
	made := feed.Edge{EdgeKey: key, On: true, Since: e.since}
	switch e.kind {
	case feed.Follow:
		rel.Follows = append(rel.Follows, made)
	case feed.Mute:
		rel.Mutes = append(rel.Mutes, made)
	case feed.Block:
		rel.Blocks = append(rel.Blocks, made)
	}
}

// Edges implements feed.GraphStore.
func (g *Graph) Edges(ctx context.Context, keys ...feed.EdgeKey) ([]feed.Edge, error) {
	rows := map[feed.UserID]edges{}
	var found []feed.Edge
	for _, key := range keys {
		list, ok := rows[key.From]
		if !ok {
			var err error
			if list, err = g.edges(ctx, edgesFrom, key.From); err != nil {
				return nil, err
			}
			rows[key.From] = list
		}
		other, ok, err := g.ordinals.find(ctx, key.To)
		if err != nil {
			return nil, err
		}
		if i, there := list.find(key.Kind, other); ok && there {
			found = append(found, feed.Edge{EdgeKey: key, On: list[i].on, Since: list[i].since})
		}
	}
	return found, nil
}

// Followers implements feed.GraphStore.
func (g *Graph) Followers(ctx context.Context, user feed.UserID, partition int, from feed.UserID, limit int) ([]feed.UserID, error) {
	applied := g.applied.Load()
	set := g.last.Load()
	if set == nil || set.applied != applied || set.user != user || set.partition != partition {
		followers, err := g.followers(ctx, user, partition)
		if err != nil {
			return nil, err
		}
		set = &expanded{applied, user, partition, followers}
	}
	begin, _ := slices.BinarySearchFunc(set.followers, from, feed.UserID.Compare)
	rest := set.followers[begin:]
	if len(rest) > limit {
		rest = rest[:limit]
		g.last.Store(set)
	}
	return slices.Clone(rest), nil
}

// followers returns all followers in a partition, sorted.
func (g *Graph) followers(ctx context.Context, user feed.UserID, partition int) ([]feed.UserID, error) {
	set, err := g.set(ctx, setKey(user, partition))
	if err != nil {
		return nil, err
	}
	return g.sorted(ctx, set)
}

// sorted returns the users of ordinals, sorted.
func (g *Graph) sorted(ctx context.Context, set []uint32) (users []feed.UserID, err error) {
	users = make([]feed.UserID, len(set))
	for i, n := range set {
		if users[i], err = g.ordinals.user(ctx, n); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(users, feed.UserID.Compare)
	return users, nil
}

// FollowersOf implements feed.GraphStore. The rows of an author are neighbours.
func (g *Graph) FollowersOf(ctx context.Context, partitions []int, limit int, authors ...feed.UserID) ([][][]feed.UserID, error) {
	lists := make([][][]feed.UserID, len(authors))
	for i := range lists {
		lists[i] = make([][]feed.UserID, len(partitions))
	}
	err := g.eachOf(ctx, followersOf, authors, func(i int, rest, value []byte) error {
		p, err := g.partition(rest)
		j := slices.Index(partitions, p)
		if err != nil || j < 0 {
			return err
		}
		set, err := decodeSet(value)
		if err != nil {
			return fmt.Errorf("followers: %w", err)
		}
		list, err := g.sorted(ctx, set)
		lists[i][j] = list[:min(limit, len(list))]
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

func setKey(user feed.UserID, partition int) []byte {
	return key(followersOf, user[:], key32(uint32(partition)))
}

func (g *Graph) set(ctx context.Context, at []byte) ([]uint32, error) {
	value, ok, err := get(ctx, g.db, at)
	if err != nil || !ok {
		return nil, err
	}
	set, err := decodeSet(value)
	if err != nil {
		return nil, fmt.Errorf("followers: %w", err)
	}
	return set, nil
}

// Counts implements feed.GraphStore.
func (g *Graph) Counts(ctx context.Context, users ...feed.UserID) ([][]feed.Count, error) {
	lists := make([][]feed.Count, len(users))
	for i := range lists {
		lists[i] = make([]feed.Count, g.shape.Graph)
	}
	err := g.eachOf(ctx, followerCounts, users, func(i int, rest, value []byte) error {
		p, err := g.partition(rest)
		if err == nil {
			lists[i][p], err = decodeCount(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

// partition reads the partition at the end of a key.
func (g *Graph) partition(rest []byte) (int, error) {
	if len(rest) != 4 || int(binary.BigEndian.Uint32(rest)) >= g.shape.Graph {
		return 0, errDamaged
	}
	return int(binary.BigEndian.Uint32(rest)), nil
}

// Reach implements feed.GraphStore.
func (g *Graph) Reach(ctx context.Context, partition int) (reach feed.Row, ok bool, err error) {
	value, ok, err := get(ctx, g.db, key(graphReach, key32(uint32(partition))))
	if err != nil || !ok {
		return feed.Row{}, false, err
	}
	reach, err = decodeReach(&pebble.Decoder{Rest: value})
	return reach, err == nil, err
}

// PutModes implements feed.GraphStore.
func (g *Graph) PutModes(ctx context.Context, modes ...feed.Modes) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	merged := map[feed.UserID]feed.Modes{}
	for _, m := range modes {
		known, ok := merged[m.Author]
		if !ok {
			var err error
			if known, err = g.modes(ctx, m.Author); err != nil {
				return err
			}
		}
		merged[m.Author] = known.Merge(m)
	}
	var rows []row
	for author, m := range merged {
		rows = append(rows, row{key(authorModes, author[:]), appendModes([]byte{}, m)})
	}
	return write(ctx, g.db, rows)
}

func (g *Graph) modes(ctx context.Context, author feed.UserID) (feed.Modes, error) {
	value, ok, err := get(ctx, g.db, key(authorModes, author[:]))
	if err != nil || !ok {
		return feed.Modes{}, err
	}
	return decodeModes(author, value)
}

// Modes implements feed.GraphStore.
func (g *Graph) Modes(ctx context.Context, authors ...feed.UserID) (found []feed.Modes, err error) {
	if len(authors) > 0 {
		err = g.eachOf(ctx, authorModes, authors, func(i int, _, value []byte) error {
			m, err := decodeModes(authors[i], value)
			found = append(found, m)
			return err
		})
		return found, err
	}
	err = scan(ctx, g.db, key(authorModes), key(authorModes), func(k, value []byte) (bool, error) {
		m, err := decodeModes(feed.UserID(k[1:]), value)
		found = append(found, m)
		return true, err
	})
	return found, err
}

// Idle implements feed.GraphStore.
func (g *Graph) Idle(ctx context.Context, partition int, before time.Time, limit int) ([]feed.UserID, error) {
	var found []feed.UserID
	prefix := key(lastActive, key32(uint32(partition)))
	err := scan(ctx, g.db, prefix, prefix, func(k, value []byte) (bool, error) {
		if idleBefore(value, before) && len(found) < limit {
			found = append(found, feed.UserID(k[len(prefix):]))
		}
		return len(found) < limit, nil
	})
	return found, err
}

// Forget implements feed.GraphStore.
func (g *Graph) Forget(ctx context.Context, before time.Time, users ...feed.UserID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var rows []row
	for _, user := range users {
		at := activeKey(g.shape.GraphOf(user), user)
		value, ok, err := get(ctx, g.db, at)
		if err != nil {
			return err
		}
		if ok && idleBefore(value, before) {
			rows = append(rows, row{key: at})
		}
	}
	return write(ctx, g.db, rows)
}

func activeKey(partition int, user feed.UserID) []byte {
	return key(lastActive, key32(uint32(partition)), user[:])
}

// idleBefore reports whether the value of lastActive is a time before another.
func idleBefore(value []byte, before time.Time) bool {
	d := pebble.Decoder{Rest: value}
	at := int64(d.Uvarint())
	return !d.Failed && at < before.UnixMicro()
}
