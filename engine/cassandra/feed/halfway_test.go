package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/engine/cassandra"
	"agora/fault"
	"agora/feed"
	"agora/feed/feedtest"
	"agora/pattern/eventlog"
)

// halfway is a Graph whose Apply may stop between any two writes, and may go on later, like a leader that hangs.
type halfway struct {
	*Graph
	random *rand.Rand
	stops  bool
	late   stage // what an Apply that stopped has left, in its order
}

func (h *halfway) Apply(ctx context.Context, c feed.GraphChanges) error {
	var writes stage
	for _, s := range h.stages(c) {
		slices.SortFunc(s, func(a, b []cassandra.Statement) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		h.random.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		writes = append(writes, s...)
	}
	done := len(writes)
	if h.stops {
		done = h.random.IntN(len(writes) + 1)
	}
	for _, w := range writes[:done] {
		if err := h.keyspace.Write(ctx, w...); err != nil {
			return err
		}
	}
	if h.stops {
		h.late = writes[done:]
		return fault.New(fault.Unavailable, "stopped", "the leader has lost its connection")
	}
	return nil
}

// goOn makes a leader that hung write a part of what it has left, or lets it die.
func (h *halfway) goOn(t *testing.T) {
	t.Helper()
	if h.random.IntN(4) == 0 {
		h.late = nil
	}
	n := h.random.IntN(len(h.late) + 1)
	for _, w := range h.late[:n] {
		mustDo(t, h.keyspace.Write(t.Context(), w...))
	}
	h.late = h.late[n:]
}

// halfwayWorld is a log of edges, and a builder that takes it into the graph.
type halfwayWorld struct {
	graph   *halfway
	log     eventlog.Log
	builder *feed.Builder
	users   []feed.UserID
	records map[int][]feed.Record // by partition of the graph
}

var halfwayShape = feed.Shape{Posts: 1, Graph: 2}

// TestAnApplyThatStopsIsRepeated stops an Apply anywhere, repeats it with other bounds, and lets the first one go on later. At every
// moment the relations of a user are what the log says up to the positions that are applied; at the end all is as if nothing had stopped.
func TestAnApplyThatStopsIsRepeated(t *testing.T) {
	worlds := 8
	if os.Getenv("STRESS") != "" {
		worlds = 400
	}
	for range worlds {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		w := newHalfwayWorld(t, random)
		for range 15 {
			w.append(t, 1+random.IntN(12))
			w.graph.stops = random.IntN(2) == 0
			w.run(t, 1+random.IntN(12))
			w.wantRelations(t)
			w.graph.goOn(t)
			w.wantRelations(t)
		}
		w.graph.stops = false
		w.run(t, 1000)
		w.wantWhole(t)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func newHalfwayWorld(t *testing.T, random *rand.Rand) *halfwayWorld {
	w := &halfwayWorld{graph: &halfway{Graph: openGraph(t, halfwayShape), random: random}, log: eventlog.NewMemory(), records: map[int][]feed.Record{}}
	mustDo(t, w.log.Create(t.Context(), feed.PostsTopic, halfwayShape.Posts))
	mustDo(t, w.log.Create(t.Context(), feed.GraphTopic, halfwayShape.Graph))
	for n := range byte(4) {
		w.users = append(w.users, id(7, n))
	}
	trim := feed.Trim{Above: 10, Keep: 8}
	w.builder = &feed.Builder{
		Shape: halfwayShape, Epoch: 1, Log: w.log, Posts: feed.NewMemoryPosts(), Graph: w.graph, Timelines: feed.NewMemoryTimelines(trim),
		Strategy: feed.Push, Trim: trim, Operands: 1000, CacheBytes: 1 << 20,
	}
	return w
}

// append adds records to the log that turn random edges on or off.
func (w *halfwayWorld) append(t *testing.T, n int) {
	t.Helper()
	random := w.graph.random
	kinds := []string{"user.followed", "user.unfollowed", "user.blocked", "user.unblocked", "user.muted", "user.unmuted"}
	for range n {
		from, to := w.users[random.IntN(len(w.users))], w.users[random.IntN(len(w.users))]
		r := eventlog.Record{
			ID: fmt.Sprint(random.Uint64()), Kind: kinds[random.IntN(len(kinds))], Key: from.String(),
			Value: []byte(fmt.Sprintf(`{"to":%q}`, to)), At: time.Now(),
		}
		if from == to {
			continue
		}
		_, err := w.log.Append(t.Context(), feed.GraphTopic, r)
		mustDo(t, err)
	}
	for p := range halfwayShape.Graph {
		messages, err := w.log.Read(t.Context(), feed.GraphTopic, p, 0, 10_000)
		mustDo(t, err)
		w.records[p] = nil
		for _, m := range messages {
			r, err := feed.Decode(1, m)
			mustDo(t, err)
			w.records[p] = append(w.records[p], r)
		}
	}
}

// run takes some records of each partition into the graph, with a leader that is new.
func (w *halfwayWorld) run(t *testing.T, records int) {
	t.Helper()
	w.builder.Records = records
	for p := range halfwayShape.Graph {
		lead, err := w.builder.Claim(t.Context(), p)
		mustDo(t, err)
		if _, err := w.builder.Run(t.Context(), lead); err != nil && fault.CodeOf(err) != "stopped" {
			t.Fatal(err)
		}
	}
}

// edges folds the records before some positions, by partition.
func (w *halfwayWorld) edges(before feed.Vector) map[feed.EdgeKey]feed.Edge {
	edges := map[feed.EdgeKey]feed.Edge{}
	for p, records := range w.records {
		for _, r := range records {
			key, on, _ := r.Edge()
			if r.At < before[p] && edges[key].On != on {
				edges[key] = feed.Edge{EdgeKey: key, On: on, Since: r.At}
			}
		}
	}
	return edges
}

// wantRelations checks that the relations of each user are those of the log before the positions that are applied.
func (w *halfwayWorld) wantRelations(t *testing.T) {
	t.Helper()
	for _, user := range w.users {
		got, err := w.graph.Relations(t.Context(), user)
		mustDo(t, err)
		applied, err := w.graph.Applied(t.Context(), user)
		mustDo(t, err)
		want := feed.Relations{Applied: applied}
		for key, e := range w.edges(applied) {
			switch {
			case !e.On:
			case key.From == user && key.Kind == feed.Follow:
				want.Follows = append(want.Follows, e)
			case key.From == user && key.Kind == feed.Mute:
				want.Mutes = append(want.Mutes, e)
			case key.From == user, key.To == user && key.Kind == feed.Block:
				want.Blocks = append(want.Blocks, e)
			}
		}
		if got, want := fmt.Sprint(feedtest.Sorted(got)), fmt.Sprint(feedtest.Sorted(want)); got != want {
			t.Errorf("the relations of %v are %s, and those of the log up to there are %s", user[15], got, want)
		}
	}
}

// wantWhole checks that the graph has all of the log.
func (w *halfwayWorld) wantWhole(t *testing.T) {
	t.Helper()
	w.wantRelations(t)
	edges := w.edges(feed.Vector{feed.At(2, 0), feed.At(2, 0)})
	followers := map[feed.UserID][]feed.UserID{}
	for key, e := range edges {
		found, err := w.graph.Edges(t.Context(), key)
		mustDo(t, err)
		if len(found) != 1 || found[0] != e {
			t.Errorf("Edges = %v, the log says %v", found, e)
		}
		if key.Kind == feed.Follow && e.On {
			followers[key.To] = append(followers[key.To], key.From)
		}
	}
	for _, user := range w.users {
		var got []feed.UserID
		for p := range halfwayShape.Graph {
			some, err := w.graph.Followers(t.Context(), user, p, feed.UserID{}, 100)
			mustDo(t, err)
			got = append(got, some...)
		}
		slices.SortFunc(got, feed.UserID.Compare)
		slices.SortFunc(followers[user], feed.UserID.Compare)
		if !slices.Equal(got, followers[user]) {
			t.Errorf("the followers of %v are %v, the log says %v", user[15], got, followers[user])
		}
		counts, err := w.graph.Counts(t.Context(), user)
		mustDo(t, err)
		var count int64
		for _, c := range counts[0] {
			count += c.Followers
		}
		if count != int64(len(got)) {
			t.Errorf("user %v has %d followers, and is counted %d", user[15], len(got), count)
		}
	}
}
