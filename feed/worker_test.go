package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/lead"
	"agora/telemetry"
)

// working is a world in which workers build timelines.
type working struct {
	t         *testing.T
	shape     Shape
	log       eventlog.Log
	posts     *MemoryPosts
	graph     *MemoryGraph
	timelines *MemoryTimelines
}

func newWorking(t *testing.T) *working {
	shape := Shape{Posts: 2, Graph: 4}
	w := &working{
		t: t, shape: shape, log: eventlog.NewMemory(), posts: NewMemoryPosts(), graph: NewMemoryGraph(shape),
		timelines: NewMemoryTimelines(Trim{1000, 800}),
	}
	if _, err := (Epochs{shape, w.log, w.graph}).Open(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *working) worker(divider lead.Divider) *Worker {
	return &Worker{
		Builder: &Builder{
			Shape: w.shape, Epoch: 1, Log: w.log, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Strategy: Push,
			Trim: Trim{1000, 800}, Records: 1000, Operands: 1000, CacheBytes: 1 << 20,
		},
		Divider: divider, Every: 5 * time.Second, Deliveries: 1000, IdleAfter: 30 * 24 * time.Hour,
	}
}

// start runs a worker and returns a function that stops it.
func (w *working) start(worker *Worker) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the worker ended with %v", err)
		}
	}
}

func (w *working) append(topic string, records ...eventlog.Record) {
	w.t.Helper()
	if _, err := w.log.Append(w.t.Context(), topic, records...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *working) post(author UserID) {
	w.t.Helper()
	w.append(PostsTopic, PostRecord(&Post{ID: NewPostID(), Author: author, Text: "text", CreatedAt: time.Now()}))
}

// entries returns how many entries a user's timeline has, or -1 if there is none.
func (w *working) entries(user UserID) int {
	w.t.Helper()
	_, timeline, err := w.timelines.Read(w.t.Context(), user, w.shape.GraphOf(user), lastPostID, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	if !timeline.Base {
		return -1
	}
	return len(timeline.Entries)
}

func TestAWorkerRunsWhenPostsHaveWaitedOrAreMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		user := UserID{15: 1}
		w.append(GraphTopic, ReturnRecord(user, time.Now()))
		stop := w.start(w.worker(nil))
		defer stop()
		wait := func(d time.Duration, want int, when string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := w.entries(user); got != want {
				t.Errorf("%s the timeline has %d entries, want %d", when, got, want)
			}
		}
		wait(time.Second, 0, "after the start")
		w.post(user)
		wait(3*time.Second, 0, "before its time")
		wait(3*time.Second, 1, "after 5 seconds")
		for range 500 { // each has 1 delivery, and the worker expects more
			w.post(user)
		}
		time.Sleep(time.Second)
		if got := w.entries(user); got < 2 {
			t.Errorf("with many deliveries the timeline has %d entries after a second, want more than 1", got)
		}
	})
}

func TestAWorkerTakesOverThePartitionsOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		election := lead.NewMemory()
		first, second := election.Process(), election.Process()
		users := []UserID{}
		for n := range byte(20) {
			users = append(users, UserID{15: n + 1})
			w.append(GraphTopic, ReturnRecord(users[n], time.Now()))
		}
		stop := w.start(w.worker(first))
		time.Sleep(10 * time.Second)
		defer w.start(w.worker(second))()
		time.Sleep(10 * time.Second) // each leads two partitions now
		for _, user := range users {
			w.post(user)
		}
		time.Sleep(10 * time.Second)
		stop()
		for _, user := range users {
			w.post(user)
		}
		time.Sleep(10 * time.Second)
		for _, user := range users {
			if got := w.entries(user); got != 2 {
				t.Errorf("the timeline of %v has %d entries, want 2", user, got)
			}
		}
	})
}

func TestAWorkerDropsTimelinesOfIdleUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		idle, active := UserID{15: 1}, UserID{15: 2}
		w.append(GraphTopic, ReturnRecord(idle, time.Now()), ReturnRecord(active, time.Now()))
		worker := w.worker(nil)
		worker.IdleAfter = 2 * time.Hour
		defer w.start(worker)()
		for range 8 {
			time.Sleep(30 * time.Minute)
			w.append(GraphTopic, activeRecord(active, time.Now()))
		}
		if got := w.entries(idle); got != -1 {
			t.Errorf("the timeline of a user who has not read for long has %d entries, want none", got)
		}
		if got := w.entries(active); got != 0 {
			t.Errorf("a user who reads has a timeline of %d entries, want an empty one", got)
		}
	})
}

