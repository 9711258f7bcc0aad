package feed

import (
	"context"
	"fmt"

	"agora/feed"
	"agora/pattern/audit"
)

// streams checks each connection of a stream from its cursor to the id of its last event. A stream that goes on there is checked
// from there: so a stream of connections that are right tells nothing twice and leaves nothing out.
func (c *checking) streams(ctx context.Context) error {
	check := c.report.Begin("streams", "a stream tells each post and each deletion of followed authors once, in the order of the author")
	if c.lacking != "" {
		check.Skip(c.lacking)
		return nil
	}
	for _, op := range c.history {
		if op.Kind != Listen || op.Output.Outcome != OK {
			continue
		}
		check.Compared++
		l, err := c.listening(ctx, check, op)
		if err == nil {
			err = l.follow(op)
		}
		if err != nil && !otherEpoch(err) {
			return err
		}
		if err != nil || l.undecided {
			check.Undecided++
		}
	}
	return nil
}

// listening is a connection while it is checked.
type listening struct {
	*checking
	*viewer
	check     *audit.Check
	op        Operation
	posts     map[feed.PostID]feed.Post // of the events
	undecided bool                      // for an author, it cannot be said what was to be told

	begin, at feed.LiveCursor // of what is checked since the last reset
	told      map[feed.PostID]bool
	deleted   map[feed.PostID]bool
}

func (c *checking) listening(ctx context.Context, check *audit.Check, op Operation) (l *listening, err error) {
	l = &listening{checking: c, check: check, op: op}
	var ids []feed.PostID
	for _, e := range op.Output.Events {
		if e.Post != "" {
			ids = append(ids, postID(e.Post))
		}
	}
	if l.posts, err = c.get(ctx, ids); err != nil {
		return nil, err
	}
	l.viewer, err = c.viewer(ctx, userID(op.Input.User))
	return l, err
}

// start begins at a cursor.
func (l *listening) start(at feed.LiveCursor) {
	l.begin, l.at = at, at
	l.told, l.deleted = map[feed.PostID]bool{}, map[feed.PostID]bool{}
}

func (l *listening) differ(format string, args ...any) {
	l.check.Differ("the stream of %s from %q %s", l.user, l.op.Input.From, fmt.Sprintf(format, args...))
}

// follow checks all events. Without a cursor, the first event says where the stream begins.
func (l *listening) follow(op Operation) error {
	from, err := feed.ParseLiveCursor(op.Input.From, l.Shape, l.Epoch)
	if err != nil {
		return err
	}
	l.start(from)
	for _, e := range op.Output.Events {
		next, err := feed.ParseLiveCursor(e.ID, l.Shape, l.Epoch)
		switch {
		case err != nil:
			return err
		case next.Posts == nil:
			l.differ("has an event without an id")
			return nil
		case l.begin.Posts == nil && e.Kind == "", e.Kind == feed.Reset:
			l.settle()
			l.start(next)
			continue
		case !next.Posts.Includes(l.at.Posts) || next.Graph < l.at.Graph:
			l.differ("goes back from %v to %v", l.at, next)
			return nil
		}
		if e.Kind != "" {
			if wrong := l.event(e, next); wrong != "" {
				l.differ("tells the %s of %s, %s", e.Kind, e.Post, wrong)
			}
		}
		l.at = next
	}
	l.settle()
	return nil
}

// event returns what is wrong with an event whose id is next, or "".
func (l *listening) event(e Event, next feed.LiveCursor) string {
	p := l.posts[postID(e.Post)]
	at, told := p.At, l.told
	if e.Kind == feed.Deleted {
		at, told = p.Deleted, l.deleted
	}
	again := told[p.ID]
	told[p.ID] = true
	partition := l.Shape.PostsOf(p.Author)
	tied := l.of(p.Author)
	switch {
	case at == 0:
		return "which is not stored"
	case again:
		return "which it has told"
	case l.begin.Posts != nil && at < l.at.Posts[partition]:
		return fmt.Sprintf("which stands at %v, before what it has told", at)
	case !next.Posts.Covers(partition, at):
		return fmt.Sprintf("which stands at %v, and the event says that all before %v is told", at, next.Posts)
	case tied == nil:
		return "whose author the reader did not follow"
	case e.Kind == feed.Posted && l.deleted[p.ID]:
		return "after its deletion"
	case e.Kind == feed.Posted && l.sees(tied, next) == hidden:
		return "whose author the reader did not see"
	case e.Kind == feed.Deleted && !tied.self && tied.follow.throughout(l.begin.Graph, next.Graph) == hidden:
		return "whose author the reader did not follow"
	}
	return ""
}

// sees returns whether the reader saw an author all the time up to a cursor.
func (l *listening) sees(t *ties, to feed.LiveCursor) sight {
	return t.during(l.begin.Graph, to.Graph, l.partition, l.first.Graph)
}

// settle checks that all was told since the last reset. A post that was deleted since need not be told.
func (l *listening) settle() {
	if l.begin.Posts == nil {
		return
	}
	for _, t := range l.ties {
		changes := t.changed(l.begin.Posts[t.partition], l.at.Posts[t.partition])
		if len(changes) == 0 {
			continue
		}
		sees := l.sees(t, l.at)
		l.undecided = l.undecided || sees == perhaps
		for _, change := range changes {
			switch {
			case sees != seen:
			case change.Deleted && !l.deleted[change.Post]:
				l.differ("lacks the deletion of %s at %v", change.Post, change.At)
			case !change.Deleted && !l.told[change.Post] && !t.deleted[change.Post]:
				l.differ("lacks the post %s at %v", change.Post, change.At)
			}
		}
	}
}
