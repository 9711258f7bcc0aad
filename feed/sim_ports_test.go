package feed

import (
	"context"
	"slices"
	"time"

	"agora/pattern/eventlog"
)

// simLog is the log as an actor has it.
type simLog struct {
	eventlog.Log
	actor *actor
}

func (l simLog) Append(ctx context.Context, topic string, records ...eventlog.Record) ([]eventlog.Position, error) {
	at := make([]eventlog.Position, len(records))
	for i, r := range records {
		var err error
		if at[i], err = l.one(ctx, topic, r); err != nil {
			return nil, err
		}
	}
	return at, nil
}

func (l simLog) one(ctx context.Context, topic string, r eventlog.Record) (eventlog.Position, error) {
	w := l.actor.world
	return call(l.actor, func() (eventlog.Position, error) {
		at, err := w.log.Append(ctx, topic, r)
		if err != nil {
			return eventlog.Position{}, err
		}
		rec, err := Decode(w.epoch, eventlog.Message{Record: r, Partition: at[0].Partition, Offset: at[0].Offset})
		if err != nil {
			return eventlog.Position{}, err
		}
		list := &w.history.posts[at[0].Partition]
		if topic == GraphTopic {
			list = &w.history.graph[at[0].Partition]
		}
		*list = append(*list, rec)
		w.note("server %d appends %s at %d/%d: %x %x %d %s", l.actor.on.number, r.Kind, at[0].Partition, at[0].Offset, rec.Actor[15], rec.To[15], rec.Number, r.ID)
		return at[0], nil
	})
}

func (l simLog) Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]eventlog.Message, error) {
	return call(l.actor, func() ([]eventlog.Message, error) {
		return l.actor.world.log.Read(ctx, topic, partition, offset, limit)
	})
}

func (l simLog) Ends(ctx context.Context, topic string) ([]eventlog.Bounds, error) {
	return call(l.actor, func() ([]eventlog.Bounds, error) { return l.actor.world.log.Ends(ctx, topic) })
}

// simPorts are the stores as an actor has them. Mutants change what they do, so that no rule of this package has a
// switch.
type simPorts struct {
	actor      *actor
	building   bool
	tail       *Tail
	early      *earlyRead
	earlyGraph *Relations
	known      map[EdgeKey]Position // edges that were on when the builder folded the graph
}

type earlyRead struct {
	row      Row
	timeline Timeline
}

func (s *simPorts) mutant(name string) bool { return s.actor.world.mutant == name }

type simPosts struct{ *simPorts }

func (s simPosts) Insert(ctx context.Context, posts ...Post) error {
	return callErr(s.actor, func() error {
		if s.building && s.mutant("the builder inserts nothing") {
			return nil
		}
		if s.mutant("an insert revives") {
			for _, p := range posts {
				if known, ok := s.actor.world.posts.posts[p.ID]; ok && known.Deleted != 0 {
					known.Deleted = 0
					s.actor.world.posts.posts[p.ID] = known
				}
			}
		}
		return s.actor.world.posts.Insert(ctx, posts...)
	})
}

func (s simPosts) Delete(ctx context.Context, posts ...Deletion) error {
	return callErr(s.actor, func() error { return s.actor.world.posts.Delete(ctx, posts...) })
}

func (s simPosts) Get(ctx context.Context, ids ...PostID) ([]Post, error) {
	if s.building && s.mutant("deletions that the log has lost are not found") {
		return nil, nil
	}
	return call(s.actor, func() ([]Post, error) { return s.actor.world.posts.Get(ctx, ids...) })
}

func (s simPosts) ByAuthor(ctx context.Context, ranges ...AuthorRange) ([][]Entry, error) {
	return call(s.actor, func() ([][]Entry, error) { return s.actor.world.posts.ByAuthor(ctx, ranges...) })
}

func (s simPosts) Changes(ctx context.Context, ranges ...ChangeRange) ([][]Change, error) {
	return call(s.actor, func() ([][]Change, error) { return s.actor.world.posts.Changes(ctx, ranges...) })
}

func (s simPosts) Claim(ctx context.Context, c Claim) (PostID, error) {
	return call(s.actor, func() (PostID, error) { return s.actor.world.posts.Claim(ctx, c) })
}

type simGraph struct{ *simPorts }

func (s simGraph) Relations(ctx context.Context, user UserID) (Relations, error) {
	return call(s.actor, func() (Relations, error) {
		rel, err := s.actor.world.graph.Relations(ctx, user)
		if s.mutant("a store ahead of the tail is believed") && !s.building {
			rel.Applied = nil
		}
		if s.earlyGraph != nil {
			rel = *s.earlyGraph
		}
		return rel, err
	})
}

