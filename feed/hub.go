package feed

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"agora/backoff"
	"agora/fault"
)

// Hub tells the streams that are open on a server what happens. It matches each record that the tail folds with the streams that
// want it, so that a record costs as much as these, and nothing is written for streams. There is one for a tail. Its
// Run has to be called.
type Hub struct {
	shape   Shape
	tail    *Tail
	posts   PostStore
	graph   GraphStore
	bounds  StreamBounds
	monitor *HubMonitor
	inbox   inbox
	await   func(ctx context.Context, reach Reach) error // waits for the tail; simulations replace it
	pending []note                                       // taken by Step, and not told yet

	mu      sync.Mutex // locked before that of a stream
	streams []*Stream  // by number
	unused  []uint32   // numbers
	ended   []uint32   // numbers that watchers still have
	users   map[UserID][]*Stream
	sees    *watchers // streams that want the posts of an author, and the deletions
	saw     *watchers // streams that want the deletions only
	links   int       // in both
	stale   int       // of links, those of streams that have ended
	reach   Reach     // after the last note
}

// StreamBounds limit what a stream costs that goes on after the tail has moved on. Beyond them it begins with Reset.
type StreamBounds struct {
	Authors int           // whose posts are read from the PostStore
	Missed  int           // events
	Pulls   chan struct{} // streams that read from the PostStore at a time, by its capacity; nil sets no bound
}

// NewHub returns the hub of a tail. monitor may be nil.
func NewHub(tail *Tail, posts PostStore, graph GraphStore, bounds StreamBounds, monitor *HubMonitor) *Hub {
	h := &Hub{
		shape: tail.shape, tail: tail, posts: posts, graph: graph, bounds: bounds, monitor: monitor,
		inbox: inbox{wake: make(chan struct{}, 1)},
		users: map[UserID][]*Stream{}, sees: newWatchers(), saw: newWatchers(), await: tail.await,
	}
	tail.mu.Lock()
	defer tail.mu.Unlock()
	tail.observe = h.inbox.fold
	return h
}

// Run tells the streams what the tail folds until ctx ends, and then ends them.
func (h *Hub) Run(ctx context.Context) error {
	delays := backoff.Delays{First: 10 * time.Millisecond, Longest: time.Second}
	for ctx.Err() == nil {
		err := h.Step(ctx)
		switch {
		case err == nil:
			delays.Reset()
			select {
			case <-h.inbox.wake:
			case <-ctx.Done():
			}
		case ctx.Err() != nil:
		case fault.Passing(err):
			backoff.Sleep(ctx, delays.Next())
		default:
			return err
		}
	}
	h.endAll(ErrStreamClosed())
	return nil
}

// Step tells what the tail has folded by now. After an error, the next Step begins with the same.
func (h *Hub) Step(ctx context.Context) error {
	notes, lost := h.inbox.take()
	if lost {
		h.pending = nil
		h.endAll(ErrStreamSlow())
	}
	h.pending = append(h.pending, notes...)
	for len(h.pending) > 0 {
		some := h.pending[:min(len(h.pending), notesAtOnce)]
		repeated, err := h.repeated(ctx, some)
		if err != nil {
			return err
		}
		h.tellAll(some, repeated)
		h.pending = h.pending[len(some):]
	}
	h.pending = nil
	return nil
}

// notesAtOnce is how many notes are looked up in the PostStore with one call.
const notesAtOnce = 500

// tellAll gives notes to the streams that want them, apart from those at the places of repeated.
func (h *Hub) tellAll(notes []note, repeated map[int]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, n := range notes {
		if !repeated[i] {
			h.tell(n)
		}
	}
	h.sweep()
}

// repeated finds posts whose first record stands before, and those that are deleted already, among the notes that somebody may want. The
// tail finds only what it holds, and a retry may come after its post was dropped: the PostStore has that.
func (h *Hub) repeated(ctx context.Context, notes []note) (map[int]bool, error) {
	places := h.wanted(notes)
	if len(places) == 0 {
		return nil, nil
	}
	ids := make([]PostID, len(places))
	for i, place := range places {
		ids[i] = notes[place].post()
	}
	stored, err := h.stored(ctx, ids)
	if err != nil {
		return nil, err
	}
	repeated := map[int]bool{}
	for i, place := range places {
		if p, ok := stored[ids[i]]; ok && !counts(p, notes[place].change()) {
			repeated[place] = true
		}
	}
	return repeated, nil
}

