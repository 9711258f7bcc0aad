package feed

import "sync/atomic"

// celebrities holds the newest posts of authors who are pulled, so that a page need not ask the PostStore for each of them.
type celebrities struct {
	lists map[UserID]*celebrity
	bytes int
	most  int
	reads atomic.Int64
}

// celebrity is an author's posts above a floor, apart from those that the tail holds. Only read changes.
type celebrity struct {
	entries []Entry // newest first
	more    bool    // the author has older posts
	read    atomic.Int64
}

const (
	celebrityPosts = 200 // how many an author's list has
	celebrityBytes = 150 // about what a list costs apart from its entries
	entryBytes     = 40
	sampled        = 8 // of so many lists, the one that was not read for longest goes
)

func (c *celebrity) bytes() int { return celebrityBytes + entryBytes*len(c.entries) }

// source returns what a page reads of the author.
func (c *celebrity) source(author UserID, before PostID) *source {
	s := &source{entries: Timeline{Entries: c.entries}.Below(before, len(c.entries)).Entries, author: author, unread: c.more, below: before}
	if c.more {
		s.below = least(before, c.entries[len(c.entries)-1].Post)
	}
	return s
}

// set replaces the list of an author. The caller holds the lock of the tail.
func (c *celebrities) set(author UserID, list *celebrity) {
	c.forget(author)
	for c.bytes+list.bytes() > c.most && len(c.lists) > 0 {
		c.forget(c.unread())
	}
	if c.bytes+list.bytes() <= c.most {
		c.lists[author] = list
		c.bytes += list.bytes()
	}
}

func (c *celebrities) forget(author UserID) {
	if list := c.lists[author]; list != nil {
		delete(c.lists, author)
		c.bytes -= list.bytes()
	}
}

// unread returns an author whose list was not read for long: of some, as caches like Redis choose.
func (c *celebrities) unread() (oldest UserID) {
	n := 0
	for author, list := range c.lists {
		if n == 0 || list.read.Load() < c.lists[oldest].read.Load() {
			oldest = author
		}
		if n++; n == sampled {
			break
		}
	}
	return oldest
}

// add adds posts that leave the tail to the list of their author, if there is one.
func (c *celebrities) add(author UserID, posts []*Post) {
	list := c.lists[author]
	if list == nil {
		return
	}
	entries := make([]Entry, len(posts))
	for i, p := range posts {
		entries[i] = p.Entry()
	}
	next := newCelebrity(unite(sortEntries(entries), list.entries), list.more)
	next.read.Store(list.read.Load())
	c.set(author, next)
}

// newCelebrity returns the list of entries, which are the author's newest.
func newCelebrity(entries []Entry, more bool) *celebrity {
	if len(entries) > celebrityPosts {
		entries, more = entries[:celebrityPosts], true
	}
	return &celebrity{entries: entries, more: more && len(entries) > 0}
}

// celebrity returns the list of an author, or nil.
func (t *Tail) celebrity(author UserID) *celebrity {
	list := t.celebrities.lists[author]
	if list != nil {
		list.read.Store(t.celebrities.reads.Add(1))
	}
	return list
}

// keepCelebrity caches the newest posts of an author, which were read from the PostStore while the pin was held: what the tail has
// dropped before the pin is in them, and what leaves the tail later is added to them.
func (p *Pin) keepCelebrity(author UserID, list *celebrity) {
	t := p.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if own := t.posts[author]; own != nil && own.lacking != 0 || t.celebrities.lists[author] != nil {
		return
	}
	list.read.Store(t.celebrities.reads.Add(1))
	t.celebrities.set(author, list)
}