// failingDrops fails the first calls of Drop.
type failingDrops struct {
	TimelineStore
	calls int
}

func (f *failingDrops) Drop(ctx context.Context, epoch uint64, users ...UserID) error {
	if f.calls--; f.calls >= 0 {
		return fault.New(fault.Unavailable, "", "the store is away")
	}
	return f.TimelineStore.Drop(ctx, epoch, users...)
}

func TestAWorkerDropsAnIdleTimelineAfterAFailedDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		user := UserID{15: 1}
		w.append(GraphTopic, ReturnRecord(user, time.Now()))
		worker := w.worker(nil)
		worker.IdleAfter = 2 * time.Hour
		worker.Builder.Timelines = &failingDrops{w.timelines, 3}
		defer w.start(worker)()
		time.Sleep(4 * time.Hour)
		if got := w.entries(user); got != -1 {
			t.Errorf("the timeline of a user who has not read for long has %d entries, want none", got)
		}
	})
}

// failing fails the first calls of Advance.
type failing struct {
	TimelineStore
	calls int
}

func (f *failing) Advance(ctx context.Context, fence Fence, to Row) error {
	if f.calls--; f.calls >= 0 {
		return fault.New(fault.Unavailable, "", "the store is away")
	}
	return f.TimelineStore.Advance(ctx, fence, to)
}

func TestAWorkerGoesOnAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		user := UserID{15: 1}
		w.append(GraphTopic, ReturnRecord(user, time.Now()))
		worker := w.worker(nil)
		worker.Builder.Timelines = &failing{w.timelines, 5}
		defer w.start(worker)()
		w.post(user)
		time.Sleep(time.Minute)
		if got := w.entries(user); got != 1 {
			t.Errorf("the timeline has %d entries, want 1", got)
		}
	})
}

func TestAWorkerEndsWhenItsLogIsAnOlderOne(t *testing.T) {
	w := newWorking(t)
	user := UserID{15: 1}
	w.append(GraphTopic, ReturnRecord(user, time.Now()))
	builder := w.worker(nil).Builder
	l, err := builder.Claim(t.Context(), w.shape.GraphOf(user))
	if err == nil {
		_, err = builder.Run(t.Context(), l)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.log = eventlog.NewMemory()
	if _, err := (Epochs{w.shape, w.log, NewMemoryGraph(w.shape)}).Open(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := w.worker(nil).Run(t.Context()); fault.CodeOf(err) != fault.CodeOf(ErrLogRestored()) {
		t.Errorf("Run = %v, want %v", err, ErrLogRestored())
	}
}

func TestTheTailDropsWhatIsInTimelines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		metrics := telemetry.NewMetrics()
		worker := w.worker(nil)
		worker.Builder.Monitor = NewMonitor(metrics)
		tail, err := worker.Builder.OpenTail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		followed := make(chan error, 1)
		follower := *worker.Builder
		go func() { followed <- follower.RunTail(ctx, tail) }()
		author := UserID{15: 1}
		w.append(GraphTopic, ReturnRecord(author, time.Now()))
		stopWorker := w.start(worker)
		time.Sleep(10*time.Second + workerTick/2) // between two ticks
		for range 3 {
			w.post(author)
		}
		synctest.Wait()
		held := func() int {
			tail.mu.RLock()
			defer tail.mu.RUnlock()
			return len(tail.byID)
		}
		if n := held(); n != 3 {
			t.Errorf("the tail has %d posts at once, want 3", n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := held(); n != 0 {
			t.Errorf("the tail has %d posts that are in timelines, want none", n)
		}
		for name, want := range map[string]float64{"agora_feed_deliveries_total": 3, "agora_fanout_duration_seconds": 3} {
			if got, ok := metrics.Value(name); !ok || got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		stopWorker()
		stop()
		if err := <-followed; err != nil {
			t.Errorf("RunTail = %v, want nil at its end", err)
		}
	})
}

func TestAWorkerNoticesThatTheTimelinesAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		user := UserID{15: 1}
		w.append(GraphTopic, ReturnRecord(user, time.Now()))
		defer w.start(w.worker(nil))()
		time.Sleep(10 * time.Second)
		w.timelines.mu.Lock()
		w.timelines.head = Head{}
		w.timelines.mu.Unlock()
		time.Sleep(20 * time.Second)
		if head, ok, err := w.timelines.Head(t.Context()); err != nil || !ok || len(head.Rows) != w.shape.Graph {
			t.Errorf("the head is %v, %v, %v; want new timelines", head, ok, err)
		}
	})
}
