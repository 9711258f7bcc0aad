package feed

import (
	"context"
	"fmt"
	"slices"

	"agora/feed"
	"agora/pattern/audit"
)

// pages checks each page against the posts and edges of its moment. All pages of a walk show posts of the same positions, and a
// page shows only what is below its cursor: so a walk of pages that are right shows nothing twice and leaves nothing out.
func (c *checking) pages(ctx context.Context) error {
	check := c.report.Begin("pages", "each page shows just the posts that followed authors had as of its as_of, newest first")
	if c.lacking != "" {
		check.Skip(c.lacking)
		return nil
	}
	for _, op := range c.history {
		if op.Kind != Read || op.Output.Outcome != OK {
			continue
		}
		check.Compared++
		p, err := c.parse(op)
		if otherEpoch(err) {
			check.Undecided++
			continue
		}
		if err != nil {
			return err
		}
		wrong := p.form()
		if wrong == "" {
			wrong, err = c.page(ctx, check, p)
		}
		if err != nil {
			return err
		}
		if wrong != "" {
			check.Differ("the page of %s as of %s %s", op.Input.User, op.Output.AsOf, wrong)
		}
	}
	return nil
}

// page is a page of the history, decoded.
type page struct {
	Operation
	asOf       feed.AsOf
	cursor     feed.Cursor // where it began
	next       feed.Cursor // where the walk goes on
	after      feed.Reach  // what it has to include
	items      []feed.PostID
	isComplete bool
}

func (c *checking) parse(op Operation) (p page, err error) {
	p = page{Operation: op, isComplete: op.Output.State == feed.Complete}
	if p.asOf, err = feed.ParseAsOf(op.Output.AsOf, c.Shape, c.Epoch); err != nil {
		return p, err
	}
	if p.cursor, err = feed.ParseCursor(op.Input.Cursor, c.Shape, c.Epoch); err != nil {
		return p, err
	}
	if p.next, err = feed.ParseCursor(op.Output.Next, c.Shape, c.Epoch); err != nil {
		return p, err
	}
	if op.Input.After != "" {
		if p.after, err = feed.ParseAfter(op.Input.After, c.Shape, c.Epoch); err != nil {
			return p, err
		}
	}
	for _, id := range op.Output.Items {
		p.items = append(p.items, postID(id))
	}
	return p, nil
}

// form returns what is wrong with a page by itself, or "".
func (p page) form() string {
	before := newest
	if p.cursor.Posts != nil {
		before = p.cursor.Before
		if !slices.Equal(p.cursor.Posts, p.asOf.Posts) {
			return fmt.Sprintf("shows posts before %v, and the walk began with those before %v", p.asOf.Posts, p.cursor.Posts)
		}
	}
	for _, id := range p.items {
		if id.Compare(before) >= 0 {
			return fmt.Sprintf("shows %s below %s", id, before)
		}
		before = id
	}
	full := len(p.items) == p.Input.Limit
	switch {
	case !p.asOf.Moment.Includes(p.after):
		return fmt.Sprintf("does not include what was written before %v", p.after)
	case len(p.items) > p.Input.Limit:
		return fmt.Sprintf("has %d items, and %d were asked for", len(p.items), p.Input.Limit)
	case !p.isComplete:
		return ""
	case p.Output.Skipped > 0:
		return fmt.Sprintf("is complete, and left %d authors out", p.Output.Skipped)
	case p.next.Posts != nil && (!full || p.next.Before != before || !slices.Equal(p.next.Posts, p.asOf.Posts)):
		return fmt.Sprintf("of %d items goes on below %s of %v; want below its last item", len(p.items), p.next.Before, p.next.Posts)
	}
	return ""
}

// candidate is a post that a page may have to show.
type candidate struct {
	id    feed.PostID
	sight sight
}

// page compares a page with the posts that it has to show.
func (c *checking) page(ctx context.Context, check *audit.Check, p page) (wrong string, err error) {
	if !p.isComplete && len(p.items) == 0 {
		check.Undecided++
		return "", nil
	}
	candidates, err := c.candidates(ctx, p)
	if err != nil {
		return "", err
	}
	undecided := !p.isComplete
	items := p.items
	for _, post := range candidates {
		switch {
		case len(items) > 0 && items[0].Compare(post.id) > 0:
			return c.stranger(ctx, p, items[0])
		case len(items) > 0 && items[0] == post.id:
			items = items[1:]
		case post.sight == seen && p.isComplete:
			return "lacks " + post.id.String(), nil
		}
		undecided = undecided || post.sight == perhaps
	}
	if len(items) > 0 {
		return c.stranger(ctx, p, items[0])
	}
	if undecided {
		check.Undecided++
	}
	return "", nil
}

// candidates returns the posts of authors whom the reader of a page may have seen, newest first: down to the last item, or to the end if
// the page is the last one.
func (c *checking) candidates(ctx context.Context, p page) ([]candidate, error) {
	v, err := c.viewer(ctx, userID(p.Input.User))
	if err != nil {
		return nil, err
	}
	before, down := newest, feed.PostID{}
	if p.cursor.Posts != nil {
		before = p.cursor.Before
	}
	if len(p.items) > 0 && (p.next.Posts != nil || !p.isComplete) {
		down = p.items[len(p.items)-1]
	}
	authors := make([]*author, 0, len(v.ties))
	sights := make([]sight, 0, len(v.ties))
	for _, t := range v.ties {
		if sees := t.at(p.asOf.Moment.Graph); sees != hidden {
			authors, sights = append(authors, t.author), append(sights, sees)
		}
	}
	if err := c.deepen(ctx, authors, down); err != nil {
		return nil, err
	}
	var list []candidate
	for i, a := range authors {
		for _, post := range a.between(before, down) {
			gone := post.deleted != 0 && p.asOf.Moment.Posts.Covers(a.partition, post.deleted)
			if !gone && p.asOf.Posts.Covers(a.partition, post.at) {
				list = append(list, candidate{post.id, sights[i]})
			}
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return b.id.Compare(a.id) })
	return list, nil
}

// stranger says why a post should not be on a page.
func (c *checking) stranger(ctx context.Context, p page, id feed.PostID) (string, error) {
	found, err := c.get(ctx, []feed.PostID{id})
	if err != nil {
		return "", err
	}
	post, ok := found[id]
	if !ok {
		return fmt.Sprintf("shows %s, which is not stored", id), nil
	}
	partition := c.Shape.PostsOf(post.Author)
	switch {
	case post.At == 0 || !p.asOf.Posts.Covers(partition, post.At):
		return fmt.Sprintf("shows %s, which was posted later, at %v", id, post.At), nil
	case post.Deleted != 0 && p.asOf.Moment.Posts.Covers(partition, post.Deleted):
		return fmt.Sprintf("shows %s, which was deleted before, at %v", id, post.Deleted), nil
	}
	return fmt.Sprintf("shows %s of %s, whose posts the reader did not see", id, post.Author), nil
}
