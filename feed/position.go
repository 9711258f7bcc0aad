package feed

import (
	"fmt"
	"slices"

	"agora/ident"
)

// The topics of the log. Records of one author, and of one follower, keep their order.
const (
	PostsTopic = "feed.posts" // posts, deletes and changes of mode, by author
	GraphTopic = "feed.graph" // follows, blocks, mutes and activity, by the user who acts
)

// Shape says how many partitions the topics have. It never changes for a log.
type Shape struct {
	Posts int
	Graph int
}

// PostsOf returns the partition of the author's posts.
func (s Shape) PostsOf(author UserID) int { return partitionOf(author, s.Posts) }

// GraphOf returns the partition of what the user does to others. It is the partition of the user's timeline, too.
func (s Shape) GraphOf(user UserID) int { return partitionOf(user, s.Graph) }

func partitionOf(user UserID, n int) int {
	p, err := ident.PartitionPacked(ident.User, user[:], n)
	if err != nil {
		panic("feed: " + err.Error()) // another length is impossible
	}
	return p
}

// Epoch numbers the logs that a feed had one after the other. A log that begins anew, or that an older copy replaces,
// has a higher one: offsets mean something only together with it. It has 23 bits.
type Epoch uint32

const (
	offsetBits = 40
	maxEpoch   = 1<<23 - 1
	maxOffset  = 1<<offsetBits - 1
)

// Position is where a record stands in its partition: the epoch of the log in the upper 23 bits and the offset in the
// lower 40. Positions of one partition compare as numbers; all of an earlier epoch are below those of a later one.
// It fits a signed 64-bit number, so that stores may use it as a version.
type Position uint64

// At returns the position of an offset.
func At(epoch Epoch, offset int64) Position {
	return Position(epoch)<<offsetBits | Position(offset)
}

// Epoch returns the epoch of the position's log.
func (p Position) Epoch() Epoch { return Epoch(p >> offsetBits) }

// Offset returns the offset in that log.
func (p Position) Offset() int64 { return int64(p & maxOffset) }

// First returns the lower of two positions of one post. One that is zero is not known.
func (p Position) First(q Position) Position {
	if p == 0 || q != 0 && q < p {
		return q
	}
	return p
}

// String returns the position as epoch:offset.
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Epoch(), p.Offset()) }

// Vector holds a position for each partition of a topic: the one after the last record that was reached.
type Vector []Position

// Covers reports whether a record of the partition was reached.
func (v Vector) Covers(partition int, at Position) bool {
	return partition < len(v) && at < v[partition]
}

// Includes reports whether v has reached all that w has.
func (v Vector) Includes(w Vector) bool {
	for i, at := range w {
		if i >= len(v) || v[i] < at {
			return false
		}
	}
	return true
}

// with returns a copy of v with another position of one partition.
func (v Vector) with(partition int, at Position) Vector {
	v = slices.Clone(v)
	v[partition] = at
	return v
}

// lower returns the lower position of each partition.
func lower(v, w Vector) Vector {
	v = slices.Clone(v)
	for i := range v {
		v[i] = min(v[i], w[i])
	}
	return v
}

// upper returns the higher position of each partition.
func upper(v, w Vector) Vector {
	v = slices.Clone(v)
	for i := range v {
		v[i] = max(v[i], w[i])
	}
	return v
}

// Reach says how far both topics were read.
type Reach struct {
	Posts Vector
	Graph Vector
}

// Includes reports whether r has reached all that s has.
func (r Reach) Includes(s Reach) bool { return r.Posts.Includes(s.Posts) && r.Graph.Includes(s.Graph) }

// of returns the vector of a topic.
func (r Reach) of(topic string) Vector {
	if topic == GraphTopic {
		return r.Graph
	}
	return r.Posts
}

// LogStart is where an epoch of the log begins.
type LogStart struct {
	Epoch  Epoch
	Ends   Reach  // the ends of the log at that moment
	Mark   uint64 // drawn for the epoch; a record of the log with this number says that the log is in the epoch
	Marked bool   // whether the log has that record: no server works in the epoch before
}

// Succeed returns the start that a store has to hold when it holds known and gets s for the same epoch; ok is false
// if they are two different starts.
func (s LogStart) Succeed(known LogStart) (LogStart, bool) {
	marked := s.Marked || known.Marked
	known.Marked = marked
	return known, known.Mark == s.Mark
}

// AsOf says what a page of a feed is complete of: the posts before Posts, of the authors who were followed at
// Moment, without what was deleted, blocked or muted at Moment. All pages of a walk have the same Posts; each has
// its own Moment.
type AsOf struct {
	Posts  Vector
	Moment Reach
}
