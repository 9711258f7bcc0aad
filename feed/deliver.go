package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// The memory of deliveries, which a Builder uses again in each run.
const (
	groupDeliveries = 8 << 20 // after so many, timelines are merged: 32 MB
	callEntries     = 1 << 16 // about how many entries one call of Merge gets
)

// fresh is a post of the run that is pushed.
type fresh struct {
	entry     Entry
	partition int
	appended  time.Time
}

// freshPosts returns the posts of the run that are pushed, newest first, each of them once. Entries that are distributed in
// this order need no sorting in any timeline.
func (r *run) freshPosts() []fresh {
	var posts []fresh
	for _, rec := range r.records {
		if rec.Kind == kindPosted && r.pushes(rec.Actor, rec.At) {
			posts = append(posts, fresh{rec.Post.Entry(), rec.Partition, rec.Appended})
		}
	}
	slices.SortStableFunc(posts, func(a, b fresh) int { return b.entry.Post.Compare(a.entry.Post) })
	return slices.CompactFunc(posts, func(a, b fresh) bool { return a.entry.Post == b.entry.Post })
}

// spread is the memory in which deliveries are sorted by follower. It is a counting sort (Knuth, TAOCP 3, 5.2): followers are
// numbered, and a partition has so few that the counters stay in the processor's cache.
type spread struct {
	lists    [][]byte // for each post its followers
	ends     []uint32 // for each follower the end of the posts that the follower gets
	posts    []uint32 // numbers of posts, by follower
	entries  []Entry
	operands []Operand
}

// deliver merges the posts of the run into the timelines of their authors' followers.
func (r *run) deliver(ctx context.Context, l *Lead) error {
	for rest := r.fresh; len(rest) > 0; {
		s := &r.spread
		s.lists = s.lists[:0]
		deliveries, n := 0, 0
		for ; n < len(rest) && deliveries < groupDeliveries; n++ {
			p := rest[n]
			var list followers
			if !l.fence.Row.Posts.Covers(p.partition, p.entry.At) {
				var err error
				if list, err = r.followers(ctx, l, p.entry.Author); err != nil {
					return fmt.Errorf("expand followers: %w", err)
				}
				r.noteLarge(p.entry.Author, list.number)
			}
			s.lists = append(s.lists, list.packed)
			deliveries += list.number
		}
		if err := r.mergeGroup(ctx, l, rest[:n], deliveries); err != nil {
			return err
		}
		r.stats.Deliveries += deliveries
		rest = rest[n:]
	}
	return nil
}

// mergeGroup merges posts whose followers are in r.spread.
func (r *run) mergeGroup(ctx context.Context, l *Lead, posts []fresh, deliveries int) error {
	if deliveries == 0 {
		return nil
	}
	s, users := &r.spread, &l.audience
	s.sort(len(users.ids), deliveries)
	s.entries, s.operands = s.entries[:0], s.operands[:0]
	for _, n := range users.sorted() {
		var begin uint32
		if n > 0 {
			begin = s.ends[n-1]
		}
		own := s.posts[begin:s.ends[n]]
		if len(own) == 0 {
			continue
		}
		first := len(s.entries)
		for _, i := range own {
			s.entries = append(s.entries, posts[i].entry)
		}
		s.operands = append(s.operands, Operand{User: users.ids[n], Timeline: Timeline{Entries: s.entries[first:len(s.entries):len(s.entries)]}})
		if len(s.operands) == r.Operands || len(s.entries) >= callEntries {
			if err := r.merge(ctx, l, s.operands); err != nil {
				return err
			}
			s.entries, s.operands = s.entries[:0], s.operands[:0]
		}
	}
	return r.merge(ctx, l, s.operands)
}

// sort brings the numbers of posts into the order of followers; those of one follower keep theirs.
func (s *spread) sort(followers, deliveries int) {
	s.ends = slices.Grow(s.ends[:0], followers)[:followers]
	clear(s.ends)
	for _, list := range s.lists {
		for n := uint32(0); len(list) > 0; {
			n, list = nextFollower(n, list)
			s.ends[n]++
		}
	}
	var sum uint32
	for n, count := range s.ends {
		s.ends[n] = sum // the begin, which moves to the end
		sum += count
	}
	s.posts = slices.Grow(s.posts[:0], deliveries)[:deliveries]
	for i, list := range s.lists {
		for n := uint32(0); len(list) > 0; {
			n, list = nextFollower(n, list)
			s.posts[s.ends[n]] = uint32(i)
			s.ends[n]++
		}
	}
}

// nextFollower returns the first number of a packed list after the number before it, and the rest of the list.
func nextFollower(before uint32, list []byte) (uint32, []byte) {
	if list[0] < 0x80 {
		return before + uint32(list[0]), list[1:]
	}
	delta, size := binary.Uvarint(list)
	return before + uint32(delta), list[size:]
}

// merge merges operands into timelines of the lead.
func (r *run) merge(ctx context.Context, l *Lead, operands []Operand) error {
	for some := range slices.Chunk(operands, r.Operands) {
		if err := r.Timelines.Merge(ctx, l.fence, some); err != nil {
			return fmt.Errorf("merge timelines: %w", err)
		}
		l.fence.Merges++
	}
	return nil
}
