package feed

import (
	"context"
	"slices"
)

// related is whose posts a user sees, as of one moment. It is never changed.
type related struct {
	follows []follow // the user too, without those who are muted or blocked; sorted by author
	latest  Position // the last of their positions
}

// follow is an author whose posts a user sees.
type follow struct {
	author UserID
	since  Position // zero for the user
}

// relatedBytes is about what a related costs apart from its follows, of which each costs followBytes.
const (
	relatedBytes = 150
	followBytes  = 24
)

func (r *related) bytes() int { return relatedBytes + followBytes*len(r.follows) }

// includes reports whether the user sees posts of an author.
func (r *related) includes(author UserID) bool {
	_, ok := slices.BinarySearchFunc(r.follows, author, func(f follow, author UserID) int { return f.author.Compare(author) })
	return ok
}

// newRelated computes whose posts a user sees from all edges that are known.
func newRelated(user UserID, edges map[EdgeKey]Edge) *related {
	hidden := map[UserID]bool{user: true}
	for key, e := range edges {
		switch {
		case !e.On || key.Kind == Follow:
		case key.From == user:
			hidden[key.To] = true
		default: // who blocks the user
			hidden[key.From] = true
		}
	}
	r := &related{follows: []follow{{author: user}}}
	for key, e := range edges {
		if key.Kind == Follow && e.On && !hidden[key.To] {
			r.follows = append(r.follows, follow{key.To, e.Since})
			r.latest = max(r.latest, e.Since)
		}
	}
	slices.SortFunc(r.follows, func(a, b follow) int { return a.author.Compare(b.author) })
	return r
}

// relate reads whose posts the user sees.
func (g *reading) relate(ctx context.Context) error {
	if g.related = g.pin.related(g.user); g.related != nil {
		return nil
	}
	rel, err := g.Graph.Relations(ctx, g.user)
	if err != nil {
		return err
	}
	for p, at := range rel.Applied {
		if at > g.pin.Reach.Graph[p] {
			return g.ahead(GraphTopic, p, at)
		}
	}
	edges := make(map[EdgeKey]Edge, len(rel.Follows)+len(rel.Mutes)+len(rel.Blocks))
	for _, list := range [][]Edge{rel.Follows, rel.Mutes, rel.Blocks} {
		for _, e := range list {
			edges[e.EdgeKey] = e
		}
	}
	g.pin.overlay(g.user, edges)
	g.related = newRelated(g.user, edges)
	g.pin.keepRelated(g.user, g.related)
	return nil
}

// related returns whose posts a user sees, if that is cached. What is cached for a user was true when it was read, and the tail
// forgets it at the next record of the user's edges. So it is true as of every pin that is held.
func (p *Pin) related(user UserID) *related {
	p.tail.mu.RLock()
	defer p.tail.mu.RUnlock()
	return p.tail.related[user]
}

// keepRelated caches whose posts a user sees, unless the tail holds records of the user's edges: they may come from after the
// pin.
func (p *Pin) keepRelated(user UserID, r *related) {
	t := p.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	size := r.bytes()
	if len(t.edges[user]) > 0 || t.related[user] != nil || size > t.bounds.Relations {
		return
	}
	for other, held := range t.related {
		if t.relatedBytes+size <= t.bounds.Relations {
			break
		}
		delete(t.related, other)
		t.relatedBytes -= held.bytes()
	}
	t.related[user] = r
	t.relatedBytes += size
}

// unrelate forgets whose posts a user sees. The caller holds t.mu.
func (t *Tail) unrelate(user UserID) {
	if r := t.related[user]; r != nil {
		delete(t.related, user)
		t.relatedBytes -= r.bytes()
	}
}
