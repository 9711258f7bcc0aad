package feed

import (
	"context"
	"slices"
)

// related is whose posts a user sees, as of one moment. It is never changed.
type related struct {
	applied Vector   // of the relations that it was computed from
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
	relatedBytes = 300
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

// relate reads whose posts the user sees. That is cached, but the store is asked each time how far it is: a leader that has applied
// an unfollow delivers no more of that author's posts, and the tail may not have reached the unfollow.
func (g *reading) relate(ctx context.Context) error {
	settled := g.pin.settled(g.user)
	if settled {
		applied, err := g.Graph.Applied(ctx, g.user)
		if err != nil {
			return err
		}
		if err := g.behind(applied); err != nil {
			return err
		}
		if g.related = g.Tail.relatedOf(g.user, applied); g.related != nil {
			return nil
		}
	}
	rel, err := g.Graph.Relations(ctx, g.user)
	if err != nil {
		return err
	}
	if err := g.behind(rel.Applied); err != nil {
		return err
	}
	edges := rel.byKey()
	if settled {
		g.related = newRelated(g.user, edges)
		g.related.applied = rel.Applied
		g.Tail.keepRelated(g.user, g.related)
		return nil
	}
	g.pin.overlay(g.user, edges)
	g.related = newRelated(g.user, edges)
	return nil
}

// behind returns an error if the tail has not reached what the GraphStore has applied.
func (g *reading) behind(applied Vector) error {
	for p, at := range applied {
		if at > g.pin.Reach.Graph[p] {
			return g.ahead(GraphTopic, p, at)
		}
	}
	return nil
}

// settled reports whether the tail holds no record of the user's edges: the GraphStore has all of them.
func (p *Pin) settled(user UserID) bool {
	p.tail.mu.RLock()
	defer p.tail.mu.RUnlock()
	return len(p.tail.edges[user]) == 0
}

// relatedOf returns whose posts a user sees, if that is cached from relations that were applied so far.
func (t *Tail) relatedOf(user UserID, applied Vector) *related {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.related[user]; r != nil && slices.Equal(r.applied, applied) {
		return r
	}
	return nil
}

// keepRelated caches whose posts a user sees. If that gets too much, any others go.
func (t *Tail) keepRelated(user UserID, r *related) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unrelate(user)
	size := r.bytes()
	for other := range t.related {
		if t.relatedBytes+size <= t.bounds.Relations {
			break
		}
		t.unrelate(other)
	}
	if t.relatedBytes+size <= t.bounds.Relations {
		t.related[user] = r
		t.relatedBytes += size
	}
}

// unrelate forgets whose posts a user sees. The caller holds t.mu.
func (t *Tail) unrelate(user UserID) {
	if r := t.related[user]; r != nil {
		delete(t.related, user)
		t.relatedBytes -= r.bytes()
	}
}
