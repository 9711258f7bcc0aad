package feed

import (
	"context"
	"encoding/binary"
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
	expandAtOnce = 10_000 // how many followers are read with one call
	listBytes    = 100    // about what a list costs apart from the numbers in it
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

// keep caches the list of an author. If that gets too much, any others go.
func (a *audience) keep(author UserID, list followers, most int) {
	size := len(list.packed) + listBytes
	for other := range a.lists {
		if a.bytes+size <= most {
			break
		}
		a.forget(other)
	}
	if a.bytes+size > most {
		return
	}
	if a.lists == nil {
		a.lists = map[UserID]followers{}
	}
	a.lists[author] = list
	a.bytes += size
}

// followers returns the author's followers in the partition of the lead, with the author if that is one of its users.
func (r *run) followers(ctx context.Context, l *Lead, author UserID) (followers, error) {
	if list, ok := l.audience.lists[author]; ok {
		return list, nil
	}
	var numbers []uint32
	if r.Shape.GraphOf(author) == l.fence.Partition {
		numbers = append(numbers, l.audience.number(author))
	}
	var from UserID
	for {
		some, err := r.Graph.Followers(ctx, author, l.fence.Partition, from, expandAtOnce)
		if err != nil {
			return followers{}, err
		}
		for _, user := range some {
			if user != author {
				numbers = append(numbers, l.audience.number(user))
			}
		}
		if len(some) < expandAtOnce {
			break
		}
		from = some[len(some)-1].Next()
	}
	slices.Sort(numbers)
	list := followers{number: len(numbers), packed: make([]byte, 0, 3*len(numbers))}
	var before uint32
	for _, n := range numbers {
		list.packed = binary.AppendUvarint(list.packed, uint64(n-before))
		before = n
	}
	list.packed = slices.Clip(list.packed)
	l.audience.keep(author, list, r.CacheBytes/r.Shape.Graph)
	return list, nil
}
