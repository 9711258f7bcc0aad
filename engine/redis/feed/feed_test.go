package feed

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"agora/engine/redis/redistest"
	"agora/fault"
	"agora/feed"
	"agora/pattern/eventlog"
)

// TestPagesAreRightWhateverRedisLoses runs a whole feed whose timelines are in a Redis that loses keys, also in the middle of
// runs, and compares each walk through a feed with a naive model.
func TestPagesAreRightWhateverRedisLoses(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		w := openWorld(t, form, seed)
		for range 200 {
			w.step()
		}
		for range 2 { // the second run finds nothing lost
			w.run()
			w.readAll()
		}
		if w.based == 0 || w.failed == 0 || w.moved == 0 {
			t.Errorf("%d pages came from timelines, %d runs failed, and %d moved rows: all have to happen", w.based, w.failed, w.moved)
		}
	})
}

var worldShape = feed.Shape{Posts: 2, Graph: 2}

// world is a feed with one server, and what should be in it.
type world struct {
	t      *testing.T
	random *rand.Rand
	redis  *redistest.Server
	backup int64 // the size of Redis's file at its last restart

	store   *losing
	builder *feed.Builder
	service *feed.Service
	reader  *feed.Reader
	tail    *feed.Tail
	leads   map[int]*feed.Lead

	users   []feed.UserID
	posts   []feed.Post // that are not deleted
	follows map[[2]feed.UserID]bool

	based, failed, moved int
}

// losing are timelines of which something gets lost before a later call of a run.
type losing struct {
	*Timelines
	calls int
	lose  func() // nil for nothing
}

func (l *losing) step() {
	if l.calls--; l.calls < 0 && l.lose != nil {
		lose := l.lose
		l.lose = nil
		lose()
	}
}

func (l *losing) Merge(ctx context.Context, fence feed.Fence, operands []feed.Operand) error {
	l.step()
	return l.Timelines.Merge(ctx, fence, operands)
}

func (l *losing) Advance(ctx context.Context, fence feed.Fence, to feed.Row) error {
	l.step()
	return l.Timelines.Advance(ctx, fence, to)
}

// everyone has an account.
type everyone struct{}

func (everyone) Exists(context.Context, feed.UserID) (bool, error) { return true, nil }

func openWorld(t *testing.T, form string, seed uint64) *world {
	r := redistest.StartDurable(t)
	trim := feed.Trim{Above: 12, Keep: 8}
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), redis: r, store: &losing{Timelines: connect(t, r.URL(t), form, trim)},
		leads: map[int]*feed.Lead{}, follows: map[[2]feed.UserID]bool{},
	}
	for n := range byte(6) {
		w.users = append(w.users, id(7, n))
	}
	log, posts, graph := eventlog.NewMemory(), feed.NewMemoryPosts(), feed.NewMemoryGraph(worldShape)
	starts, err := feed.Epochs{Shape: worldShape, Log: log, Graph: graph}.Open(t.Context(), false)
	mustDo(t, err)
	epoch := starts[len(starts)-1].Epoch
	w.builder = &feed.Builder{
		Shape: worldShape, Epoch: epoch, Starts: starts, Log: log, Posts: posts, Graph: graph, Timelines: w.store,
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 4, Down: 2}, Trim: trim, Records: 8, Operands: 2, CacheBytes: 1 << 20,
	}
	tail, err := w.builder.OpenTail(t.Context())
	mustDo(t, err)
	w.tail = tail
	w.follow()
	w.service = &feed.Service{Shape: worldShape, Epoch: epoch, Log: log, Posts: posts, Graph: graph, Tail: tail, Users: everyone{}}
	w.reader = &feed.Reader{Shape: worldShape, Tail: tail, Posts: posts, Graph: graph, Timelines: w.store.Timelines, Strategy: feed.Hybrid}
	return w
}

// follow keeps the tail up to date until the test ends.
func (w *world) follow() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	follower := *w.builder
	follower.Timelines = w.store.Timelines
	go func() { ended <- follower.RunTail(ctx, w.tail) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("the tail ended with %v", err)
		}
	})
}

func (w *world) user() feed.UserID { return w.users[w.random.IntN(len(w.users))] }

// step does something at random.
func (w *world) step() {
	switch n := w.random.IntN(20); {
	case n < 6:
		p, _, err := w.service.Post(w.t.Context(), w.user(), feed.NewPost{Text: "text"}, "")
		mustDo(w.t, err)
		w.posts = append(w.posts, p)
	case n < 7 && len(w.posts) > 0:
		i := w.random.IntN(len(w.posts))
		_, err := w.service.Delete(w.t.Context(), w.posts[i].Author, false, w.posts[i].ID)
		mustDo(w.t, err)
		w.posts = slices.Delete(w.posts, i, i+1)
	case n < 10:
		w.connect()
	case n < 13:
		w.read(w.user())
	case n < 17:
		w.run()
	case n < 18:
		w.loss()()
		comeBack(w.t, w.store.Timelines)
	default:
		w.store.calls, w.store.lose = w.random.IntN(6), w.loss()
		w.run()
		w.store.lose = nil
		comeBack(w.t, w.store.Timelines)
	}
}