func (s simGraph) Applied(ctx context.Context, user UserID) (Vector, error) {
	return call(s.actor, func() (Vector, error) {
		if s.mutant("relations are cached, and the store is not asked") && s.tail.related[user] != nil {
			return s.tail.related[user].applied, nil
		}
		if s.mutant("a store ahead of the tail is believed") {
			return nil, nil
		}
		return s.actor.world.graph.Applied(ctx, user)
	})
}

func (s simGraph) Edges(ctx context.Context, keys ...EdgeKey) ([]Edge, error) {
	return call(s.actor, func() ([]Edge, error) {
		found, err := s.actor.world.graph.Edges(ctx, keys...)
		s.known = map[EdgeKey]Position{}
		for _, e := range found {
			if e.On {
				s.known[e.EdgeKey] = e.Since
			}
		}
		if s.mutant("records are counted, not changes") {
			found = nil
		}
		return found, err
	})
}

func (s simGraph) Apply(ctx context.Context, c GraphChanges) error {
	return callErr(s.actor, func() error { return s.actor.world.graph.Apply(ctx, c) })
}

func (s simGraph) Followers(ctx context.Context, user UserID, partition int, from UserID, limit int) ([]UserID, error) {
	return call(s.actor, func() ([]UserID, error) { return s.actor.world.graph.Followers(ctx, user, partition, from, limit) })
}

func (s simGraph) FollowersOf(ctx context.Context, partitions []int, limit int, authors ...UserID) ([][][]UserID, error) {
	return call(s.actor, func() ([][][]UserID, error) {
		return s.actor.world.graph.FollowersOf(ctx, partitions, limit, authors...)
	})
}

func (s simGraph) Counts(ctx context.Context, users ...UserID) ([][]Count, error) {
	return call(s.actor, func() ([][]Count, error) { return s.actor.world.graph.Counts(ctx, users...) })
}

func (s simGraph) Reach(ctx context.Context, partition int) (row Row, ok bool, err error) {
	row, err = call(s.actor, func() (r Row, err error) {
		r, ok, err = s.actor.world.graph.Reach(ctx, partition)
		return r, err
	})
	return row, ok, err
}

func (s simGraph) PutModes(ctx context.Context, modes ...Modes) error {
	if s.mutant("pull intervals have no identifiers") {
		modes = slices.Clone(modes)
		for i := range modes {
			modes[i].Changes = slices.Clone(modes[i].Changes)
			for j := range modes[i].Changes {
				modes[i].Changes[j].Least, modes[i].Changes[j].Greatest = PostID{}, PostID{}
			}
		}
	}
	return callErr(s.actor, func() error { return s.actor.world.graph.PutModes(ctx, modes...) })
}

func (s simGraph) Modes(ctx context.Context, authors ...UserID) ([]Modes, error) {
	return call(s.actor, func() ([]Modes, error) { return s.actor.world.graph.Modes(ctx, authors...) })
}

func (s simGraph) PutStart(ctx context.Context, start LogStart) error {
	return callErr(s.actor, func() error { return s.actor.world.graph.PutStart(ctx, start) })
}

func (s simGraph) Starts(ctx context.Context) ([]LogStart, error) {
	return call(s.actor, func() ([]LogStart, error) { return s.actor.world.graph.Starts(ctx) })
}

func (s simGraph) Idle(ctx context.Context, partition int, before time.Time, limit int) ([]UserID, error) {
	return call(s.actor, func() ([]UserID, error) { return s.actor.world.graph.Idle(ctx, partition, before, limit) })
}

func (s simGraph) Forget(ctx context.Context, before time.Time, users ...UserID) error {
	return callErr(s.actor, func() error { return s.actor.world.graph.Forget(ctx, before, users...) })
}

type simTimelines struct{ *simPorts }

func (s simTimelines) Head(ctx context.Context) (Head, bool, error) {
	return call3(ctx, s.actor, s.actor.world.timelines.Head)
}

func (s simTimelines) Begin(ctx context.Context, was uint64, head Head) error {
	return callErr(s.actor, func() error { return s.actor.world.timelines.Begin(ctx, was, head) })
}

func (s simTimelines) Read(ctx context.Context, user UserID, partition int, before PostID, limit int) (row Row, timeline Timeline, err error) {
	row, err = call(s.actor, func() (r Row, err error) {
		r, timeline, err = s.actor.world.timelines.Read(ctx, user, partition, before, limit)
		return s.changeRead(user, partition, r, &timeline, before, limit), err
	})
	return row, timeline, err
}

func (s simTimelines) Merge(ctx context.Context, fence Fence, operands []Operand) error {
	return callErr(s.actor, func() error { return s.changeMerge(ctx, fence, operands[0]) })
}

func (s simTimelines) Advance(ctx context.Context, fence Fence, to Row) error {
	return callErr(s.actor, func() error { return s.changeAdvance(ctx, fence, to) })
}

func (s simTimelines) Drop(ctx context.Context, epoch uint64, users ...UserID) error {
	return callErr(s.actor, func() error { return s.actor.world.timelines.Drop(ctx, epoch, users...) })
}
