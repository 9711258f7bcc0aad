package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
)

// audience numbers the users of a partition, and caches who follows whom. It belongs to a lead: while that lasts, nobody
// else changes these edges. What another leader has changed is in the records that this lead still has to read.
type audience struct {
	numbers map[UserID]uint32
	ids     []UserID // by number
	order   []uint32 // numbers in the order of the identifiers
	lists   map[UserID]followers
	bytes   int // of lists
}

// followers are the followers of an author in one partition.
type followers struct {
	number int
	packed []byte // their numbers, ascending: each as the uvarint of the difference from the one before
}

const (
	expandAtOnce   = 10_000 // how many followers of an author and partition are read with one call
	authorsAtOnce  = 1000   // of how many authors
	listBytes      = 100    // about what a list costs apart from the numbers in it
	usualListBytes = 150    // and with them
)

// sorted returns the numbers of all users in the order of their identifiers, which is that of the keys in most stores.
func (a *audience) sorted() []uint32 {
	if len(a.order) == len(a.ids) {
		return a.order
	}
	for n := len(a.order); n < len(a.ids); n++ {
		a.order = append(a.order, uint32(n))
	}
	slices.SortFunc(a.order, func(m, n uint32) int { return a.ids[m].Compare(a.ids[n]) })
	return a.order
}

func (a *audience) number(user UserID) uint32 {
	n, ok := a.numbers[user]
	if !ok {
		if a.numbers == nil {
			a.numbers = map[UserID]uint32{}
		}
		n = uint32(len(a.ids))
		a.ids = append(a.ids, user)
		a.numbers[user] = n
	}
	return n
}

// forget drops the list of an author whose followers change.
func (a *audience) forget(author UserID) {
	if list, ok := a.lists[author]; ok {
		a.bytes -= len(list.packed) + listBytes
		delete(a.lists, author)
	}
}

func (a *audience) has(author UserID) bool {
	_, ok := a.lists[author]
	return ok
}

// makeRoom drops lists of others than the authors until all take no more than some bytes.
func (a *audience) makeRoom(authors map[UserID]bool, most int) {
	for other := range a.lists {
		if a.bytes <= most {
			return
		}
		if !authors[other] {
			a.forget(other)
		}
	}
}

// keep caches the list of an author. If that gets too much, any others go.
func (a *audience) keep(author UserID, list followers, most int) {
	size := len(list.packed) + listBytes
	a.makeRoom(nil, most-size)
	if a.bytes+size > most {
		return
	}
	if a.lists == nil {
		a.lists = map[UserID]followers{}
	}
	a.lists[author] = list
	a.bytes += size
}

// numbered appends the numbers of followers of an author, and before the first ones that of the author, who gets the own posts.
func (r *run) numbered(l *Lead, author UserID, list []UserID, numbers []uint32) []uint32 {
	if len(numbers) == 0 && r.Shape.GraphOf(author) == l.fence.Partition {
		numbers = append(numbers, l.audience.number(author))
	}
	for _, user := range list {
		if user != author {
			numbers = append(numbers, l.audience.number(user))
		}
	}
	return numbers
}

// followers returns the author's followers in the partition of the lead, with the author if that is one of its users.
func (r *run) followers(ctx context.Context, l *Lead, author UserID) (followers, error) {
	if list, ok := l.audience.lists[author]; ok {
		return list, nil
	}
	var numbers []uint32
	for from := (UserID{}); ; {
		some, err := r.Graph.Followers(ctx, author, l.fence.Partition, from, expandAtOnce)
		if err != nil {
			return followers{}, err
		}
		numbers = r.numbered(l, author, some, numbers)
		if len(some) < expandAtOnce {
			break
		}
		from = some[len(some)-1].Next()
	}
	list := pack(numbers)
	l.audience.keep(author, list, r.listsBytes())
	return list, nil
}

// pack sorts numbers, and packs them.
func pack(numbers []uint32) followers {
	slices.Sort(numbers)
	list := followers{number: len(numbers), packed: make([]byte, 0, 3*len(numbers))}
	var before uint32
	for _, n := range numbers {
		list.packed = binary.AppendUvarint(list.packed, uint64(n-before))
		before = n
	}
	list.packed = slices.Clip(list.packed)
	return list
}

// listsBytes is how much the lists of a partition may take.
func (r *run) listsBytes() int { return r.CacheBytes / r.Shape.Graph }

// expand caches the followers of the authors of fresh posts in all partitions: one call for many of them costs a fraction of
// calls for each. A list that the run changes is forgotten before it is used, and one that is not cached is read when it is needed.
func (r *run) expand(ctx context.Context, leads []*Lead) error {
	wanted := map[UserID]bool{}
	var authors []UserID
	for _, p := range r.fresh {
		author := p.entry.Author
		if !wanted[author] && len(wanted) < r.listsBytes()/usualListBytes {
			wanted[author] = true
			if slices.ContainsFunc(leads, func(l *Lead) bool { return !l.audience.has(author) }) {
				authors = append(authors, author)
			}
		}
	}
	partitions := make([]int, len(leads))
	for j, l := range leads {
		partitions[j] = l.fence.Partition
		l.audience.makeRoom(wanted, r.listsBytes()-len(authors)*usualListBytes)
	}
	for some := range slices.Chunk(authors, authorsAtOnce) {
		lists, err := r.Graph.FollowersOf(ctx, partitions, expandAtOnce, some...)
		if err != nil {
			return fmt.Errorf("expand followers: %w", err)
		}
		for i, author := range some {
			for j, l := range leads {
				if list := lists[i][j]; len(list) < expandAtOnce && !l.audience.has(author) {
					l.audience.keep(author, pack(r.numbered(l, author, list, nil)), r.listsBytes())
				}
			}
		}
	}
	return nil
}
