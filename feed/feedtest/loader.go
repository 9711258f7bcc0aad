package feedtest

import (
	"iter"
	"reflect"
	"testing"

	"agora/feed"
)

// Loader is a store of the graph that also loads follows.
type Loader interface {
	feed.GraphStore
	feed.FollowLoader
}

// FollowLoader tests a store of the graph that loads follows. open returns an empty one of Shape and sees to its end.
func FollowLoader(t *testing.T, open func(t *testing.T) Loader) {
	for name, test := range map[string]func(*testing.T, Loader){"load": testLoad, "count": testCountFollowers} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// everyone has users follow all users up to another, in memory that is used again.
func everyone(from, to byte, followed byte) iter.Seq2[feed.UserID, []feed.UserID] {
	return func(yield func(feed.UserID, []feed.UserID) bool) {
		list := make([]feed.UserID, followed)
		for n := from; n <= to; n++ {
			for i := range list {
				list[i] = user(followed - byte(i))
			}
			if !yield(user(n), list) {
				return
			}
			clear(list)
		}
	}
}

// since are positions of the two partitions.
func since(first, second int64) feed.Vector {
	return feed.Vector{feed.At(1, first), feed.At(1, second)}
}

func testLoad(t *testing.T, s Loader) {
	left := edge(feed.Follow, 20, 3, false, 5)
	apply(t, s, 1, edge(feed.Follow, 20, 2, true, 4))
	apply(t, s, 0, left)
	apply(t, s, 0, edge(feed.Block, 21, 3, true, 6))
	at := since(90, 80)
	for range 2 { // the second time changes nothing
		mustDo(t, s.LoadFollows(t.Context(), at, everyone(20, 29, 4)))
	}
	mustDo(t, s.LoadFollows(t.Context(), since(99, 99), everyone(15, 24, 5)))
	followers := map[feed.UserID]int{}
	for n := byte(15); n <= 29; n++ {
		rel, err := s.Relations(t.Context(), user(n))
		mustDo(t, err)
		want := map[feed.UserID]feed.Position{}
		for to := byte(1); to <= 5; to++ {
			p := Shape.GraphOf(user(n))
			switch {
			case n == 20 && to == 2:
				want[user(to)] = feed.At(1, 4)
			case n == 20 && to == 3: // whom user 20 has left
			case n >= 20 && to <= 4:
				want[user(to)] = at[p]
			case n <= 24:
				want[user(to)] = feed.At(1, 99)
			}
		}
		got := map[feed.UserID]feed.Position{}
		for _, e := range rel.Follows {
			got[e.To] = e.Since
			followers[e.To]++
		}
		if !reflect.DeepEqual(got, want) || (n == 21) != (len(rel.Blocks) == 1) {
			t.Errorf("user %d follows %v, want %v; blocks %v", n, got, want, rel.Blocks)
		}
	}
	for to := byte(1); to <= 5; to++ {
		var all int
		for p := range Shape.Graph {
			list, err := s.Followers(t.Context(), user(to), p, feed.UserID{}, 100)
			mustDo(t, err)
			for i, follower := range list {
				if Shape.GraphOf(follower) != p || i > 0 && list[i-1].Compare(follower) >= 0 {
					t.Errorf("the followers of user %d in partition %d are %v", to, p, list)
				}
			}
			all += len(list)
		}
		if all != followers[user(to)] {
			t.Errorf("user %d has %d followers, want %d", to, all, followers[user(to)])
		}
	}
	if found, err := s.Edges(t.Context(), left.EdgeKey); err != nil || !reflect.DeepEqual(found, []feed.Edge{left}) {
		t.Errorf("Edges = %v, %v; want %v, as it was", found, err, left)
	}
	if counts, err := s.Counts(t.Context(), user(4)); err != nil || !reflect.DeepEqual(counts[0], make([]feed.Count, Shape.Graph)) {
		t.Errorf("Counts = %v, %v; want those of before", counts, err)
	}
}

func testCountFollowers(t *testing.T, s Loader) {
	mustDo(t, s.LoadFollows(t.Context(), since(50, 50), everyone(20, 29, 4)))
	apply(t, s, 7, edge(feed.Follow, 20, 9, true, 60)) // the count is wrong
	p := Shape.GraphOf(user(20))
	authors := []feed.UserID{user(2), user(9), user(1), user(30), user(9)}
	want := make([][]feed.Count, len(authors))
	for i := range want {
		want[i] = make([]feed.Count, Shape.Graph)
	}
	for n := byte(20); n <= 29; n++ {
		q := Shape.GraphOf(user(n))
		for _, i := range []int{0, 2} {
			want[i][q] = feed.Count{Followers: want[i][q].Followers + 1, Through: feed.At(1, 200)}
		}
	}
	want[1][p] = feed.Count{Followers: 1, Through: feed.At(1, 200)}
	want[4] = want[1]
	for _, offset := range []int64{200, 300} { // the second time all counts are right
		got, err := s.CountFollowers(t.Context(), since(offset, offset), authors...)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("CountFollowers = %v, %v; want %v", got, err, want)
		}
		if stored, err := s.Counts(t.Context(), authors...); err != nil || !reflect.DeepEqual(stored, want) {
			t.Errorf("Counts = %v, %v; want %v", stored, err, want)
		}
	}
}
