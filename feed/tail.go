package feed

import (
	"slices"
	"sync"
	"time"
)

// Tail is what a server knows of the newest records of both topics: all that is not yet in the stores for certain.
// It is safe for concurrent use.
type Tail struct {
	shape Shape
	epoch Epoch

	mu          sync.RWMutex
	reach       Reach // never changed in place, so that a Pin may keep it
	generations []*generation
	posts       map[UserID]*authored
	byID        map[PostID]*Post
	deleted     map[PostID]deletion
	deletions   [][]Deletion      // those that are not dropped, by partition and in the order of the log
	edges       map[UserID][]Edge // states that records have set: of the user, and blocks of the user, in the order of the log
	modes       map[UserID]*Modes
	unknown     int64
	lag         time.Duration // of the newest record
	changed     chan struct{} // closed and replaced when reach grows
	observe     func(folded)  // called with each record that is folded, while mu is held; nil for no call

	bounds       Bounds
	related      map[UserID]*related // a cache
	relatedBytes int
	celebrities  celebrities // a cache
	postBytes    int         // of all posts
}

type deletion struct {
	partition int
	at        Position
	until     time.Time // it is kept at least
}

// generation is a time during which the same records were dropped.
type generation struct {
	dropped Reach
	pins    int
}

// NewTail returns the tail of a log whose records before a reach are all in the stores. modes has to be read from the
// GraphStore after the head that the reach was taken from.
func NewTail(shape Shape, epoch Epoch, from Reach, modes []Modes, bounds Bounds) *Tail {
	t := &Tail{
		shape: shape, epoch: epoch, reach: from, generations: []*generation{{dropped: from}},
		posts: map[UserID]*authored{}, byID: map[PostID]*Post{}, deleted: map[PostID]deletion{}, deletions: make([][]Deletion, shape.Posts),
		edges: map[UserID][]Edge{}, modes: map[UserID]*Modes{}, changed: make(chan struct{}),
		bounds: bounds, related: map[UserID]*related{},
		celebrities: celebrities{lists: map[UserID]*celebrity{}, most: bounds.Celebrities},
	}
	for _, m := range modes {
		t.modes[m.Author] = &m
	}
	return t
}

// Reach returns what the tail has read.
func (t *Tail) Reach() Reach {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.reach
}

// Unknown returns how many records were of a kind that this program does not know.
func (t *Tail) Unknown() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.unknown
}

// Lag returns how long the newest record took from its append to the tail.
func (t *Tail) Lag() time.Duration {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.lag
}

// Fold takes the next record of a partition of a topic. It returns false for a reply whose parent it has not reached:
// the same record has to come again after the parent's partition has moved on, with force if that takes too long.
// So whoever has reached a reply has reached its parent, and no reader has to wait for it.
func (t *Tail) Fold(topic string, r Record, force bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := true
	if topic == GraphTopic {
		if t.reach.Graph.Covers(r.Partition, r.At) {
			return true
		}
		t.foldGraph(r)
		t.reach.Graph = t.reach.Graph.with(r.Partition, r.At+1)
	} else {
		if t.reach.Posts.Covers(r.Partition, r.At) {
			return true
		}
		if r.Post != nil && !force && r.Post.Parent.At.Epoch() == t.epoch &&
			r.Post.ReplyTo != (PostID{}) && !t.reach.Posts.Covers(r.Post.Parent.Partition, r.Post.Parent.At) {
			return false
		}
		first = t.foldPosts(r)
		t.reach.Posts = t.reach.Posts.with(r.Partition, r.At+1)
	}
	if !r.known() {
		t.unknown++
	}
	t.lag = max(0, time.Since(r.Appended))
	if t.observe != nil {
		t.observe(folded{r, t.reach, first})
	}
	close(t.changed)
	t.changed = make(chan struct{})
	return true
}

func (t *Tail) foldGraph(r Record) {
	key, on, ok := r.Edge()
	if !ok {
		return
	}
	edge := Edge{EdgeKey: key, On: on, Since: r.At}
	t.edges[key.From] = append(t.edges[key.From], edge)
	if key.Kind == Block && key.To != key.From {
		t.edges[key.To] = append(t.edges[key.To], edge)
	}
}

