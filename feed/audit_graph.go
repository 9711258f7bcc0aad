package feed

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"agora/pattern/audit"
)

// auditPage is how many followers, posts or edges an audit reads at a time.
const auditPage = 500

// edgeSums are the number of edges of each partition, and the sum of their hashes: two sets of edges with equal sums are the
// same, without one of them in memory.
type edgeSums struct {
	seed   maphash.Seed
	number []int64
	sum    []uint64
}

func newEdgeSums(seed maphash.Seed, partitions int) *edgeSums {
	return &edgeSums{seed: seed, number: make([]int64, partitions), sum: make([]uint64, partitions)}
}

func (s *edgeSums) add(partition int, from, to UserID) {
	s.number[partition]++
	s.sum[partition] += maphash.Bytes(s.seed, append(from[:], to[:]...))
}

func (s *edgeSums) equals(other *edgeSums, partition int) bool {
	return s.number[partition] == other.number[partition] && s.sum[partition] == other.sum[partition]
}

// graph compares both ends of all edges, the counts with the lists, and the modes with the counts.
func (r *auditing) graph(ctx context.Context) error {
	counts := r.report.Begin("counts", "the count of followers is the number of followers in the list")
	edges := r.report.Begin("edges", "who follows or blocks a user is in the user's list, and the other way round")
	modes := r.report.Begin("modes", "authors at the threshold are pulled, and authors below it are pushed; after a change of strategy or threshold, from their next post on")
	_, scans := r.Graph.(UserScan)
	if !scans {
		edges.Skip("this store of follows cannot list all users")
	}
	seed := maphash.MakeSeed()
	following, followed := newEdgeSums(seed, r.Shape.Graph), newEdgeSums(seed, r.Shape.Graph)
	blocking, blocked := newEdgeSums(seed, r.Shape.Graph), newEdgeSums(seed, r.Shape.Graph)
	err := r.eachUser(ctx, func(user UserID) error {
		r.sample.add(user)
		followers, err := r.followersOf(ctx, counts, user, followed)
		if err != nil {
			return err
		}
		if m := r.modes[user]; r.Strategy == Hybrid {
			modes.Compared++
			if m.due(followers, r.threshold) {
				modes.Differ("%s has %d followers, and %d changes of mode", user, followers, len(m.Changes))
			}
		}
		rel, err := r.Graph.Relations(ctx, user)
		if err != nil {
			return err
		}
		for _, e := range rel.Follows {
			following.add(r.Shape.GraphOf(user), user, e.To)
		}
		for _, e := range rel.Blocks {
			if e.From == user {
				blocking.add(r.Shape.GraphOf(e.From), e.From, e.To)
			} else {
				blocked.add(r.Shape.GraphOf(e.From), e.From, e.To)
			}
		}
		return nil
	})
	if err != nil || !scans {
		return err
	}
	for p := range r.Shape.Graph {
		edges.Compared += following.number[p] + blocking.number[p]
		if !blocking.equals(blocked, p) {
			edges.Differ("in partition %d users block %d times, and are blocked %d times, or others", p, blocking.number[p], blocked.number[p])
		}
		if following.equals(followed, p) {
			continue
		}
		before := edges.Differences
		if err := r.findOneSided(ctx, edges, p); err != nil {
			return err
		}
		if edges.Differences == before {
			edges.Differ("in partition %d users follow %d times, and have %d followers, or others", p, following.number[p], followed.number[p])
		}
	}
	return nil
}

// followersOf walks the list of a user's followers, compares it with the counts, and returns its length.
func (r *auditing) followersOf(ctx context.Context, check *audit.Check, user UserID, sums *edgeSums) (all int64, err error) {
	counts, err := r.Graph.Counts(ctx, user)
	if err != nil {
		return 0, err
	}
	for p := range r.Shape.Graph {
		var number int64
		err := r.eachFollower(ctx, user, p, func(follower UserID) error {
			number++
			sums.add(p, follower, user)
			if r.Shape.GraphOf(follower) != p {
				check.Differ("%s is in partition %d of the followers of %s", follower, p, user)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		check.Compared++
		if said := counts[0][p].Followers; said != number {
			check.Differ("%s has %d followers in partition %d, and is said to have %d", user, number, p, said)
		}
		all += number
	}
	return all, nil
}

// eachFollower calls visit for the followers of a user in a partition.
func (r *auditing) eachFollower(ctx context.Context, user UserID, partition int, visit func(UserID) error) error {
	var from UserID
	for {
		followers, err := r.Graph.Followers(ctx, user, partition, from, auditPage)
		if err != nil {
			return err
		}
		for _, follower := range followers {
			if err := visit(follower); err != nil {
				return err
			}
		}
		if len(followers) < auditPage {
			return nil
		}
		from = followers[len(followers)-1].Next()
	}
}

var errEnough = errors.New("enough differences are found")

// findOneSided describes the first follows of a partition that only one of both users has.
func (r *auditing) findOneSided(ctx context.Context, check *audit.Check, partition int) error {
	const enough = 5
	found := 0
	differ := func(format string, args ...any) error {
		check.Differ(format, args...)
		if found++; found == enough {
			return errEnough
		}
		return nil
	}
	err := r.eachUser(ctx, func(user UserID) error {
		err := r.eachFollower(ctx, user, partition, func(follower UserID) error {
			edges, err := r.Graph.Edges(ctx, EdgeKey{Follow, follower, user})
			if err == nil && (len(edges) == 0 || !edges[0].On) {
				err = differ("%s is in the list of followers of %s, and does not follow", follower, user)
			}
			return err
		})
		if err != nil || r.Shape.GraphOf(user) != partition {
			return err
		}
		rel, err := r.Graph.Relations(ctx, user)
		if err != nil {
			return err
		}
		for _, e := range rel.Follows {
			list, err := r.Graph.Followers(ctx, e.To, partition, user, 1)
			if err == nil && !slices.Contains(list, user) {
				err = differ("%s follows %s, and is not in the list of followers", user, e.To)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
