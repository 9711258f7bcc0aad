package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/fault"
	"agora/feed"
)

// present is the value of a row whose key says all.
var present = []byte{}

// Changes implements feed.PostStore.
func (s *Posts) Changes(ctx context.Context, ranges ...feed.ChangeRange) (lists [][]feed.Change, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	iter, err := s.db.Pebble().NewIter(&cockroach.IterOptions{LowerBound: key(postChanges), UpperBound: key(postChanges + 1)})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "changes of posts cannot be listed")
	}
	lists = make([][]feed.Change, len(ranges))
	for _, i := range inOrder(ranges, func(a, b feed.ChangeRange) int { return a.Author.Compare(b.Author) }) {
		if err == nil {
			lists[i], err = listChanges(iter, ranges[i])
		}
	}
	if closed := iter.Close(); closed != nil {
		return nil, fault.Wrap(fault.Unavailable, closed, "changes of posts cannot be listed")
	}
	return lists, err
}

func listChanges(iter *cockroach.Iterator, r feed.ChangeRange) (changes []feed.Change, err error) {
	from, to := changesFrom(r.Author, r.From), changesFrom(r.Author, r.To)
	for ok := iter.SeekGE(from); ok && len(changes) < r.Limit && string(iter.Key()) < string(to); ok = iter.Next() {
		if len(iter.Key()) != len(from)+len(feed.PostID{})+1 {
			return nil, fmt.Errorf("changes of %s: %w", r.Author, errDamaged)
		}
		rest := iter.Key()[len(from)-8:]
		changes = append(changes, feed.Change{
			At: feed.Position(binary.BigEndian.Uint64(rest)), Post: feed.PostID(rest[8:24]), Deleted: rest[24] == 1,
		})
	}
	return changes, nil
}

// changesFrom returns the least key of changes of an author from a position on.
func changesFrom(author feed.UserID, at feed.Position) []byte {
	return key(postChanges, author[:], binary.BigEndian.AppendUint64(nil, uint64(at)))
}

// appendMoved appends the rows that bring a post, or its deletion, from where it stood before to where it stands after. Zero is
// nowhere.
func appendMoved(rows []row, before, after feed.Post, deleted bool) []row {
	from, to, kind := before.At, after.At, byte(0)
	if deleted {
		from, to, kind = before.Deleted, after.Deleted, 1
	}
	if from == to {
		return rows
	}
	at := func(p feed.Position) []byte {
		return append(append(changesFrom(after.Author, p), after.ID[:]...), kind)
	}
	if from != 0 {
		rows = append(rows, row{key: at(from)})
	}
	if to != 0 {
		rows = append(rows, row{at(to), present})
	}
	return rows
}

// inOrder returns the indices of ranges in an order: seeks that go forward are cheaper.
func inOrder[R any](ranges []R, compare func(a, b R) int) []int {
	order := make([]int, len(ranges))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(ranges[a], ranges[b]) })
	return order
}
