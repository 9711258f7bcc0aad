package feed

import (
	"container/heap"
	"context"
	"errors"
	"math"
	"slices"
)

// State says how complete a page of a feed is.
type State string

// The states of a page.
const (
	Complete   State = "complete"   // it shows all that its AsOf promises
	Rebuilding State = "rebuilding" // a store is away or being filled: what is there is shown
	Lossy      State = "lossy"      // authors were left out, because too many would have to be pulled
)

// Page is a part of a walk through a feed, newest first.
type Page struct {
	Posts   []Post
	Next    Cursor // where the walk goes on; the zero Cursor at its end
	AsOf    AsOf
	State   State
	Skipped int // how many authors were left out
	// Baseless says that the user has no timeline, and that it takes a record of kindReturned to get one.
	Baseless bool
}

// Cursor is where a walk goes on. The zero Cursor begins one.
type Cursor struct {
	Before PostID
	Posts  Vector // AsOf.Posts of the walk
}

// Reader reads feeds: pinned tail, stored timeline, and posts pulled from the PostStore.
type Reader struct {
	Shape     Shape
	Tail      *Tail
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Strategy  Strategy
	MaxPulled int // the most authors whose posts a page pulls

	wait func(ctx context.Context, reach Reach) error // Tail.Wait, but for simulations
}

// aheadError says that a store holds what the tail has not reached: the page has to be read again after that.
type aheadError struct{ reach Reach }

func (e *aheadError) Error() string { return "a store is ahead of the tail" }

// Read returns a page of at most limit posts. It waits for what the cursor was made of by another server, and for what
// the stores have from records that this server has not read; ctx bounds that.
func (r *Reader) Read(ctx context.Context, user UserID, from Cursor, limit int) (Page, error) {
	wait := r.wait
	if wait == nil {
		wait = r.Tail.Wait
	}
	if from.Posts != nil {
		if err := wait(ctx, Reach{Posts: from.Posts}); err != nil {
			return Page{}, err
		}
	}
	stored := 3 * (limit + 1) // more than one batch of the page
	for {
		page, err := r.try(ctx, user, from, limit, stored)
		ahead := (*aheadError)(nil)
		switch {
		case errors.Is(err, errDeeper):
			stored = math.MaxInt
		case !errors.As(err, &ahead):
			return page, err
		default:
			if err := wait(ctx, ahead.reach); err != nil {
				return Page{}, err
			}
		}
	}
}

// errDeeper says that the page needs more of the stored timeline than was read.
var errDeeper = errors.New("the timeline goes deeper")

// reading is one attempt to read a page.
type reading struct {
	*Reader
	pin     *Pin
	user    UserID
	asOf    AsOf
	limit   int
	follows map[UserID]Edge // whose posts are shown
	pulled  map[UserID]bool // authors that were read from the PostStore
	skipped map[UserID]bool
	cut     PostID // the floor of a timeline that was not read to its end; zero for one that was
}

// try reads a page as of the moment of the tail, in this order: the tail is pinned, then comes the timeline, then the
// graph, then the posts. What the tail drops meanwhile stays in the pin, and a change of the graph that the timeline
// knows of is seen in the graph.
func (r *Reader) try(ctx context.Context, user UserID, from Cursor, limit, stored int) (Page, error) {
	pin := r.Tail.Pin()
	defer pin.Release()
	g := &reading{
		Reader: r, pin: pin, user: user, limit: limit, asOf: AsOf{Posts: pin.Reach.Posts, Moment: pin.Reach},
		pulled: map[UserID]bool{}, skipped: map[UserID]bool{},
	}
	before := lastPostID
	if from.Posts != nil {
		g.asOf.Posts, before = from.Posts, from.Before
	}
	partition := r.Shape.GraphOf(user)
	row, timeline, err := r.Timelines.Read(ctx, user, partition, before, stored)
	if err != nil {
		return Page{}, err
	}
	if row.Graph > pin.Reach.Graph[partition] {
		return Page{}, g.ahead(GraphTopic, partition, row.Graph)
	}
	if err := g.relate(ctx); err != nil {
		return Page{}, err
	}
	// Timelines that are behind what the tail has dropped are those of a store that returned to an earlier state.
	usable := timeline.Base && row.Graph.Epoch() == r.Tail.epoch && row.Posts.Includes(pin.Dropped.Posts)
	if usable && len(timeline.Entries) == stored {
		g.cut = timeline.Floor
	}
	m := &merging{sources: g.sources(before, row, timeline, usable), read: g.read}
	heap.Init(m)
	page, err := g.page(ctx, m)
	page.Baseless = !usable && r.Strategy != Pull
	return page, err
}

// relate reads whose posts the user sees.
func (g *reading) relate(ctx context.Context) error {
	rel, err := g.Graph.Relations(ctx, g.user)
	if err != nil {
		return err
	}
	for p, at := range rel.Applied {
		if at > g.pin.Reach.Graph[p] {
			return g.ahead(GraphTopic, p, at)
		}
	}
	edges := map[EdgeKey]Edge{}
	for _, list := range [][]Edge{rel.Follows, rel.Mutes, rel.Blocks} {
		for _, e := range list {
			edges[e.EdgeKey] = e
		}
	}
	g.pin.overlay(g.user, edges)
	g.follows = map[UserID]Edge{g.user: {On: true}}
	for key, e := range edges {
		if key.Kind == Follow && e.On && key.To != g.user {
			g.follows[key.To] = e
		}
	}
	for key, e := range edges {
		switch {
		case !e.On || key.Kind == Follow || key.From == key.To:
		case key.From == g.user:
			delete(g.follows, key.To)
		default: // who blocks the user
			delete(g.follows, key.From)
		}
	}
	return nil
}

