package feed

import (
	"context"
	"errors"
	"iter"
	"slices"

	"agora/feed"
)

var _ feed.FollowLoader = (*Graph)(nil)

// LoadFollows implements feed.FollowLoader. It sorts the follows in memory by both of their ends, unites each row with the one that
// is there, and writes all of them as files of the database.
func (g *Graph) LoadFollows(ctx context.Context, since feed.Vector, follows iter.Seq2[feed.UserID, []feed.UserID]) error {
	l := &loading{Graph: g, since: since}
	l.collect(follows)
	if err := l.number(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.db.IngestSets(ctx, func(set func(key, value []byte) error) error {
		if err := l.writeEdges(ctx, set); err != nil {
			return err
		}
		return l.writeFollowers(ctx, set)
	})
	for _, user := range l.users {
		g.appliedTo.forget(user)
	}
	g.applied.Add(1)
	return err
}

// loading is a call of LoadFollows. Users have numbers in it.
type loading struct {
	*Graph
	since    feed.Vector
	users    []feed.UserID // by number
	ordinals []uint32      // by number
	parts    []uint32      // the partitions of followers, by number
	follows  []follow
}

// follow is a pair of users: the number of the first in the upper half.
type follow uint64

func pair(first, second uint32) follow { return follow(first)<<32 | follow(second) }

func (f follow) first() uint32  { return uint32(f >> 32) }
func (f follow) second() uint32 { return uint32(f) }

// collect numbers the users in the order in which they come.
func (l *loading) collect(follows iter.Seq2[feed.UserID, []feed.UserID]) {
	numbers := map[feed.UserID]uint32{}
	number := func(user feed.UserID) uint32 {
		n, ok := numbers[user]
		if !ok {
			n = uint32(len(l.users))
			numbers[user] = n
			l.users = append(l.users, user)
		}
		return n
	}
	for from, followed := range follows {
		n := number(from)
		for _, to := range followed {
			l.follows = append(l.follows, pair(n, number(to)))
		}
	}
}

// number gives users numbers in the order of their identifiers, sorts follows by follower, and gives ordinals.
func (l *loading) number(ctx context.Context) error {
	order := inOrder(l.users, feed.UserID.Compare)
	numbers := make([]uint32, len(order))
	sorted := make([]feed.UserID, len(order))
	ordinals := make(map[feed.UserID]uint32, len(order))
	for n, before := range order {
		numbers[before], sorted[n] = uint32(n), l.users[before]
		ordinals[sorted[n]] = 0
	}
	l.users = sorted
	for i, f := range l.follows {
		l.follows[i] = pair(numbers[f.first()], numbers[f.second()])
	}
	slices.Sort(l.follows)
	l.follows = slices.Compact(l.follows)
	if err := l.Graph.ordinals.of(ctx, ordinals); err != nil {
		return err
	}
	l.ordinals, l.parts = make([]uint32, len(l.users)), make([]uint32, len(l.users))
	for n, user := range l.users {
		l.ordinals[n] = ordinals[user]
	}
	return nil
}

// writeEdges writes the rows of followers. It leaves the follows that were never set, of which each is turned around and sorted
// by the followed user.
func (l *loading) writeEdges(ctx context.Context, set func(key, value []byte) error) error {
	rows, err := l.forward(edgesFrom)
	if err != nil {
		return err
	}
	fresh, rest := l.follows[:0], l.follows
	var value []byte
	for len(rest) > 0 && err == nil {
		var own []follow
		own, rest = firstOf(rest)
		from := own[0].first()
		at := key(edgesFrom, l.users[from][:])
		var known, list edges
		if known, err = decodeEdges(rows.get(at)); err != nil {
			break
		}
		list = known
		l.parts[from] = uint32(l.shape.GraphOf(l.users[from]))
		since := l.since[l.parts[from]]
		for _, f := range own {
			other := l.ordinals[f.second()]
			if _, there := known.find(feed.Follow, other); !there {
				list = append(list, edge{feed.Follow, other, true, since})
				fresh = append(fresh, pair(f.second(), from)) // never beyond what is read
			}
		}
		if len(list) > len(known) {
			slices.SortFunc(list, edge.compare)
			value = appendEdges(value[:0], list)
			err = set(at, value)
		}
		err = errors.Join(err, ctx.Err())
	}
	l.follows = fresh
	slices.Sort(l.follows)
	return errors.Join(err, rows.close())
}

// writeFollowers writes the rows of those who are followed.
func (l *loading) writeFollowers(ctx context.Context, set func(key, value []byte) error) error {
	rows, err := l.forward(followersOf)
	if err != nil {
		return err
	}
	var (
		value     []byte
		followers []follow // partition and ordinal
	)
	for rest := l.follows; len(rest) > 0 && err == nil; {
		var own []follow
		own, rest = firstOf(rest)
		followers = followers[:0]
		for _, f := range own {
			followers = append(followers, pair(l.parts[f.second()], l.ordinals[f.second()]))
		}
		slices.Sort(followers)
		for left := followers; len(left) > 0 && err == nil; {
			var some []follow
			some, left = firstOf(left)
			at := setKey(l.users[own[0].first()], int(some[0].first()))
			var members []uint32
			if members, err = decodeSet(rows.get(at)); err != nil {
				break
			}
			for _, f := range some {
				members = append(members, f.second())
			}
			slices.Sort(members)
			value = appendSet(value[:0], slices.Compact(members))
			err = set(at, value)
		}
		err = errors.Join(err, ctx.Err())
	}
	return errors.Join(err, rows.close())
}

// firstOf divides a sorted list after those with the same first user.
func firstOf(list []follow) (some, rest []follow) {
	n := 1
	for n < len(list) && list[n].first() == list[0].first() {
		n++
	}
	return list[:n], list[n:]
}

// CountFollowers implements feed.FollowLoader.
func (g *Graph) CountFollowers(ctx context.Context, through feed.Vector, authors ...feed.UserID) ([][]feed.Count, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	numbers := make([][]int64, len(authors))
	for i := range numbers {
		numbers[i] = make([]int64, g.shape.Graph)
	}
	err := g.eachOf(ctx, followersOf, authors, func(i int, rest, value []byte) error {
		p, err := g.partition(rest)
		numbers[i][p] = setLength(value)
		return err
	})
	if err != nil {
		return nil, err
	}
	counts, err := g.Counts(ctx, authors...)
	if err != nil {
		return nil, err
	}
	err = g.db.IngestSets(ctx, func(set func(key, value []byte) error) error {
		var last feed.UserID
		for n, i := range inOrder(authors, feed.UserID.Compare) {
			for p, known := range counts[i] {
				if known.Followers == numbers[i][p] || known.Through >= through[p] {
					continue
				}
				counts[i][p] = feed.Count{Followers: numbers[i][p], Through: through[p]}
				if n > 0 && authors[i] == last {
					continue // it is written
				}
				if err := set(key(followerCounts, authors[i][:], key32(uint32(p))), appendCount(nil, counts[i][p])); err != nil {
					return err
				}
			}
			last = authors[i]
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}
