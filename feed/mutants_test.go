package feed

import (
	"context"
	"os"
	"slices"
	"testing"
)

// mutants are rules of the feed, each broken. The simulation has to find every one of them in twice as many schedules as
// are written beside; how many it takes differs when the simulation changes. Two rules are missing, because
// random schedules reach the harm of breaking them about once in ten thousand: a base is merged under its fence, which
// package feedtest checks on every engine, and modes change before the row moves, which run_modes_test.go checks.
var mutants = []struct {
	name  string
	seeds uint64
}{
	{"the timeline is read before the tail is pinned, and believed", 100},
	{"the graph is read before the tail is pinned", 20},
	{"a row is set, not compared", 150},
	{"merges are not counted", 6000},
	{"operands without a base are a timeline", 20},
	{"an operand replaces the timeline", 20},
	{"a follow is covered at once", 68},
	{"a trim leaves no floor", 20},
	{"a backfill has no floor", 20},
	{"all epochs of timelines share their keys", 50},
	{"a store ahead of the tail is believed", 50},
	{"timelines behind the tail are believed", 400},
	{"replies do not wait", 20},
	{"an insert revives", 20},
	{"the builder inserts nothing", 20},
	{"records are counted, not changes", 20},
	{"a restored log has the same epoch", 50},
	{"only the last epoch of the log is known", 200},
	{"deletions that the log has lost are not found", 100},
	{"posts that leave the tail are not added to lists", 200},
	{"posts that the tail lacks are not pulled", 100},
	{"relations are cached, and the store is not asked", 100},
	{"only changed edges are backfilled", 5000},
	{"pull intervals have no identifiers", 50},
}

func TestTheSimulationFindsEachBrokenRule(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			most := 2 * m.seeds
			if m.seeds > 200 && os.Getenv("STRESS") == "" || m.seeds > 50 && testing.Short() {
				t.Skip("takes many schedules: STRESS=1 runs it")
			}
			if os.Getenv("FEED_SEEDS") != "" {
				most = seeds(0)
			}
			for seed := range most {
				if problem := newWorld(t, seed, m.name).run(); problem != "" {
					t.Logf("found after %d schedules: %s", seed+1, problem)
					return
				}
			}
			t.Errorf("not found by %d schedules", most)
		})
	}
}

// changeRead is what mutants change of a read.
func (s *simPorts) changeRead(user UserID, partition int, row Row, timeline *Timeline, before PostID, limit int) Row {
	w := s.actor.world
	if s.tail == nil || w.timelines.head.Epoch == 0 {
		return row
	}
	reach := s.tail.Reach()
	switch w.mutant {
	case "the timeline is read before the tail is pinned, and believed":
		row, *timeline = s.early.row, s.early.timeline.Below(before, limit)
		row.Posts = upper(row.Posts, s.tail.generations[len(s.tail.generations)-1].dropped.Posts)
	case "operands without a base are a timeline":
		timeline.Base = timeline.Base || len(timeline.Entries) > 0
	case "a follow is covered at once":
		row.Graph = max(row.Graph, reach.Graph[partition])
	case "a trim leaves no floor":
		timeline.Floor = PostID{}
	case "all epochs of timelines share their keys":
		*timeline = w.timelines.timelines[timelineKey{1, user}].Below(before, limit)
	case "a store ahead of the tail is believed":
		row.Graph = min(row.Graph, reach.Graph[partition])
	case "timelines behind the tail are believed":
		row.Posts = upper(row.Posts, s.tail.generations[len(s.tail.generations)-1].dropped.Posts)
	}
	return row
}

// changeMerge is what mutants change of a merge.
func (s *simPorts) changeMerge(ctx context.Context, fence Fence, o Operand) error {
	m := s.actor.world.timelines
	if !o.Base && s.actor.world.drops && !m.timelines[timelineKey{fence.Epoch, o.User}].Base && !s.mutant("operands without a base are a timeline") {
		return m.Merge(ctx, fence, nil)
	}
	switch s.actor.world.mutant {
	case "an operand replaces the timeline":
		if !o.Base {
			m.timelines[timelineKey{fence.Epoch, o.User}] = Timeline{Base: m.timelines[timelineKey{fence.Epoch, o.User}].Base}
		}
	case "only changed edges are backfilled":
		o.Entries = slices.DeleteFunc(o.Entries, func(e Entry) bool {
			since, ok := s.known[EdgeKey{Follow, o.User, e.Author}]
			return !o.Base && ok && since >= fence.Row.Graph && fence.Row.Posts.Covers(m.partition(e), e.At)
		})
	case "a backfill has no floor":
		o.Floor = PostID{}
	case "all epochs of timelines share their keys":
		if o.Base && !m.current(fence) {
			return ErrStale()
		}
		key := timelineKey{1, o.User}
		m.timelines[key] = m.timelines[key].Merge(o.Timeline, m.trim)
		if m.current(fence) {
			m.merges[fence.Partition]++
		}
		return nil
	}
	return m.Merge(ctx, fence, []Operand{o})
}

func (m *MemoryTimelines) partition(e Entry) int {
	return Shape{Posts: simPartitions, Graph: simPartitions}.PostsOf(e.Author)
}

// changeAdvance is what mutants change of an advance.
func (s *simPorts) changeAdvance(ctx context.Context, fence Fence, to Row) error {
	m := s.actor.world.timelines
	if s.mutant("merges are not counted") {
		fence.Merges = AnyMerges
	}
	if s.mutant("a row is set, not compared") && m.head.Epoch != 0 {
		m.head.Rows = slices.Clone(m.head.Rows)
		m.head.Rows[fence.Partition] = to
		m.merges[fence.Partition] = 0
		return nil
	}
	return m.Advance(ctx, fence, to)
}