func (w *world) connect() {
	from, to, on := w.user(), w.user(), w.random.IntN(3) > 0
	if from == to {
		return
	}
	_, err := w.service.Set(w.t.Context(), feed.EdgeKey{Kind: feed.Follow, From: from, To: to}, on)
	mustDo(w.t, err)
	w.follows[[2]feed.UserID{from, to}] = on
}

// loss returns a loss.
func (w *world) loss() func() {
	s := w.store.Timelines
	ctx := context.Background()
	switch w.random.IntN(8) {
	case 0:
		return func() { mustDo(w.t, s.client.FlushAll(ctx).Err()) }
	case 1:
		return func() { mustDo(w.t, s.client.Del(ctx, s.headKey()).Err()) }
	case 2, 3, 4:
		return func() {
			if key, err := s.client.RandomKey(ctx).Result(); err == nil {
				mustDo(w.t, s.client.Del(ctx, key).Err())
			}
		}
	case 5: // of the machine: what was written last is lost
		return func() { w.restart(max(0, w.redis.Written(w.t)-w.random.Int64N(2000))) }
	case 6: // of the process
		return func() { w.restart(-1) }
	default: // all that came after the restart before
		return func() { w.restart(w.backup) }
	}
}

func (w *world) restart(size int64) {
	w.redis.Kill(w.t)
	if size >= 0 {
		w.redis.Cut(w.t, size)
	}
	w.redis.Restart(w.t)
	w.backup = w.redis.Written(w.t)
}

// run makes a run, and claims the partitions anew after one that has failed, as a Worker does.
func (w *world) run() {
	w.t.Helper()
	var leads []*feed.Lead
	for p := range worldShape.Graph {
		if w.leads[p] == nil {
			lead, err := w.builder.Claim(w.t.Context(), p)
			if w.lost(err) {
				return
			}
			w.leads[p] = lead
		}
		leads = append(leads, w.leads[p])
	}
	stats, err := w.builder.Run(w.t.Context(), leads...)
	if !w.lost(err) {
		w.moved += stats.Partitions
		w.tidy()
	}
}

// tidy drops from the tail what is in timelines, which RunTail does too seldom for this test.
func (w *world) tidy() {
	head, ok, err := w.store.Head(w.t.Context())
	if err == nil && ok {
		w.tail.Drop(head)
	}
}

// lost reports whether a run has failed. No other errors may come than those after which a Worker claims anew.
func (w *world) lost(err error) bool {
	w.t.Helper()
	if err == nil {
		return false
	}
	if !fault.Is(err, fault.Stale) && !fault.Passing(err) {
		w.t.Fatalf("a run fails with %v", err)
	}
	clear(w.leads)
	w.failed++
	return true
}

func (w *world) readAll() {
	w.t.Helper()
	for _, user := range w.users {
		w.read(user)
	}
}

// read walks through a feed in pages of random sizes, and compares.
func (w *world) read(user feed.UserID) {
	w.t.Helper()
	var got, want []feed.PostID
	for cursor := (feed.Cursor{}); ; {
		page, err := w.reader.Read(w.t.Context(), user, cursor, 1+w.random.IntN(6))
		mustDo(w.t, err)
		if page.State != feed.Complete {
			w.t.Fatalf("a page is %s", page.State)
		}
		for _, p := range page.Posts {
			got = append(got, p.ID)
		}
		if page.Baseless {
			w.ask(user, page)
		} else {
			w.based++
		}
		if cursor = page.Next; cursor.Posts == nil {
			break
		}
	}
	for _, p := range w.posts {
		if p.Author == user || w.follows[[2]feed.UserID{user, p.Author}] {
			want = append(want, p.ID)
		}
	}
	slices.SortFunc(want, func(a, b feed.PostID) int { return b.Compare(a) })
	if !slices.Equal(got, want) {
		w.t.Fatalf("the feed of %x shows %s, want %s", user[15], short(got), short(want))
	}
}

func short(ids []feed.PostID) string {
	var s []string
	for _, p := range ids {
		s = append(s, hex.EncodeToString(p[4:8]))
	}
	return fmt.Sprint(s)
}

// ask records that the user has no timeline. A Presence of its own does it at once.
func (w *world) ask(user feed.UserID, page feed.Page) {
	w.t.Helper()
	ends, err := w.builder.Log.Ends(w.t.Context(), feed.GraphTopic)
	mustDo(w.t, err)
	p := worldShape.GraphOf(user)
	presence := feed.NewPresence(w.builder.Log, nil)
	presence.Note(user, page)
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- presence.Run(ctx) }()
	err = w.builder.Log.Wait(ctx, feed.GraphTopic, p, ends[p].Next)
	stop()
	mustDo(w.t, errors.Join(err, <-ended))
}