// stored reads posts from the PostStore.
func (h *Hub) stored(ctx context.Context, ids []PostID) (map[PostID]*Post, error) {
	found, err := h.posts.Get(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("read posts: %w", err)
	}
	stored := make(map[PostID]*Post, len(found))
	for i := range found {
		stored[found[i].ID] = &found[i]
	}
	return stored, nil
}

// counts reports whether a change is to be told, as far as the PostStore knows: it is the first record of the post, which is not
// deleted, or that of the deletion.
func counts(stored *Post, c Change) bool {
	if c.Deleted {
		return c.At.First(stored.Deleted) == c.At
	}
	return c.At.First(stored.At) == c.At && stored.Deleted == 0
}

// wanted returns the places of the posts and deletions in notes that a stream may want.
func (h *Hub) wanted(notes []note) (places []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	settled := !slices.ContainsFunc(notes, func(n note) bool { return n.join != nil || n.post() == PostID{} })
	for i, n := range notes {
		if n.post() == (PostID{}) {
			continue
		}
		if !settled || h.sees.first[n.Actor] != 0 || h.saw.first[n.Actor] != 0 {
			places = append(places, i)
		}
	}
	return places
}

// post returns the post that the note is about; zero if there is none.
func (n *note) post() PostID {
	if n.Post != nil {
		return n.Post.ID
	}
	return n.PostID
}

func (n *note) change() Change {
	return Change{At: n.At, Post: n.post(), Deleted: n.Kind == kindDeleted}
}

// tell gives a note to the streams that want it. The caller holds h.mu.
func (h *Hub) tell(n note) {
	if n.join != nil {
		h.begin(n.join)
		return
	}
	h.reach = n.reach
	switch n.Kind {
	case kindPosted:
		h.push(&told{kind: Posted, id: n.Post.ID, post: n.Post, reach: n.reach}, n.Actor, h.sees)
	case kindDeleted:
		h.push(&told{kind: Deleted, id: n.PostID, reach: n.reach}, n.Actor, h.sees, h.saw)
	default:
		key, on, _ := n.Edge()
		for _, s := range h.users[key.From] {
			h.turn(s, key, on)
		}
		if key.Kind == Block && key.To != key.From {
			for _, s := range h.users[key.To] {
				h.turn(s, key, on)
			}
		}
	}
}

// push gives an event to the streams of an author.
func (h *Hub) push(t *told, author UserID, lists ...*watchers) {
	n := 0
	for _, list := range lists {
		for number := range list.of(author) {
			s := h.streams[number]
			if s == nil {
				continue // it has ended
			}
			if n++; !s.push(t) {
				h.endLocked(s, ErrStreamSlow())
			}
		}
	}
	h.monitor.told(t.kind, n)
}

// begin lets a stream have the events from now on.
func (h *Hub) begin(s *Stream) {
	authors := s.authors
	s.authors, s.begun = nil, true
	if s.ended {
		return
	}
	for _, a := range authors {
		list := h.saw
		if a.visible {
			list = h.sees
		}
		list.add(a.author, s.number)
	}
	s.links = len(authors)
	h.links += s.links
}

// turn brings a stream to a change of an edge of its user.
func (h *Hub) turn(s *Stream, key EdgeKey, on bool) {
	author, edge := between(s.user, key)
	if edge == 0 || author == s.user || !s.begun {
		return
	}
	before, ok := s.others[author]
	if !ok && h.sees.has(author, s.number) {
		before = follows
	}
	set := before &^ edge
	if on {
		set |= edge
	}
	s.setEdges(author, set)
	switch {
	case before.visible() && !set.visible():
		h.sees.remove(author, s.number)
		h.saw.add(author, s.number)
	case set.visible() && !before.visible():
		if !h.saw.remove(author, s.number) {
			s.links++
			h.links++
		}
		h.sees.add(author, s.number)
	}
}
