package feed

import (
	"cmp"
	"context"
	"math"
	"slices"

	"agora/feed"
)

// sight says whether a user sees the posts of an author.
type sight uint8

const (
	hidden sight = iota
	perhaps
	seen
)

// known returns seen or hidden.
func known(yes bool) sight {
	if yes {
		return seen
	}
	return hidden
}

// not turns seen into hidden, and hidden into seen.
func (s sight) not() sight { return seen - s }

// viewer is a reader of the history with all that ever decided whose posts the reader sees.
type viewer struct {
	user      feed.UserID
	partition int
	ties      []*ties // of all others that the reader may have followed, and of the reader; sorted by author
}

// ties are the edges between a reader and an author.
type ties struct {
	*author
	self                             bool
	follow, mute, block, blockedBack past
}

// past is how an edge is and was.
type past struct {
	partition int           // of the graph
	on        bool          // at present
	since     feed.Position // of the record that turned it last
	turns     []turn        // that the log has, in its order
}

// viewer returns a reader.
func (c *checking) viewer(ctx context.Context, user feed.UserID) (*viewer, error) {
	if v := c.viewers[user]; v != nil {
		return v, nil
	}
	edges := map[feed.EdgeKey]feed.Edge{}
	rel, err := c.Graph.Relations(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Concat(rel.Follows, rel.Mutes, rel.Blocks) {
		edges[e.EdgeKey] = e
	}
	turned, err := c.Graph.Edges(ctx, c.keys[user]...)
	if err != nil {
		return nil, err
	}
	for _, e := range turned {
		edges[e.EdgeKey] = e
	}
	all := map[feed.UserID]*ties{user: {self: true}}
	for key, e := range edges {
		c.tie(all, user, key, e)
	}
	v := &viewer{user: user, partition: c.Shape.GraphOf(user)}
	for other, t := range all {
		if !t.self && !t.follow.on && len(t.follow.turns) == 0 {
			continue
		}
		if t.author, err = c.author(ctx, other); err != nil {
			return nil, err
		}
		v.ties = append(v.ties, t)
	}
	slices.SortFunc(v.ties, func(a, b *ties) int { return a.user.Compare(b.user) })
	c.viewers[user] = v
	return v, nil
}

// tie adds an edge to the ties of a user.
func (c *checking) tie(all map[feed.UserID]*ties, user feed.UserID, key feed.EdgeKey, e feed.Edge) {
	other := key.To
	if other == user {
		other = key.From
	}
	if other == user {
		return
	}
	if all[other] == nil {
		all[other] = &ties{}
	}
	p := c.Shape.GraphOf(key.From)
	edge := past{partition: p, on: e.On, since: e.Since, turns: c.turns[key]}
	switch {
	case key.Kind == feed.Follow:
		all[other].follow = edge
	case key.Kind == feed.Mute:
		all[other].mute = edge
	case key.From == user:
		all[other].block = edge
	default:
		all[other].blockedBack = edge
	}
}

// at returns whether the edge was on after the records before a position.
func (p past) at(position feed.Position) sight {
	if p.since < position {
		return known(p.on)
	}
	next, _ := slices.BinarySearchFunc(p.turns, position, func(t turn, at feed.Position) int { return cmp.Compare(t.at, at) })
	switch {
	case next > 0:
		return known(p.turns[next-1].on)
	case next < len(p.turns) && p.turns[next].at == p.since:
		return known(!p.on) // the first record after it is the one that changed it
	}
	return perhaps // the log does not say how the edge began: it may have been imported, or older records are gone
}

// throughout returns whether the edge was on from a position to another one, if it did not change.
func (p past) throughout(from, to feed.Position) sight {
	began := p.at(from)
	for _, t := range p.turns {
		if t.at >= from && t.at < to && known(t.on) != began {
			return perhaps
		}
	}
	return began
}

// at returns whether the reader saw the author's posts at a moment.
func (t *ties) at(graph feed.Vector) sight {
	return t.judge(func(p past) sight { return p.at(graph[p.partition]) })
}

// during returns whether the reader saw the author's posts from a moment to another one, if that did not change. The moments are
// positions in the partition of the reader. What the author did stands in another one, and has to be unchanged since a reach.
func (t *ties) during(from, to feed.Position, own int, since feed.Vector) sight {
	return t.judge(func(p past) sight {
		if p.partition == own {
			return p.throughout(from, to)
		}
		return p.throughout(since[p.partition], math.MaxUint64)
	})
}

func (t *ties) judge(state func(past) sight) sight {
	if t.self {
		return seen
	}
	sees := state(t.follow)
	for _, p := range []past{t.mute, t.block, t.blockedBack} {
		sees = min(sees, state(p).not())
	}
	return sees
}

// of returns the ties to an author, or nil if the reader never followed the author.
func (v *viewer) of(author feed.UserID) *ties {
	i, ok := slices.BinarySearchFunc(v.ties, author, func(t *ties, author feed.UserID) int { return t.user.Compare(author) })
	if !ok {
		return nil
	}
	return v.ties[i]
}
