package feed

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

func openEpochs(t *testing.T, e Epochs, restored bool) LogStart {
	t.Helper()
	starts, err := e.Open(t.Context(), restored)
	if err != nil || len(starts) == 0 {
		t.Fatalf("Open = %v, %v", starts, err)
	}
	return starts[len(starts)-1]
}

func reachGraph(t *testing.T, g GraphStore, partition int, at Position) {
	t.Helper()
	row := Row{Posts: Vector{At(at.Epoch(), 0), At(at.Epoch(), 0)}, Graph: at}
	if err := g.Apply(t.Context(), GraphChanges{Partition: partition, Reach: row}); err != nil {
		t.Fatal(err)
	}
}

func TestALogKeepsItsEpochUntilItIsReplaced(t *testing.T) {
	shape := Shape{Posts: 2, Graph: 2}
	log, graph := eventlog.NewMemory(), NewMemoryGraph(shape)
	e := Epochs{Shape: shape, Log: log, Graph: graph}
	for range 2 {
		if got := openEpochs(t, e, false); got.Epoch != 1 || !got.Marked {
			t.Errorf("a new log is in %+v, want epoch 1, marked", got)
		}
	}
	user := UserID{15: 1}
	at, err := log.Append(t.Context(), GraphTopic, ReturnRecord(user, time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	reachGraph(t, graph, at[0].Partition, At(1, 1))
	if got := openEpochs(t, e, false); got.Epoch != 1 {
		t.Errorf("a log that the stores have read is in epoch %d, want 1", got.Epoch)
	}
	if got := openEpochs(t, e, true); got.Epoch != 2 || got.Ends.Graph[at[0].Partition] != At(2, 1) {
		t.Errorf("a log that is said to be restored is in %+v, want epoch 2 from the end of the log", got)
	}
	reachGraph(t, graph, at[0].Partition, At(2, 7))
	if got := openEpochs(t, e, false); got.Epoch != 3 {
		t.Errorf("a log that ends before what the stores have is in epoch %d, want 3", got.Epoch)
	}
	e.Log = eventlog.NewMemory()
	if got := openEpochs(t, e, false); got.Epoch != 4 || got.Ends.Graph[at[0].Partition] != At(4, 0) {
		t.Errorf("another log is in %+v, want epoch 4 from the beginning", got)
	}
	e.Graph = NewMemoryGraph(shape)
	if got := openEpochs(t, e, false); got.Epoch != 5 {
		t.Errorf("the log of other stores is in epoch %d, want 5", got.Epoch)
	}
}

// crashing fails each call after some.
type crashing struct {
	GraphStore
	calls int
}

func (c *crashing) PutStart(ctx context.Context, start LogStart) error {
	if c.calls--; c.calls < 0 {
		return fault.New(fault.Unavailable, "", "the server crashed")
	}
	return c.GraphStore.PutStart(ctx, start)
}

func TestAnEpochThatAServerHasBegunIsFinishedByTheNext(t *testing.T) {
	shape := Shape{Posts: 2, Graph: 2}
	for calls := range 3 {
		graph := NewMemoryGraph(shape)
		e := Epochs{Shape: shape, Log: eventlog.NewMemory(), Graph: &crashing{graph, calls}}
		_, err := e.Open(t.Context(), false)
		if crashed := calls < 2; crashed != (err != nil) {
			t.Fatalf("Open with %d writes = %v", calls, err)
		}
		e.Graph = graph
		if got := openEpochs(t, e, false); got.Epoch != 1 || !got.Marked {
			t.Errorf("after a crash with %d writes the log is in %+v, want epoch 1, marked", calls, got)
		}
		if ends, err := e.Log.Ends(t.Context(), EpochsTopic); err != nil || ends[0].Next != 1 {
			t.Errorf("after a crash with %d writes the bounds of marks are %v, %v; want one mark", calls, ends, err)
		}
	}
}

func TestServersThatStartTogetherAgreeOnTheEpoch(t *testing.T) {
	shape := Shape{Posts: 2, Graph: 2}
	e := Epochs{Shape: shape, Log: eventlog.NewMemory(), Graph: NewMemoryGraph(shape)}
	var all sync.WaitGroup
	marks := make([]uint64, 20)
	for i := range marks {
		all.Go(func() {
			starts, err := e.Open(t.Context(), false)
			if err != nil || len(starts) != 1 {
				t.Errorf("Open = %v, %v; want one epoch", starts, err)
				return
			}
			marks[i] = starts[0].Mark
		})
	}
	all.Wait()
	for _, m := range marks {
		if m != marks[0] {
			t.Fatalf("servers have the marks %v", marks)
		}
	}
}

func TestAServerSeesThatItsLogWasReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shape := Shape{Posts: 2, Graph: 2}
		e := Epochs{Shape: shape, Log: eventlog.NewMemory(), Graph: NewMemoryGraph(shape)}
		epoch := openEpochs(t, e, false).Epoch
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan error, 2)
		go func() { watched <- e.Watch(ctx, epoch) }()
		synctest.Wait()
		go func() { watched <- e.Watch(ctx, epoch+1) }()
		openEpochs(t, e, true)
		if err := <-watched; fault.CodeOf(err) != fault.CodeOf(ErrLogReplaced()) {
			t.Errorf("Watch = %v, want %v", err, ErrLogReplaced())
		}
		synctest.Wait()
		stop()
		if err := <-watched; err != nil {
			t.Errorf("Watch of the present epoch = %v, want nil at its end", err)
		}
	})
}

func TestMarksKeepTheirForm(t *testing.T) {
	body, err := json.Marshal(mark{Epoch: 3, Mark: 1<<63 + 1})
	if want := `{"epoch":3,"mark":"9223372036854775809"}`; err != nil || string(body) != want {
		t.Errorf("a mark is %s, %v; want %s", body, err, want)
	}
}
