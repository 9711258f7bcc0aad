package feed

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/feed"
	"agora/pattern/audit"
	"agora/pattern/eventlog"
)

// Stored is what a history is compared with: the log and the stores of a feed at rest. The timelines are none of them: what
// clients saw is compared with what follows from posts and edges alone.
type Stored struct {
	Shape feed.Shape
	Epoch feed.Epoch
	Log   eventlog.Log
	Posts Posts
	Graph Graph
}

// Posts is what a check reads of a feed.PostStore.
type Posts interface {
	Get(ctx context.Context, ids ...feed.PostID) ([]feed.Post, error)
	ByAuthor(ctx context.Context, ranges ...feed.AuthorRange) ([][]feed.Entry, error)
	Changes(ctx context.Context, ranges ...feed.ChangeRange) ([][]feed.Change, error)
}

// Graph is what a check reads of a feed.GraphStore.
type Graph interface {
	Relations(ctx context.Context, user feed.UserID) (feed.Relations, error)
	Edges(ctx context.Context, keys ...feed.EdgeKey) ([]feed.Edge, error)
}

// Check compares a history with a feed. The history has to contain all that its users did while it was recorded: each post,
// deletion, follow, block and mute. Pages and streams may show posts of others. An error means that the check failed; differences
// are in the report.
//
// How an edge was at the moment of a page follows from its present state and from the records of the log. Where the log does not
// say it, and where positions are of an earlier epoch of the log, the report counts an operation as undecided.
func Check(ctx context.Context, history []Operation, stored Stored) (audit.Report, error) {
	c := &checking{
		Stored: stored, history: history, sent: whatWasSent(history),
		authors: map[feed.UserID]*author{}, viewers: map[feed.UserID]*viewer{},
		turns: map[feed.EdgeKey][]turn{}, keys: map[feed.UserID][]feed.EdgeKey{},
	}
	for _, part := range []func(context.Context) error{
		c.measure, c.acknowledged, c.unsent, c.inForce, c.readLog, c.pages, c.streams,
	} {
		if err := part(ctx); err != nil {
			return c.report, fmt.Errorf("check the history: %w", err)
		}
	}
	return c.report, nil
}

// checking is the state of a check while it runs.
type checking struct {
	Stored
	history     []Operation
	report      audit.Report
	sent        sent
	first, last feed.Reach // the least and the greatest positions that clients were told
	authors     map[feed.UserID]*author
	turns       map[feed.EdgeKey][]turn        // that the log has
	keys        map[feed.UserID][]feed.EdgeKey // of turns, by user
	lacking     string                         // why pages and streams cannot be checked; empty if they can
	viewers     map[feed.UserID]*viewer
}

// measure sets from where to where the history goes.
func (c *checking) measure(ctx context.Context) error {
	for topic, first := range map[string]*feed.Vector{feed.PostsTopic: &c.first.Posts, feed.GraphTopic: &c.first.Graph} {
		ends, err := c.Log.Ends(ctx, topic)
		if err != nil {
			return err
		}
		for _, bounds := range ends {
			*first = append(*first, feed.At(c.Epoch, bounds.Next))
		}
	}
	c.last = feed.Reach{Posts: make(feed.Vector, c.Shape.Posts), Graph: make(feed.Vector, c.Shape.Graph)}
	for i, op := range c.history {
		if op.Output.Outcome != OK {
			continue
		}
		if err := c.include(op); err != nil && !otherEpoch(err) {
			return fmt.Errorf("operation %d of the history: %w", i+1, err)
		}
	}
	return nil
}

// include extends the history to the positions that an operation was told.
func (c *checking) include(op Operation) error {
	switch op.Kind {
	case Read:
		asOf, err := feed.ParseAsOf(op.Output.AsOf, c.Shape, c.Epoch)
		c.extend(feed.Reach{Posts: asOf.Posts})
		c.extend(asOf.Moment)
		return err
	case Listen:
		partition := c.Shape.GraphOf(userID(op.Input.User))
		for _, id := range append([]string{op.Input.From}, idsOf(op.Output.Events)...) {
			at, err := feed.ParseLiveCursor(id, c.Shape, c.Epoch)
			if err != nil {
				return err
			}
			c.extend(feed.Reach{Posts: at.Posts})
			if at.Posts != nil {
				c.first.Graph[partition] = min(c.first.Graph[partition], at.Graph)
			}
		}
		return nil
	default:
		reach, err := c.reachOf(op)
		c.extend(reach)
		return err
	}
}

func idsOf(events []Event) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = e.ID
	}
	return list
}

// extend extends the history to the positions of a reach.
func (c *checking) extend(reach feed.Reach) {
	for p, at := range reach.Posts {
		c.first.Posts[p], c.last.Posts[p] = min(c.first.Posts[p], at), max(c.last.Posts[p], at)
	}
	for p, at := range reach.Graph {
		c.first.Graph[p], c.last.Graph[p] = min(c.first.Graph[p], at), max(c.last.Graph[p], at)
	}
}

// reachOf returns what a write was told.
func (c *checking) reachOf(op Operation) (feed.Reach, error) {
	return feed.ParseReach("as_of", op.Output.AsOf, c.Shape, c.Epoch)
}

// otherEpoch reports whether an error is that of a position in another epoch of the log.
func otherEpoch(err error) bool { return fault.CodeOf(err) == feed.CodeChanged }

// postID returns an identifier of a history, which ReadHistory has checked.
func postID(s string) feed.PostID {
	id, err := feed.ParsePostID(s)
	if err != nil {
		panic("verify: " + err.Error())
	}
	return id
}

// userID returns an identifier of a history, which ReadHistory has checked.
func userID(s string) feed.UserID {
	id, err := feed.ParseUserID(s)
	if err != nil {
		panic("verify: " + err.Error())
	}
	return id
}