// foldPosts returns false for a post, or a deletion, that it knows already.
func (t *Tail) foldPosts(r Record) (first bool) {
	switch r.Kind {
	case kindPosted:
		if t.byID[r.Post.ID] != nil {
			return false // the first position of a post counts
		}
		r.Post.Form = new(Form)
		t.byID[r.Post.ID] = r.Post
		own := t.posts[r.Actor]
		if own == nil {
			own = &authored{author: r.Actor, partition: r.Partition}
			t.posts[r.Actor] = own
		}
		own.posts = append(own.posts, r.Post)
		own.bytes += r.Post.bytes()
		t.postBytes += r.Post.bytes()
		if m := t.modes[r.Actor]; m != nil {
			m.extend(r.Post.Entry())
		}
	case kindDeleted:
		if _, ok := t.deleted[r.PostID]; ok {
			return false
		}
		t.deleted[r.PostID] = deletion{r.Partition, r.At, time.Now().Add(t.bounds.Deletes)}
		t.deletions[r.Partition] = append(t.deletions[r.Partition], Deletion{ID: r.PostID, Author: r.Actor, At: r.At})
	case kindMode:
		m := t.modes[r.Actor]
		if m == nil {
			m = &Modes{Author: r.Actor}
			t.modes[r.Actor] = m
		}
		m.change(r.Number, r.At)
	}
	return true
}

