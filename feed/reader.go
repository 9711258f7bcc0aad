package feed

import (
	"container/heap"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"agora/fault"
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
	// Trimmed says that the page goes below what is kept of the timeline, so that each author was asked.
	Trimmed bool
	Lag     time.Duration // how long the newest record took from its append to the tail
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
	// Pulls bounds how many pages pull the posts of all followed authors at a time, by its capacity. A page beyond it shows what
	// is there, says Rebuilding, and its Next begins the walk again. Nil sets no bound.
	Pulls chan struct{}

	wait func(ctx context.Context, reach Reach) error // Tail.Wait, but for simulations
}

// aheadError says that a store holds what the tail has not reached: the page has to be read again after that.
type aheadError struct{ reach Reach }

func (e *aheadError) Error() string { return "a store is ahead of the tail" }

// Read returns a page of at most limit posts. It waits for what the cursor was made of by another server, and for what
// the stores have from records that this server has not read. If that takes too long, the error is Unavailable.
func (r *Reader) Read(ctx context.Context, user UserID, from Cursor, limit int) (Page, error) {
	wait := r.wait
	if wait == nil {
		wait = r.Tail.await
	}
	if from.Posts != nil {
		if err := wait(ctx, Reach{Posts: from.Posts}); err != nil {
			return Page{}, err
		}
	}
	stored := 3 * (limit + 1) // some of them may be hidden
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
	related *related
	oldest  Position        // the lowest of asOf.Posts: what is below is in all of them
	pulled  map[UserID]bool // authors that were read from the PostStore
	skipped map[UserID]bool
	holds   bool   // a slot of Pulls
	refused bool   // it got none
	deep    bool   // the posts of all followed authors were pulled
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
	g.oldest = slices.Min(g.asOf.Posts)
	partition := r.Shape.GraphOf(user)
	row, timeline, err := r.Timelines.Read(ctx, user, partition, before, stored)
	away := fault.Away(err) // without the store, all posts are pulled
	if err != nil && !away {
		return Page{}, err
	}
	if row.Graph > pin.Reach.Graph[partition] {
		return Page{}, g.ahead(GraphTopic, partition, row.Graph)
	}
	for p, at := range row.Posts { // what is pulled may depend on it
		if at > pin.Reach.Posts[p] {
			return Page{}, g.ahead(PostsTopic, p, at)
		}
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
	if g.holds {
		<-r.Pulls
	}
	page.Trimmed, page.Lag = usable && g.deep, r.Tail.Lag()
	page.Baseless = !usable && !away && r.Strategy != Pull
	return page, err
}

// sources returns where posts below an identifier come from. An author whose follow the timeline does not cover is
// pulled as a whole; of all others what is below the timeline's floor, and what was never pushed.
func (g *reading) sources(before PostID, row Row, timeline Timeline, usable bool) []*source {
	var list []*source
	recent := g.pin.recent(g.related, before)
	if len(recent.entries) > 0 {
		list = append(list, &source{entries: recent.entries})
	}
	if !usable {
		return append(list, &source{deep: true, unread: true, below: before})
	}
	if len(timeline.Entries) > 0 {
		list = append(list, &source{entries: timeline.Entries})
	}
	floor := least(before, after(timeline.Floor))
	own := map[UserID]*source{} // authors whose posts do not all come from the timeline
	for author, below := range recent.pulled {
		if below.Compare(floor) > 0 {
			own[author] = &source{author: author, unread: true, below: below, keep: true}
		}
	}
	if g.related.latest >= row.Graph {
		for _, f := range g.related.follows {
			if f.since >= row.Graph {
				own[f.author] = &source{author: f.author, unread: true, below: before}
			}
		}
	}
	for author, held := range recent.lists {
		own[author] = held.source(author, before)
	}
	for _, author := range recent.lacking {
		own[author] = &source{author: author, unread: true, below: before}
	}
	for _, s := range own {
		if len(s.entries) > 0 || s.unread {
			list = append(list, s)
		}
	}
	if floor != (PostID{}) {
		list = append(list, &source{deep: true, unread: true, below: floor, except: own})
	}
	return list
}

// after returns the identifier that follows one, so that "below" includes that one. Nothing follows the zero
// identifier, which stands for no post.
func after(id PostID) PostID {
	if id == (PostID{}) || id == lastPostID {
		return id
	}
	increment(id[:])
	return id
}

func least(a, b PostID) PostID {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

// read reads the next part of sources from the PostStore.
func (g *reading) read(ctx context.Context, unread []*source) ([]*source, error) {
	var (
		ranges []AuthorRange
		asked  []*source
	)
	unread, err := g.expand(unread)
	if err != nil {
		return nil, err
	}
	for _, s := range unread {
		if !g.pulled[s.author] && g.MaxPulled > 0 && len(g.pulled) >= g.MaxPulled {
			g.skipped[s.author] = true
			s.unread = false
			continue
		}
		g.pulled[s.author] = true
		asked = append(asked, s)
		if s.keep {
			ranges = append(ranges, AuthorRange{Author: s.author, Before: lastPostID, Limit: celebrityPosts + 1})
		} else {
			ranges = append(ranges, AuthorRange{Author: s.author, Before: s.below, Limit: g.limit + 1})
		}
	}
	if len(ranges) == 0 {
		return nil, nil
	}
	lists, err := g.Posts.ByAuthor(ctx, ranges...)
	if err != nil {
		return nil, err
	}
	for i, s := range asked {
		if s.keep {
			held := newCelebrity(lists[i], false)
			g.pin.keepCelebrity(s.author, held)
			*s = *held.source(s.author, s.below)
			continue
		}
		s.entries = lists[i]
		if s.unread = len(s.entries) > g.limit; s.unread {
			s.below = s.entries[len(s.entries)-1].Post
		}
	}
	return asked, nil
}

// expand replaces the source of all authors by one source for each.
func (g *reading) expand(unread []*source) ([]*source, error) {
	i := slices.IndexFunc(unread, func(s *source) bool { return s.deep })
	if i < 0 {
		return unread, nil
	}
	if g.cut != (PostID{}) {
		return nil, errDeeper
	}
	deep := unread[i]
	unread = slices.Delete(unread, i, i+1)
	if !g.mayPull() {
		return unread, nil
	}
	g.deep = true
	each := make([]source, 0, len(g.related.follows))
	for _, f := range g.related.follows {
		if _, ok := deep.except[f.author]; !ok {
			each = append(each, source{author: f.author, unread: true, below: deep.below})
			unread = append(unread, &each[len(each)-1])
		}
	}
	return unread, nil
}

// mayPull reports whether the page may pull the posts of all followed authors.
func (g *reading) mayPull() bool {
	if g.Pulls == nil || g.holds {
		return true
	}
	select {
	case g.Pulls <- struct{}{}:
		g.holds = true
	default:
		g.refused = true
	}
	return g.holds
}

// page draws entries until there is one visible post more than the page has room for, or none is left. The end comes
// from the sources: filters take posts away from a full page, never the rest of the walk.
func (g *reading) page(ctx context.Context, m *merging) (Page, error) {
	page := Page{AsOf: g.asOf, State: Complete}
	batch := make([]Entry, 0, g.limit+1)
	for ended, round := false, 1; !ended && len(page.Posts) <= g.limit; round *= 2 {
		batch = batch[:0]
		for want := round * (g.limit + 1 - len(page.Posts)); len(batch) < want; {
			e, ok, err := m.take(ctx)
			if err != nil {
				return Page{}, err
			}
			if ended = !ok; ended {
				break
			}
			if g.shows(e) {
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
	if g.refused {
		page.State, page.Next = Rebuilding, Cursor{Before: lastPostID, Posts: g.asOf.Posts}
		return page, nil
	}
	if page.Skipped = len(g.skipped); page.Skipped > 0 {
		page.State = Lossy
	}
	return page, nil
}

// shows reports whether the walk shows an entry, if it is not deleted.
func (g *reading) shows(e Entry) bool {
	if !g.related.includes(e.Author) {
		return false
	}
	return e.At < g.oldest || g.asOf.Posts.Covers(g.Shape.PostsOf(e.Author), e.At) // PostsOf is slow
}

// hydrate returns the posts of entries, in their order, without those that are deleted.
func (g *reading) hydrate(ctx context.Context, entries []Entry) ([]Post, error) {
	posts := make([]Post, len(entries)) // one without an identifier is not shown
	missing := g.pin.hydrate(entries, posts)
	if len(missing) > 0 {
		ids := make([]PostID, len(missing))
		places := make(map[PostID]int, len(missing))
		for i, place := range missing {
			ids[i], places[entries[place].Post] = entries[place].Post, place
		}
		stored, err := g.Posts.Get(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for i := range stored {
			p := &stored[i]
			if p.Deleted == 0 {
				posts[places[p.ID]] = *p
			} else if partition := g.Shape.PostsOf(p.Author); !g.pin.Reach.Posts.Covers(partition, p.Deleted) {
				return nil, g.ahead(PostsTopic, partition, p.Deleted+1)
			}
		}
	}
	shown := posts[:0]
	for i := range posts {
		if posts[i].ID != (PostID{}) {
			at := entries[i].At
			shown = append(shown, posts[i])
			shown[len(shown)-1].At = at
		}
	}
	return shown, nil
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
