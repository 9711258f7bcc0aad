package feed

// edgeSet says which edges there are between the user of a stream and another user.
type edgeSet uint8

const (
	follows   edgeSet = 1 << iota // by the user
	mutes                         // by the user
	blocks                        // by the user
	blockedBy                     // of the user
)

// visible reports whether the user sees the other one's posts.
func (e edgeSet) visible() bool { return e == follows }

// watched is an author of whom a stream wants something: posts if the user sees them, otherwise deletions only.
type watched struct {
	author    UserID
	partition int
	visible   bool
}

// between returns the other user of an edge that concerns a user, and what the edge means.
func between(user UserID, key EdgeKey) (other UserID, edge edgeSet) {
	switch {
	case key.Kind == Follow && key.From == user:
		return key.To, follows
	case key.Kind == Mute && key.From == user:
		return key.To, mutes
	case key.Kind == Block && key.From == user:
		return key.To, blocks
	case key.Kind == Block && key.To == user:
		return key.From, blockedBy
	}
	return UserID{}, 0
}

// watch sets the authors of the stream from all edges that are known.
func (s *Stream) watch(edges map[EdgeKey]Edge) {
	sets := make(map[UserID]edgeSet, len(edges)+1)
	for key, e := range edges {
		if other, edge := between(s.user, key); e.On && edge != 0 {
			sets[other] |= edge
		}
	}
	sets[s.user] = follows
	for author, set := range sets {
		if set&follows != 0 {
			s.authors = append(s.authors, watched{author, s.hub.shape.PostsOf(author), set.visible()})
		}
		s.setEdges(author, set)
	}
}

// setEdges keeps what is between the user and another one. If the user only follows the other one, watchers say it.
func (s *Stream) setEdges(author UserID, set edgeSet) {
	if set == 0 || set.visible() {
		delete(s.others, author)
		return
	}
	if s.others == nil {
		s.others = map[UserID]edgeSet{}
	}
	s.others[author] = set
}
