package generate

import (
	"context"
	"fmt"
	"slices"

	"agora/feed"
)

// countBatch is how many authors' followers are counted at a time.
const countBatch = 20_000

// social are the stages that fill the feed. It holds 20 bytes for each shopper.
type social struct {
	*run
	graph  Graph
	ids    []feed.UserID // by number; nil until they are needed
	order  []uint32      // the numbers of shoppers by the partition of their follows, so that few rows of a store change in a batch
	placed bool          // this run has added follows
}

func (r *run) social() []stage {
	if r.Feed == nil {
		return nil
	}
	s := &social{run: r, graph: r.Graph()}
	var stages []stage
	if r.Follows > 0 {
		stages = append(stages,
			stage{"follows", r.Plan.Users, s.followBatch(), s.followed, s.follow},
			stage{"followers", r.Plan.Users, countBatch, s.counted, s.count})
	}
	if r.Posts > 0 {
		stages = append(stages, stage{"posts", r.Writings(), postBatch, s.posted, s.write})
	}
	return stages
}

// followBatch is of how many shoppers the follows are added at a time: of about a partition, of some, or of a part of one, so that
// two batches seldom change the same rows of a store.
func (s *social) followBatch() int {
	partitions := s.Feed.Shape.Graph
	batches := 1 + s.Plan.Users*s.Follows/s.Feed.FollowsAtOnce()
	for batches < partitions && partitions%batches != 0 || batches > partitions && batches%partitions != 0 {
		batches++
	}
	return 1 + (s.Plan.Users-1)/batches
}

// source names the follows of the plan.
func (s *social) source() string {
	return fmt.Sprintf("seed-%d.users-%d.follows-%d", s.Seed, s.Plan.Users, s.Follows)
}

// number sets the identifiers and the order of shoppers.
func (s *social) number() {
	if s.ids != nil {
		return
	}
	s.ids, s.order = make([]feed.UserID, s.Plan.Users), make([]uint32, s.Plan.Users)
	for i := range s.ids {
		s.ids[i] = userID(s.UserID(i))
		s.order[i] = uint32(i)
	}
	partitions := make([]uint16, s.Plan.Users)
	for i, id := range s.ids {
		partitions[i] = uint16(s.Feed.Shape.GraphOf(id))
	}
	slices.SortStableFunc(s.order, func(a, b uint32) int { return int(partitions[a]) - int(partitions[b]) })
}

// followed returns how many shoppers follow somebody. A store that was interrupted may have a part of a batch, which is added again.
func (s *social) followed(ctx context.Context) (int, error) {
	if done, err := s.imported(ctx); done || err != nil {
		return s.Plan.Users, err
	}
	s.number()
	n, err := known(s.Plan.Users, func(i int) (bool, error) { return s.follows(ctx, int(s.order[i])) })
	if err != nil || n == 0 {
		return n, err
	}
	return n, s.follow(ctx, max(0, n-s.followBatch()), n)
}

// imported reports whether all follows of the plan are there and counted. A graph that was deleted has none of them.
func (s *social) imported(ctx context.Context) (bool, error) {
	done, err := s.Feed.Imported(ctx, s.source())
	if err != nil || !done || s.placed {
		return false, err
	}
	return s.follows(ctx, 0)
}

// follows reports whether the first follow of a shopper is there.
func (s *social) follows(ctx context.Context, number int) (bool, error) {
	first := s.graph.Followed(number)[0]
	key := feed.EdgeKey{Kind: feed.Follow, From: userID(s.UserID(number)), To: userID(s.UserID(first))}
	edges, err := s.Feed.Graph.Edges(ctx, key)
	return len(edges) > 0, err
}

func (s *social) follow(ctx context.Context, from, to int) error {
	s.number()
	s.placed = true
	var followed []feed.UserID
	return s.Feed.AddFollows(ctx, func(yield func(feed.UserID, []feed.UserID) bool) {
		for _, number := range s.order[from:to] {
			followed = followed[:0]
			for _, n := range s.graph.Followed(int(number)) {
				followed = append(followed, s.ids[n])
			}
			if !yield(s.ids[number], followed) {
				return
			}
		}
	})
}

// counted returns how many authors' followers were counted: all or none.
func (s *social) counted(ctx context.Context) (int, error) {
	if done, err := s.imported(ctx); !done {
		return 0, err
	}
	return s.Plan.Users, nil
}

func (s *social) count(ctx context.Context, from, to int) error {
	s.number()
	if err := s.Feed.CountFollowers(ctx, s.ids[from:to]...); err != nil || to < s.Plan.Users {
		return err
	}
	return s.Feed.SetImported(ctx, s.source())
}

// posted returns how many posts are there. The store of posts may lack some that are in the log, which the import adds.
func (s *social) posted(ctx context.Context) (int, error) {
	n, err := known(s.Writings(), func(i int) (bool, error) {
		posts, err := s.Feed.Posts.Get(ctx, postID(s.PostID(i)))
		return len(posts) > 0, err
	})
	if n < s.Writings() {
		n -= n % postBatch
	}
	return n, err
}

func (s *social) write(ctx context.Context, from, to int) error {
	posts := make([]feed.Post, 0, to-from)
	for i := from; i < to; i++ {
		p := s.post(i)
		p.ID, p.Author = postID(s.PostID(i)), userID(s.UserID(s.PostAuthor(i)))
		posts = append(posts, p)
	}
	return s.Feed.AddPosts(ctx, posts...)
}