// sources returns where posts below an identifier come from. An author whose follow the timeline does not cover is
// pulled as a whole; of all others what is below the timeline's floor, and what was never pushed.
func (g *reading) sources(before PostID, row Row, timeline Timeline, usable bool) []*source {
	var list []*source
	if usable {
		if len(timeline.Entries) > 0 {
			list = append(list, &source{entries: timeline.Entries})
		}
	}
	var fresh []Entry
	for author, e := range g.follows {
		fresh = append(fresh, g.pin.posted(author)...)
		s := &source{author: author, unread: true, below: before}
		if usable && (author == g.user || e.Since < row.Graph) {
			s.below = least(before, after(timeline.Floor))
			if greatest, ok := g.pin.pulled(author); ok && after(greatest).Compare(s.below) > 0 {
				s.below = least(before, after(greatest))
			}
		}
		if s.below != (PostID{}) {
			list = append(list, s)
		}
	}
	fresh = slices.DeleteFunc(sortEntries(fresh), func(e Entry) bool { return e.Post.Compare(before) >= 0 })
	if len(fresh) > 0 {
		list = append(list, &source{entries: fresh})
	}
	return list
}

// after returns the identifier that follows one, so that "below" includes that one. Nothing follows the zero
// identifier, which stands for no post.
func after(id PostID) PostID {
	if id == (PostID{}) || id == lastPostID {
		return id
	}
	for i := len(id) - 1; ; i-- {
		if id[i]++; id[i] != 0 {
			return id
		}
	}
}

func least(a, b PostID) PostID {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

// read reads the next part of sources from the PostStore.
func (g *reading) read(ctx context.Context, unread []*source) error {
	var (
		ranges []AuthorRange
		asked  []*source
	)
	for _, s := range unread {
		if g.cut != (PostID{}) && s.below == after(g.cut) {
			return errDeeper
		}
		if !g.pulled[s.author] && g.MaxPulled > 0 && len(g.pulled) >= g.MaxPulled {
			g.skipped[s.author] = true
			s.unread = false
			continue
		}
		g.pulled[s.author] = true
		ranges = append(ranges, AuthorRange{Author: s.author, Before: s.below, Limit: g.limit + 1})
		asked = append(asked, s)
	}
	if len(ranges) == 0 {
		return nil
	}
	lists, err := g.Posts.ByAuthor(ctx, ranges...)
	if err != nil {
		return err
	}
	for i, s := range asked {
		s.entries = lists[i]
		if s.unread = len(s.entries) > g.limit; s.unread {
			s.below = s.entries[len(s.entries)-1].Post
		}
	}
	return nil
}

// page draws entries until there is one visible post more than the page has room for, or none is left. The end comes
// from the sources: filters take posts away from a full page, never the rest of the walk.
func (g *reading) page(ctx context.Context, m *merging) (Page, error) {
	page := Page{AsOf: g.asOf, State: Complete}
	for ended := false; !ended && len(page.Posts) <= g.limit; {
		var batch []Entry
		for want := 2*(g.limit+1) - len(page.Posts); len(batch) < want; {
			e, ok, err := m.take(ctx)
			if err != nil {
				return Page{}, err
			}
			if ended = !ok; ended {
				break
			}
			if _, follows := g.follows[e.Author]; follows && g.asOf.Posts.Covers(g.Shape.PostsOf(e.Author), e.At) {
				batch = append(batch, e)
			}
		}
		posts, err := g.hydrate(ctx, batch)
		if err != nil {
			return Page{}, err
		}
		page.Posts = append(page.Posts, posts...)
	}
	if len(page.Posts) > g.limit {
		page.Posts = page.Posts[:g.limit]
		page.Next = Cursor{Before: page.Posts[g.limit-1].ID, Posts: g.asOf.Posts}
	}
	if page.Skipped = len(g.skipped); page.Skipped > 0 {
		page.State = Lossy
	}
	return page, nil
}

// hydrate returns the posts of entries, in their order, without those that are deleted.
func (g *reading) hydrate(ctx context.Context, entries []Entry) ([]Post, error) {
	found := map[PostID]Post{}
	var missing []PostID
	for _, e := range entries {
		switch post, deleted := g.pin.post(e.Post); {
		case deleted:
		case post != nil:
			found[e.Post] = *post
		default:
			missing = append(missing, e.Post)
		}
	}
	if len(missing) > 0 {
		stored, err := g.Posts.Get(ctx, missing...)
		if err != nil {
			return nil, err
		}
		for _, p := range stored {
			if partition := g.Shape.PostsOf(p.Author); p.Deleted != 0 && !g.pin.Reach.Posts.Covers(partition, p.Deleted) {
				return nil, g.ahead(PostsTopic, partition, p.Deleted+1)
			}
			if p.Deleted == 0 {
				found[p.ID] = p
			}
		}
	}
	var posts []Post
	for _, e := range entries {
		if p, ok := found[e.Post]; ok {
			p.At = e.At
			posts = append(posts, p)
		}
	}
	return posts, nil
}

// ahead returns the error of a store that has reached a position of a topic's partition.
func (g *reading) ahead(topic string, partition int, at Position) error {
	reach := g.pin.Reach
	if topic == GraphTopic {
		reach.Graph = reach.Graph.with(partition, at)
	} else {
		reach.Posts = reach.Posts.with(partition, at)
	}
	return &aheadError{reach}
}
