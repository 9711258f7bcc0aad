package feed

import (
	"context"
	"slices"

	"agora/fault"
)

// missing collects what a stream has missed: all from its cursor up to where its live events begin. Of an author, the tail holds
// what is not dropped, and the PostStore has what is.
//
// The user's follows, blocks and mutes are those of the moment at which live events begin: they are taken as if they all came before
// the posts. Both are in partitions of their own, so that the log has no order of them.
type missing struct {
	hub     *Hub
	from    Vector
	dropped Vector     // by the tail
	authors []watched  // sorted
	stored  []Position // by author: before it, the posts are taken from the PostStore
	events  [][]missed // by partition of posts
}

// join lets the stream begin at the reach of the tail, with edges brought up to it. With a cursor, it also collects what the tail
// holds of what the stream has missed.
func (h *Hub) join(s *Stream, edges map[EdgeKey]Edge, from Vector) *missing {
	t := h.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.overlay(t.reach.Graph, s.user, edges)
	s.watch(edges)
	s.joined = t.reach
	m := &missing{hub: h, from: from}
	if from != nil {
		m.authors = slices.Clone(s.authors)
		slices.SortFunc(m.authors, func(a, b watched) int { return a.author.Compare(b.author) })
		m.hold()
	}
	h.inbox.join(s)
	return m
}

// hold collects what the tail holds. The caller holds the lock of the tail.
func (m *missing) hold() {
	t := m.hub.tail
	m.dropped = t.generations[len(t.generations)-1].dropped.Posts
	m.events = make([][]missed, len(m.from))
	m.stored = make([]Position, len(m.authors))
	for i, a := range m.authors {
		m.stored[i] = m.dropped[a.partition]
		own := t.posts[a.author]
		if own == nil || !a.visible {
			continue
		}
		m.stored[i] = max(m.stored[i], own.lacking)
		for _, p := range own.posts {
			if p.At >= max(m.from[a.partition], m.stored[i]) {
				m.add(a.partition, Change{At: p.At, Post: p.ID}, p)
			}
		}
	}
	for p, list := range t.deletions {
		for _, d := range list[deletionsBefore(list, max(m.from[p], m.dropped[p])):] {
			if _, ok := m.find(d.Author); ok {
				m.add(p, Change{At: d.At, Post: d.ID, Deleted: true}, nil)
			}
		}
	}
}

func (m *missing) add(partition int, c Change, post *Post) {
	m.events[partition] = append(m.events[partition], missed{Change: c, partition: partition, post: post})
}

func (m *missing) find(author UserID) (int, bool) {
	return slices.BinarySearchFunc(m.authors, author, func(a watched, author UserID) int { return a.author.Compare(author) })
}

// read adds what the PostStore has, and returns all in an order in which it may have happened. ok is false if it is too much.
func (m *missing) read(ctx context.Context) (events []missed, ok bool, err error) {
	var (
		ranges []ChangeRange
		of     []int
	)
	most := m.hub.bounds.Missed
	for i, a := range m.authors {
		if m.from[a.partition] < m.stored[i] {
			ranges = append(ranges, ChangeRange{Author: a.author, From: m.from[a.partition], To: m.stored[i], Limit: most + 1})
			of = append(of, i)
		}
	}
	if len(ranges) > m.hub.bounds.Authors {
		return nil, false, nil
	}
	if len(ranges) > 0 {
		release, err := m.hub.slot(ctx)
		if err != nil {
			return nil, false, err
		}
		defer release()
		lists, err := m.hub.posts.Changes(ctx, ranges...)
		if err != nil {
			return nil, false, err
		}
		for i, list := range lists {
			m.addStored(m.authors[of[i]], list)
		}
	}
	if m.count() > most {
		return nil, false, nil
	}
	if err := m.hydrate(ctx); err != nil {
		return nil, false, err
	}
	return m.inOrder(), true, nil
}

// addStored adds changes of an author that the PostStore has. The tail has the later deletions.
func (m *missing) addStored(a watched, list []Change) {
	for _, c := range list {
		if c.Deleted && m.dropped.Covers(a.partition, c.At) || !c.Deleted && a.visible {
			m.add(a.partition, c, nil)
		}
	}
}

func (m *missing) count() (n int) {
	for _, list := range m.events {
		n += len(list)
	}
	return n
}

// slot waits until the stream may read from the PostStore.
func (h *Hub) slot(ctx context.Context) (release func(), err error) {
	if h.bounds.Pulls == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case h.bounds.Pulls <- struct{}{}:
		return func() { <-h.bounds.Pulls }, nil
	case <-ctx.Done():
		busy := fault.New(fault.Unavailable, "", "too many streams are catching up")
		busy.RetryAfter = maxWait
		return nil, busy
	}
}

// hydrate sets the posts of events, and drops events that do not count.
func (m *missing) hydrate(ctx context.Context) error {
	var ids []PostID
	for _, list := range m.events {
		for _, e := range list {
			ids = append(ids, e.Post)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	stored, err := m.hub.stored(ctx, ids)
	if err != nil {
		return err
	}
	for p, list := range m.events {
		kept := list[:0]
		for _, e := range list {
			found, ok := stored[e.Post]
			if ok && !counts(found, e.Change) {
				continue
			}
			if !e.Deleted && ok {
				e.post = found
			}
			if e.Deleted || e.post != nil {
				kept = append(kept, e)
			}
		}
		slices.SortFunc(kept, func(a, b missed) int { return a.Compare(b.Change) })
		m.events[p] = kept
	}
	return nil
}

// inOrder merges the partitions: a reply comes after its parent, and otherwise the older identifier first.
func (m *missing) inOrder() []missed {
	events := make([]missed, 0, m.count())
	for len(events) < cap(events) {
		next := -1
		for p, list := range m.events {
			if len(list) == 0 || m.waits(list[0]) {
				continue
			}
			if next < 0 || list[0].Post.Compare(m.events[next][0].Post) < 0 {
				next = p
			}
		}
		if next < 0 { // parents that stand after their replies
			next = slices.IndexFunc(m.events, func(list []missed) bool { return len(list) > 0 })
		}
		events = append(events, m.events[next][0])
		m.events[next] = m.events[next][1:]
	}
	return events
}

// waits reports whether the event is a reply whose parent is still to come.
func (m *missing) waits(e missed) bool {
	if e.post == nil || e.post.ReplyTo == (PostID{}) {
		return false
	}
	parent := e.post.Parent
	if parent.Partition == e.partition || parent.Partition >= len(m.events) {
		return false
	}
	list := m.events[parent.Partition]
	return len(list) > 0 && list[0].At <= parent.At
}
