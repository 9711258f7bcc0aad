package feed

import (
	"cmp"
	"context"
	"time"
)

// PostStore holds posts. It is written after the log, and by several servers at once with the same posts: all
// writes can be repeated. Positions decide, never clocks.
type PostStore interface {
	// Insert adds posts. A post whose identifier is there already stays as it is, deleted or not, except that the
	// lower position counts.
	Insert(ctx context.Context, posts ...Post) error

	// Delete marks posts as deleted and drops their content. A post that is not there yet is deleted all the same:
	// its Insert may come later and then changes nothing. Of two deletions the lower position counts.
	Delete(ctx context.Context, posts ...Deletion) error

	// Get returns the posts that are there, deleted ones too, in any order.
	Get(ctx context.Context, ids ...PostID) ([]Post, error)

	// ByAuthor returns one list for each range: the newest posts of the author with an identifier below Before, newest
	// first, deleted ones too. A list shorter than Limit is the end of what the author wrote.
	ByAuthor(ctx context.Context, ranges ...AuthorRange) ([][]Entry, error)

	// Changes returns one list for each range: what the author has posted and what was deleted of it from the position From
	// to before To, in the order of positions (see Change.Compare). A list shorter than Limit has all. A store keeps changes
	// at least as long as the log keeps records. It may also return a change whose position a lower one has replaced
	// since: Get says which position counts.
	Changes(ctx context.Context, ranges ...ChangeRange) ([][]Change, error)

	// Claim stores the identifier that belongs to an author's Idempotency-Key and returns it, or returns the one that
	// was stored before. It fails with CodeKeyReused if that was for another hash of the request.
	Claim(ctx context.Context, c Claim) (PostID, error)
}

// Deletion is a post that its author, or an admin, has deleted.
type Deletion struct {
	ID     PostID
	Author UserID
	At     Position
}

// AuthorRange asks for posts of an author.
type AuthorRange struct {
	Author UserID
	Before PostID
	Limit  int
}

// Change is a post of an author, or the deletion of one, where its record stands.
type Change struct {
	At      Position
	Post    PostID
	Deleted bool
}

// Compare returns -1, 0 or 1 as c comes before, with or after other in the log.
func (c Change) Compare(other Change) int {
	if c.Deleted != other.Deleted && c.At == other.At && c.Post == other.Post {
		if other.Deleted {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(c.At, other.At), c.Post.Compare(other.Post))
}

// ChangeRange asks for changes of an author.
type ChangeRange struct {
	Author   UserID
	From, To Position
	Limit    int
}

// Claim is an Idempotency-Key of an author and what it was used for.
type Claim struct {
	Author UserID
	Key    string
	Hash   [32]byte // of the request
	ID     PostID
}

// GraphStore holds who follows, blocks and mutes whom. One leader for each partition of followers writes it, from the
// log; a leader that lost its lead may write late. So of two states of an edge, a count or a reach, the higher
// position counts.
type GraphStore interface {
	// Relations returns the edges that are on and decide what the user sees.
	Relations(ctx context.Context, user UserID) (Relations, error)

	// Applied returns what Relations has as Applied. It is called far more often: two equal results mean the same relations.
	// The caller changes nothing of what it gets.
	Applied(ctx context.Context, user UserID) (Vector, error)

	// Edges returns the states of edges that were ever set, on or off, in any order.
	Edges(ctx context.Context, keys ...EdgeKey) ([]Edge, error)

	// Apply stores the changes of a run. A store that cannot do it at once stores the counts before the edges, and the
	// reach last.
	Apply(ctx context.Context, c GraphChanges) error

	// Followers returns followers of a user in one partition, in the order of their identifiers: those at or above from.
	Followers(ctx context.Context, user UserID, partition int, from UserID, limit int) ([]UserID, error)

	// FollowersOf returns one list for each author and, in it, one for each of the partitions: what Followers returns from the
	// first identifier on.
	FollowersOf(ctx context.Context, partitions []int, limit int, authors ...UserID) ([][][]UserID, error)

	// Counts returns one list for each user: how many followers the user has, by partition.
	Counts(ctx context.Context, users ...UserID) ([][]Count, error)

	// Reach returns the reach of the last Apply of a partition; ok is false if there was none.
	Reach(ctx context.Context, partition int) (row Row, ok bool, err error)

	// PutModes unites the modes with those that are there (see Modes.Merge).
	PutModes(ctx context.Context, modes ...Modes) error

	// Modes returns the modes of all authors who were ever pulled, or of those that are named.
	Modes(ctx context.Context, authors ...UserID) ([]Modes, error)

	// PutStart stores where an epoch of the log begins, or that it is marked, which stays. It fails with fault.Stale if the
	// epoch is stored with another mark, or if a later epoch is stored.
	PutStart(ctx context.Context, start LogStart) error

	// Starts returns what PutStart has stored, in the order of the epochs.
	Starts(ctx context.Context) ([]LogStart, error)

	// Idle returns users of a partition who were last active before a time.
	Idle(ctx context.Context, partition int, before time.Time, limit int) ([]UserID, error)

	// Forget removes what is known of the activity of users whose last activity was before a time.
	Forget(ctx context.Context, before time.Time, users ...UserID) error
}

// TimelineStore holds the timelines and how far they are written. It may lose all or some of what it holds, or return
// to an earlier state of all of it: reads find out and are right without it.
type TimelineStore interface {
	// Head returns the head; ok is false if there is none.
	Head(ctx context.Context) (head Head, ok bool, err error)

	// Begin replaces the head by one of another epoch. was is the epoch of the head that it replaces, 0 for none;
	// if it is not that any more, Begin fails with fault.Stale.
	Begin(ctx context.Context, was uint64, head Head) error

	// Read returns the newest entries of a user's timeline of the current epoch below an identifier (see Timeline.Below),
	// and the row of the user's partition, as of one moment. Without a head both are empty. The caller changes nothing of
	// what it gets.
	Read(ctx context.Context, user UserID, partition int, before PostID, limit int) (Row, Timeline, error)

	// Merge adds operands to timelines of the fence's epoch (see Timeline.Merge). Operands with a base are merged only
	// while the row is that of the fence, in the same moment, or the call fails with fault.Stale; those without may be
	// merged at any time, and may be dropped where the timeline has no base. The memory of operands belongs to the caller,
	// who uses it again after the call: a store copies what it keeps.
	Merge(ctx context.Context, fence Fence, operands []Operand) error

	// Advance replaces the row of the fence. It fails with fault.Stale if the row is another one, or if the store does not
	// have as many merges under that row as the fence says. All that was merged before is durable when the row is.
	Advance(ctx context.Context, fence Fence, to Row) error

	// Drop removes timelines of an epoch.
	Drop(ctx context.Context, epoch uint64, users ...UserID) error
}
