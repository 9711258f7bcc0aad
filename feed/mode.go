package feed

// Strategy says how posts get into timelines.
type Strategy string

// The strategies.
const (
	Push   Strategy = "push"   // every post is written into the timelines of all followers
	Pull   Strategy = "pull"   // no post is; each read merges the posts of all followed authors
	Hybrid Strategy = "hybrid" // posts of authors with many followers are pulled, all others are pushed
)

// Threshold is the number of followers at which an author's posts are pulled, and the lower one at which they are
// pushed again.
type Threshold struct {
	Up   int64
	Down int64
}

// Modes are the changes of an author between push and pull. All authors begin with push, so that an odd number of
// changes means pull.
type Modes struct {
	Author  UserID
	Changes []ModeChange
}

// ModeChange is one of them. One with an odd number begins an interval of posts that are pulled, up to the next change.
type ModeChange struct {
	Number   int
	At       Position
	Least    PostID // the least identifier of a post in the interval; zero if there is none
	Greatest PostID // the greatest one
}

// Pulls reports whether the author's newest posts are pulled.
func (m Modes) Pulls() bool { return len(m.Changes)%2 == 1 }

// pulled reports whether the post at a position is pulled.
func (m Modes) pulled(at Position) bool {
	before := 0
	for before < len(m.Changes) && m.Changes[before].At < at {
		before++
	}
	return before%2 == 1
}

// change adds the change with a number, unless it is there already: of several records with one number, the
// first counts.
func (m *Modes) change(number int, at Position) bool {
	if number != len(m.Changes)+1 {
		return false
	}
	m.Changes = append(m.Changes, ModeChange{Number: number, At: at})
	return true
}

// extend widens the interval of a pulled post, so that it includes the post's identifier.
func (m *Modes) extend(e Entry) bool {
	for i := len(m.Changes) - 1; i >= 0; i-- {
		c := &m.Changes[i]
		if c.At >= e.At {
			continue
		}
		if c.Number%2 == 0 {
			return false
		}
		merged := c.merge(ModeChange{Number: c.Number, At: c.At, Least: e.Post, Greatest: e.Post})
		widened := merged != *c
		*c = merged
		return widened
	}
	return false
}

// merge unites two states of one change.
func (c ModeChange) merge(d ModeChange) ModeChange {
	if c.Least == (PostID{}) || d.Least != (PostID{}) && d.Least.Compare(c.Least) < 0 {
		c.Least = d.Least
	}
	if d.Greatest.Compare(c.Greatest) > 0 {
		c.Greatest = d.Greatest
	}
	return c
}

// Merge unites two states of an author's modes, of which one may be older.
func (m Modes) Merge(n Modes) Modes {
	merged := Modes{Author: n.Author}
	for i := range max(len(m.Changes), len(n.Changes)) {
		switch {
		case i >= len(m.Changes):
			merged.Changes = append(merged.Changes, n.Changes[i])
		case i >= len(n.Changes):
			merged.Changes = append(merged.Changes, m.Changes[i])
		default:
			merged.Changes = append(merged.Changes, m.Changes[i].merge(n.Changes[i]))
		}
	}
	return merged
}

// greatest returns the greatest identifier of a pulled post, and whether there is a pulled post.
func (m Modes) greatest() (id PostID, ok bool) {
	for _, c := range m.Changes {
		if c.Number%2 == 1 && c.Greatest.Compare(id) > 0 {
			id = c.Greatest
		}
	}
	return id, id != PostID{}
}

// due reports whether the author's mode has to change, with so many followers.
func (m Modes) due(followers int64, t Threshold) bool {
	if m.Pulls() {
		return followers < t.Down
	}
	return followers >= t.Up
}
