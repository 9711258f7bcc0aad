package feed

import (
	"slices"
	"sort"
)

// Timeline is what a store holds for a reader: the pushed posts with an identifier above Floor, of all whom the reader
// follows, up to the positions that the row of the reader's partition has reached.
type Timeline struct {
	Base    bool    // false: there is no timeline, whatever entries there are
	Floor   PostID  // zero until entries were dropped
	Entries []Entry // newest first, by post
}

// Operand is what a run adds to a timeline.
type Operand struct {
	User UserID
	Timeline
}

// Trim says how long timelines get: one with more than Above entries loses all but the newest Keep.
type Trim struct {
	Above int
	Keep  int
}

// Merge unites a timeline with an operand. It does not matter in which order operands come, how often one comes, or how
// the entries were distributed over them: a crash repeats runs with other bounds, and a leader that hangs writes late.
func (t Timeline) Merge(o Timeline, trim Trim) Timeline {
	merged := Timeline{Base: t.Base || o.Base, Floor: t.Floor, Entries: unite(t.Entries, o.Entries)}
	if o.Floor.Compare(merged.Floor) > 0 {
		merged.Floor = o.Floor
	}
	above, _ := slices.BinarySearchFunc(merged.Entries, merged.Floor, func(e Entry, floor PostID) int { return floor.Compare(e.Post) })
	merged.Entries = merged.Entries[:above]
	if len(merged.Entries) > trim.Above {
		merged.Floor = merged.Entries[trim.Keep].Post
		merged.Entries = merged.Entries[:trim.Keep]
	}
	return merged
}

// Below returns the newest entries below an identifier, at most limit. The floor rises to the first one that is left
// out, so that the rest is a timeline that lost its older entries.
func (t Timeline) Below(before PostID, limit int) Timeline {
	begin := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Post.Compare(before) < 0 })
	t.Entries = t.Entries[begin:]
	if len(t.Entries) > limit {
		t.Floor, t.Entries = t.Entries[limit].Post, t.Entries[:limit]
	}
	return t
}

// unite merges two lists, newest first, and keeps one entry of each post: that with the lower position.
func unite(a, b []Entry) []Entry {
	united := make([]Entry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].Post.Compare(b[0].Post); {
		case c > 0:
			united, a = append(united, a[0]), a[1:]
		case c < 0:
			united, b = append(united, b[0]), b[1:]
		default:
			e := a[0]
			e.At = e.At.First(b[0].At)
			united, a, b = append(united, e), a[1:], b[1:]
		}
	}
	return append(append(united, a...), b...)
}

// sortEntries brings entries into the order of reading, and leaves one of each post.
func sortEntries(entries []Entry) []Entry {
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := b.Post.Compare(a.Post); c != 0 {
			return c
		}
		return int(int64(a.At) - int64(b.At))
	})
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.Post == b.Post })
}

// Row is how far the timelines of one partition of followers are written.
type Row struct {
	Writer uint64   // drawn by the leader that wrote the row, and anew when it cannot know what became of a write
	Posts  Vector   // all posts before are in the timelines
	Graph  Position // all records of this partition of the graph before are in force
}

// Equal reports whether two rows are the same.
func (r Row) Equal(s Row) bool {
	return r.Writer == s.Writer && r.Graph == s.Graph && slices.Equal(r.Posts, s.Posts)
}

// Head describes what a store of timelines holds.
type Head struct {
	Epoch    uint64 // drawn when the timelines began anew; those of another epoch are never read
	Strategy Strategy
	Rows     []Row // by partition of the graph
}

// reach returns what all rows have reached.
func (h Head) reach() Reach {
	var r Reach
	for i, row := range h.Rows {
		if i == 0 {
			r.Posts = slices.Clone(row.Posts)
		} else {
			r.Posts = lower(r.Posts, row.Posts)
		}
		r.Graph = append(r.Graph, row.Graph)
	}
	return r
}

// Fence names the row that a write of timelines belongs to.
type Fence struct {
	Epoch     uint64
	Partition int
	Row       Row
	// Merges is how many calls of Merge the store has acknowledged since the row was written, or AnyMerges. A store that
	// returns to an earlier state may have lost some and still have the row.
	Merges int
}

// AnyMerges is the number of merges of a leader that relies on none.
const AnyMerges = -1
