package feed

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"agora/feed"
)

// Apply implements feed.GraphStore.
func (g *Graph) Apply(ctx context.Context, c feed.GraphChanges) error {
	users := map[feed.UserID]uint32{}
	for _, e := range c.Edges {
		users[e.From], users[e.To] = 0, 0
	}
	if err := g.ordinals.of(ctx, users); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a := &applying{Graph: g, users: users, from: map[feed.UserID]*edges{}, blocks: map[feed.UserID]*edges{}, sets: map[string][]uint32{}}
	for _, e := range c.Edges {
		if err := a.edge(ctx, e); err != nil {
			return err
		}
	}
	rows, err := a.counts(ctx, c, a.rows())
	if err != nil {
		return err
	}
	reach, _, err := g.Reach(ctx, c.Partition)
	if err != nil {
		return err
	}
	rows = append(rows, row{key(graphReach, key32(uint32(c.Partition))), appendReach(nil, further(reach, c.Reach))})
	now := binary.AppendUvarint(nil, uint64(time.Now().UnixMicro()))
	for _, user := range c.Active {
		rows = append(rows, row{activeKey(g.shape.GraphOf(user), user), now})
	}
	err = write(ctx, g.db, rows)
	for user := range users {
		g.appliedTo.forget(user)
	}
	g.applied.Add(1)
	return err
}

// further returns the higher positions of two reaches.
func further(known, to feed.Row) feed.Row {
	reach := feed.Row{Posts: slices.Clone(to.Posts), Graph: max(known.Graph, to.Graph)}
	for i := range min(len(reach.Posts), len(known.Posts)) {
		reach.Posts[i] = max(reach.Posts[i], known.Posts[i])
	}
	return reach
}

// applying collects the rows that a call of Apply changes.
type applying struct {
	*Graph
	users  map[feed.UserID]uint32
	from   map[feed.UserID]*edges
	blocks map[feed.UserID]*edges
	sets   map[string][]uint32 // of followers, by key
}

// edge sets an edge at both of its ends, unless a later state is there.
func (a *applying) edge(ctx context.Context, e feed.Edge) error {
	list, err := a.row(ctx, a.from, edgesFrom, e.From)
	if err != nil {
		return err
	}
	if !list.set(edge{e.Kind, a.users[e.To], e.On, e.Since}) {
		return nil
	}
	switch e.Kind {
	case feed.Block:
		list, err := a.row(ctx, a.blocks, blocksOf, e.To)
		if err != nil {
			return err
		}
		list.set(edge{e.Kind, a.users[e.From], e.On, e.Since})
	case feed.Follow:
		return a.follower(ctx, e)
	}
	return nil
}

// row returns the edges of a user, to be changed.
func (a *applying) row(ctx context.Context, rows map[feed.UserID]*edges, p prefix, user feed.UserID) (*edges, error) {
	if list, ok := rows[user]; ok {
		return list, nil
	}
	list, err := a.edges(ctx, p, user)
	rows[user] = &list
	return &list, err
}

// follower adds a follower to the set of an author, or takes it away.
func (a *applying) follower(ctx context.Context, e feed.Edge) error {
	at := setKey(e.To, a.shape.GraphOf(e.From))
	set, ok := a.sets[string(at)]
	if !ok {
		var err error
		if set, err = a.set(ctx, at); err != nil {
			return err
		}
	}
	i, there := slices.BinarySearch(set, a.users[e.From])
	switch {
	case e.On && !there:
		set = slices.Insert(set, i, a.users[e.From])
	case !e.On && there:
		set = slices.Delete(set, i, i+1)
	}
	a.sets[string(at)] = set
	return nil
}

func (a *applying) rows() (rows []row) {
	for user, list := range a.from {
		rows = append(rows, row{key(edgesFrom, user[:]), appendEdges(nil, *list)})
	}
	for user, list := range a.blocks {
		rows = append(rows, row{key(blocksOf, user[:]), appendEdges(nil, *list)})
	}
	for at, set := range a.sets {
		rows = append(rows, row{[]byte(at), appendSet(nil, set)})
	}
	return rows
}

// counts adds the counts that are further than what is there.
func (a *applying) counts(ctx context.Context, c feed.GraphChanges, rows []row) ([]row, error) {
	for _, u := range c.Counts {
		at := key(followerCounts, u.User[:], key32(uint32(c.Partition)))
		value, ok, err := get(ctx, a.db, at)
		if err != nil {
			return nil, err
		}
		var known feed.Count
		if ok {
			if known, err = decodeCount(value); err != nil {
				return nil, err
			}
		}
		if known.Through < u.Through {
			rows = append(rows, row{at, appendCount(nil, u.Count)})
		}
	}
	return rows, nil
}
