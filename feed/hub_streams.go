package feed

import (
	"context"
	"fmt"
	"slices"

	"agora/fault"
)

// Open opens a stream of a user. from is an Event.ID, a Stream.Cursor, or the live of a page: the stream then tells all that has
// happened since, whatever server has made it. Without from, it begins now. A from of another epoch of the log begins with Reset,
// and so does one that is too far back.
func (h *Hub) Open(ctx context.Context, user UserID, from string) (*Stream, error) {
	cursor, err := ParseLiveCursor(from, h.shape, h.tail.epoch)
	changed := fault.CodeOf(err) == CodeChanged
	if err != nil && !changed {
		return nil, err
	}
	if cursor.Posts != nil {
		reach := Reach{Posts: cursor.Posts, Graph: make(Vector, h.shape.Graph).with(h.shape.GraphOf(user), cursor.Graph)}
		if err := h.await(ctx, reach); err != nil {
			return nil, err
		}
	}
	edges, pin, err := h.relations(ctx, user)
	if err != nil {
		return nil, err
	}
	defer pin.Release()
	s := h.add(user, from)
	m := h.join(s, edges, cursor.Posts)
	past, ok, err := m.read(ctx)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.start(past, changed || !ok)
	return s, nil
}

// relations returns the edges that decide what a user sees, as the GraphStore has them, and a pin of the tail that has all records
// since.
func (h *Hub) relations(ctx context.Context, user UserID) (map[EdgeKey]Edge, *Pin, error) {
	for {
		pin := h.tail.Pin()
		rel, err := h.graph.Relations(ctx, user)
		if err != nil {
			pin.Release()
			return nil, nil, fmt.Errorf("read relations: %w", err)
		}
		if pin.Reach.Graph.Includes(rel.Applied) {
			return rel.byKey(), pin, nil
		}
		ahead := Reach{Graph: upper(pin.Reach.Graph, rel.Applied)}
		pin.Release()
		if err := h.await(ctx, ahead); err != nil {
			return nil, nil, err
		}
	}
}

// add makes a stream of a user. It gets no events before the inbox has its note.
func (h *Hub) add(user UserID, from string) *Stream {
	h.inbox.count(1)
	s := &Stream{hub: h, user: user, partition: h.shape.GraphOf(user), from: from, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.unused); n > 0 {
		s.number, h.unused = h.unused[n-1], h.unused[:n-1]
	} else {
		s.number = uint32(len(h.streams))
		h.streams = append(h.streams, nil)
	}
	h.streams[s.number] = s
	h.users[user] = append(h.users[user], s)
	h.monitor.opened(1)
	return s
}

// end ends a stream.
func (h *Hub) end(s *Stream, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endLocked(s, reason)
	h.sweep()
}

func (h *Hub) endAll(reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.streams {
		if s != nil {
			h.endLocked(s, reason)
		}
	}
	h.sweep()
}

// endLocked ends a stream. Its links stay until sweep: a walk through watchers may be in progress.
func (h *Hub) endLocked(s *Stream, reason error) {
	if !s.stop(reason) {
		return
	}
	h.inbox.count(-1)
	h.monitor.opened(-1)
	if fault.Is(reason, fault.Exhausted) {
		h.monitor.droppedOne()
	}
	left := slices.DeleteFunc(h.users[s.user], func(other *Stream) bool { return other == s })
	if h.users[s.user] = left; len(left) == 0 {
		delete(h.users, s.user)
	}
	h.streams[s.number], s.ended = nil, true
	h.ended = append(h.ended, s.number)
	h.stale += s.links
}

// minStale is how many links of streams that have ended are worth a sweep.
const minStale = 1000

// sweep takes streams that have ended out of watchers, if they have half of the links: so a stream that ends costs as much as
// its links, however many others watch the same authors.
func (h *Hub) sweep() {
	if h.stale < max(h.links/2, minStale) && (len(h.users) > 0 || len(h.ended) == 0) {
		return
	}
	if len(h.users) == 0 {
		h.sees, h.saw, h.streams, h.unused, h.ended = newWatchers(), newWatchers(), nil, nil, nil
	} else {
		gone := func(number uint32) bool { return h.streams[number] == nil }
		h.sees.sweep(gone)
		h.saw.sweep(gone)
		h.unused, h.ended = append(h.unused, h.ended...), nil
	}
	h.links, h.stale = h.links-h.stale, 0
}
