package feed

// session is what a reader gets of one stream.
type session struct {
	streams *streams
	server  *server
	stream  *Stream
	from    string // the cursor that the reader gave
	at      string // after what it got
	reset   bool   // the stream had to begin with it
	got     []Event
}

// take takes an event and checks its cursor: it covers the event's record, and that before did not.
func (s *session) take(e Event) {
	w := s.streams.world
	s.streams.told++
	before, at := s.at, s.cursor(e.ID)
	s.at = e.ID
	if e.Kind == Reset {
		s.streams.resets++
		if len(s.got) > 0 || !s.reset {
			w.fail("a stream of %v is reset after %d events", s.stream.joined, len(s.got))
		}
		from, err := ParseLiveCursor(s.from, w.shape, w.epoch)
		if err == nil && from.Posts != nil && s.streams.bounds.Authors > 3 {
			w.fail("a stream from %v is reset", from)
		}
		return
	}
	s.got = append(s.got, e)
	p, r := w.history.first(e.PostID, e.Kind)
	if !at.Posts.Covers(p, r.At) {
		w.fail("the cursor %v does not cover the event at %d/%v", at.Posts, p, r.At)
	}
	if before != "" {
		if was := s.cursor(before); was.Posts.Covers(p, r.At) || !at.Posts.Includes(was.Posts) {
			w.fail("%s of %x at %d/%v is told after the cursor %v, which becomes %v", e.Kind, e.PostID[:10], p, r.At, was.Posts, at.Posts)
		}
	}
	if r.Post != nil && r.Post.ReplyTo != (PostID{}) && r.Post.Parent.At.Epoch() == w.epoch && !at.Posts.Covers(r.Post.Parent.Partition, r.Post.Parent.At) {
		w.fail("the reply %x is told before its parent at %v", e.PostID[:10], r.Post.Parent)
	}
}

func (s *session) cursor(id string) LiveCursor {
	c, err := ParseLiveCursor(id, s.streams.world.shape, s.streams.world.epoch)
	if err != nil {
		s.streams.world.fail("the cursor %q is %v", id, err)
	}
	return c
}

// check compares what the reader got with the oracle.
func (s *session) check(user UserID) {
	w := s.streams.world
	if s.reset && s.at == s.from {
		return // not even the reset was taken
	}
	to := s.cursor(s.at)
	if w.problem != "" {
		return
	}
	want, may := s.wanted(user, to.Posts)
	got := map[PostID]bool{}
	for _, e := range s.got {
		id := e.PostID
		if e.Kind == Deleted {
			id[0] ^= 0x80 // apart from the post
		}
		if got[id] {
			w.fail("%s of %x is told twice", e.Kind, e.PostID[:10])
		}
		got[id] = true
		if !want[id] && !may[id] {
			w.fail("%s of %x is told to %x, who does not see it", e.Kind, e.PostID[:10], user[15])
		}
	}
	for id, wanted := range want {
		if wanted && !got[id] && !may[id] {
			w.fail("the stream of %x on server %d from %v, live from %v, to %v lacks %x (%d events)\n%s", user[15], s.server.number, s.from, s.stream.joined, to, id[:10],
				len(s.got), w.history.describe([]PostID{id}))
		}
	}
}

// wanted returns what a stream has to tell before a vector, and what it may tell or not. Deletions have another first bit.
func (s *session) wanted(user UserID, to Vector) (want, may map[PostID]bool) {
	w, joined := s.streams.world, s.stream.joined
	want, may = map[PostID]bool{}, map[PostID]bool{}
	seen, sees := map[UserID]bool{}, w.history.sees(user, joined.Graph)
	consider := func(p int, r Record, visible bool) {
		seen[r.Actor] = seen[r.Actor] || visible
		if r.At >= to[p] || r.Post == nil && r.Kind != kindDeleted {
			return
		}
		id, kind := r.PostID, Deleted
		if r.Post != nil {
			id, kind = r.Post.ID, Posted
		}
		if _, first := w.history.first(id, kind); first.At != r.At {
			return
		}
		_, deletion := w.history.first(id, Deleted)
		if kind == Deleted {
			id[0] ^= 0x80
			may[id], want[id] = !seen[r.Actor], seen[r.Actor]
			return
		}
		want[id] = visible
		may[id] = visible && deletion.At != 0 // it may be known already that it is deleted
	}
	if from, err := ParseLiveCursor(s.from, w.shape, w.epoch); err == nil && from.Posts != nil && !s.reset {
		for p, records := range w.history.posts {
			for _, r := range records {
				if r.At >= from.Posts[p] && r.At < joined.Posts[p] {
					consider(p, r, sees(r.Actor))
				}
			}
		}
	}
	for _, author := range w.users {
		seen[author] = sees(author)
	}
	for _, f := range s.server.folds {
		if joined.Includes(f.reach) {
			continue
		}
		if _, _, edge := f.Edge(); edge {
			sees = w.history.sees(user, f.reach.Graph)
			for _, author := range w.users {
				seen[author] = seen[author] || sees(author)
			}
			continue
		}
		consider(f.Partition, f.Record, sees(f.Actor))
	}
	return want, may
}

// first returns the record of a post, or of its deletion, that counts.
func (o *oracle) first(id PostID, kind EventKind) (partition int, first Record) {
	for p, records := range o.posts {
		for _, r := range records {
			match := kind == Posted && r.Post != nil && r.Post.ID == id || kind == Deleted && r.Kind == kindDeleted && r.PostID == id
			if match && (first.At == 0 || r.At < first.At) {
				partition, first = p, r
			}
		}
	}
	return partition, first
}
