package feed

import (
	"context"
	"fmt"
	"sync"

	"agora/lab/load"
	verifyfeed "agora/lab/verify/feed"
)

// graph remembers how the load found the follows, blocks and mutes that it changes, so that it can leave them so.
type graph struct {
	mu  sync.Mutex
	was map[edge]bool
}

// edge is a follow, block or mute between two users, by their numbers. kind is Follow, Block or Mute.
type edge struct {
	kind        load.Kind
	user, other int
}

// opposites are the requests that end what the others begin.
var opposites = map[load.Kind]load.Kind{Follow: Unfollow, Block: Unblock, Mute: Unmute}

// edgeOf returns the edge that a request changes.
func edgeOf(kind load.Kind, user, other int) edge {
	for begin, end := range opposites {
		if kind == end {
			kind = begin
		}
	}
	return edge{kind, user, other}
}

// touch remembers how an edge was before the load changed it for the first time.
func (g *graph) touch(e edge, was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.was[e]; !ok {
		g.was[e] = was
	}
}

// confirm sets what the load may change of a user as it is. So the log says how it began, and agora verify feed can decide what the user
// had to see from the beginning.
func (p *people) confirm(ctx context.Context, run load.Run, user int) error {
	c := run.Connect(setupClient)
	defer c.Hangup()
	for begin, end := range opposites {
		for _, far := range slots[begin] {
			kind, other := end, p.after(user, far)
			if begin == Follow && p.followed[user][other] {
				kind = begin
			}
			if err := p.set(ctx, run, c, kind, user, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore leaves all edges as the load found them. What was off goes first, because nobody can follow a user who blocks.
func (p *people) restore(ctx context.Context, run load.Run) error {
	var on, off []edge
	for e, was := range p.graph.was {
		if was {
			on = append(on, e)
		} else {
			off = append(off, e)
		}
	}
	run.Doing(fmt.Sprintf("undoing %d follows, blocks and mutes", len(on)+len(off)))
	err := p.setAll(ctx, run, off, func(e edge) load.Kind { return opposites[e.kind] })
	if err != nil {
		return err
	}
	return p.setAll(ctx, run, on, func(e edge) load.Kind { return e.kind })
}

// setAll sends a request of some kind for each edge.
func (p *people) setAll(ctx context.Context, run load.Run, all []edge, kind func(edge) load.Kind) error {
	return load.Each(ctx, len(all), func(ctx context.Context, i int) error {
		c := run.Connect(setupClient)
		defer c.Hangup()
		return p.set(ctx, run, c, kind(all[i]), all[i].user, all[i].other)
	})
}

// set sends the request of a kind from Follow to Unmute.
func (p *people) set(ctx context.Context, run load.Run, c *load.Connection, kind load.Kind, user, other int) error {
	what := edges[kind]
	done := record(run.Recorder, setupClient, what.kind, verifyfeed.Input{User: p.ids[user], Other: p.ids[other]})
	c.Request(what.method, "/v1/users/"+p.ids[other]+what.route, p.tokens[user])
	answer, err := c.Once(ctx, run.Timeout)
	if err != nil || answer.Status != 204 {
		return fmt.Errorf("let user %s %s %s: %w", p.ids[user], kind, p.ids[other], load.ErrAnswer(answer, err))
	}
	done(verifyfeed.Output{Outcome: verifyfeed.OK, AsOf: answer.AsOf})
	return nil
}