// Drop gives up the records that a head covers. The head has to be one that was read back from the store: one that
// was only written may be lost.
func (t *Tail) Drop(head Head) {
	covered := head.reach()
	if len(covered.Graph) == 0 || covered.Graph[0].Epoch() != t.epoch {
		return // timelines of another log
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	dropped := t.generations[len(t.generations)-1].dropped
	next := Reach{
		Posts: upper(dropped.Posts, lower(covered.Posts, t.reach.Posts)),
		Graph: upper(dropped.Graph, lower(covered.Graph, t.reach.Graph)),
	}
	if dropped.Includes(next) {
		return
	}
	t.generations = append(t.generations, &generation{dropped: next})
	t.forget()
}

// forget frees what no pin needs. The caller holds t.mu.
func (t *Tail) forget() {
	freed := false
	for len(t.generations) > 1 && t.generations[0].pins == 0 {
		t.generations, freed = t.generations[1:], true
	}
	if !freed {
		return
	}
	dropped := t.generations[0].dropped
	t.forgetPosts(dropped.Posts)
	for p, list := range t.deletions {
		t.deletions[p] = list[deletionsBefore(list, dropped.Posts[p]):]
	}
	now := time.Now()
	for id, d := range t.deleted {
		if dropped.Posts.Covers(d.partition, d.at) && !now.Before(d.until) {
			delete(t.deleted, id)
		}
	}
	for user, edges := range t.edges {
		edges = slices.DeleteFunc(slices.Clone(edges), func(e Edge) bool { return dropped.Graph.Covers(t.shape.GraphOf(e.From), e.Since) })
		if len(edges) == 0 {
			delete(t.edges, user)
		} else {
			t.edges[user] = edges
		}
	}
}

// Pin is the tail as of one moment. What it covers stays until Release.
type Pin struct {
	tail    *Tail
	of      *generation
	Reach   Reach // what the tail had read
	Dropped Reach // what the tail had dropped, because it was in the stores
}

// Pin returns the tail as it is. A read takes it before it reads any store: what the tail drops later is then found
// in the tail, and what it has dropped before is found in the stores.
func (t *Tail) Pin() *Pin {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.generations[len(t.generations)-1]
	of.pins++
	return &Pin{tail: t, of: of, Reach: t.reach, Dropped: of.dropped}
}

// Release lets the tail forget what it has dropped meanwhile.
func (p *Pin) Release() {
	p.tail.mu.Lock()
	defer p.tail.mu.Unlock()
	p.of.pins--
	p.tail.forget()
}

// overlay brings edges to the state that the records of the pin have set.
func (p *Pin) overlay(user UserID, edges map[EdgeKey]Edge) {
	p.tail.mu.RLock()
	defer p.tail.mu.RUnlock()
	p.tail.overlay(p.Reach.Graph, user, edges)
}

// overlay brings edges to the state that the records before a reach have set. The caller holds t.mu.
func (t *Tail) overlay(reach Vector, user UserID, edges map[EdgeKey]Edge) {
	for _, e := range t.edges[user] {
		known := edges[e.EdgeKey]
		if reach.Covers(t.shape.GraphOf(e.From), e.Since) && known.Since < e.Since && known.On != e.On {
			edges[e.EdgeKey] = e
		}
	}
}

// recent are the posts of authors whom a user sees that do not come from the timeline.
type recent struct {
	entries []Entry               // that the pin holds, newest first
	pulled  map[UserID]PostID     // authors who are pulled from the PostStore, and from which identifier on
	lists   map[UserID]*celebrity // authors who are pulled, and whose newest posts are cached
	lacking []UserID              // authors of whom the tail lacks posts
}

// recent returns posts below an identifier.
func (p *Pin) recent(of *related, before PostID) recent {
	t := p.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	r := recent{pulled: map[UserID]PostID{}, lists: map[UserID]*celebrity{}}
	common(t.modes, of, func(m *Modes) {
		if greatest, ok := m.greatest(); !ok {
			return
		} else if list := t.celebrity(m.Author); list != nil {
			r.lists[m.Author] = list
		} else {
			r.pulled[m.Author] = least(before, after(greatest))
		}
	})
	common(t.posts, of, func(own *authored) {
		for _, post := range own.posts {
			if p.Reach.Posts.Covers(own.partition, post.At) && post.ID.Compare(before) < 0 {
				r.entries = append(r.entries, post.Entry())
			}
		}
		if own.lacking != 0 {
			r.lacking = append(r.lacking, own.author)
		}
	})
	r.entries = sortEntries(r.entries)
	return r
}

// pulls reports whether the author's newest posts are pulled.
func (t *Tail) pulls(author UserID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	m := t.modes[author]
	return m != nil && m.Pulls()
}

// common calls visit with what is known of each author whom the user sees. It probes the smaller of both.
func common[T any](known map[UserID]T, of *related, visit func(T)) {
	if len(known) < len(of.follows) {
		for author, v := range known {
			if of.includes(author) {
				visit(v)
			}
		}
		return
	}
	for _, f := range of.follows {
		if v, ok := known[f.author]; ok {
			visit(v)
		}
	}
}

// hydrate sets the posts of entries that the pin holds, and returns the places of those that it does not know.
func (p *Pin) hydrate(entries []Entry, posts []Post) (missing []int) {
	t := p.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i, e := range entries {
		if d, ok := t.deleted[e.Post]; ok && p.Reach.Posts.Covers(d.partition, d.at) {
			continue
		}
		post := t.byID[e.Post]
		if post != nil && p.Reach.Posts.Covers(t.posts[post.Author].partition, post.At) {
			posts[i] = *post
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// post returns a post that the pin holds, and whether its deletion was reached.
func (p *Pin) post(id PostID) (post *Post, deleted bool) {
	p.tail.mu.RLock()
	defer p.tail.mu.RUnlock()
	if d, ok := p.tail.deleted[id]; ok {
		deleted = p.Reach.Posts.Covers(d.partition, d.at)
	}
	if post = p.tail.byID[id]; post != nil && !p.Reach.Posts.Covers(p.tail.shape.PostsOf(post.Author), post.At) {
		post = nil
	}
	return post, deleted
}

// entriesOf returns the posts of an author that the pin holds, below an identifier, newest first.
func (p *Pin) entriesOf(author UserID, before PostID) (entries []Entry) {
	p.tail.mu.RLock()
	defer p.tail.mu.RUnlock()
	own := p.tail.posts[author]
	if own == nil {
		return nil
	}
	for _, post := range own.posts {
		if p.Reach.Posts.Covers(own.partition, post.At) && post.ID.Compare(before) < 0 {
			entries = append(entries, post.Entry())
		}
	}
	return sortEntries(entries)
}
