package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
	"agora/telemetry"
)

const topic, group = "orders", "views"

// newLog returns a log whose topic has the number of partitions.
func newLog(t *testing.T, partitions int) *eventlog.Memory {
	t.Helper()
	log := eventlog.NewMemory()
	if err := log.Create(t.Context(), topic, partitions); err != nil {
		t.Fatal(err)
	}
	return log
}

// add appends n records with a key each.
func add(t *testing.T, log eventlog.Log, n int) {
	t.Helper()
	records := make([]eventlog.Record, n)
	for i := range records {
		records[i] = eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: fmt.Sprint("ord_", i), At: time.Now()}
	}
	if _, err := log.Append(t.Context(), topic, records...); err != nil {
		t.Fatal(err)
	}
}

// run starts the consumer. The result stops it, waits for its end and returns its error.
func run(t *testing.T, c eventlog.Consumer) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// seen records the batches of a handler; fail, if set, is called for each batch first.
type seen struct {
	mu      sync.Mutex
	batches [][]eventlog.Message
	fail    func(batch []eventlog.Message) error
}

func (s *seen) handle(_ context.Context, batch []eventlog.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(batch); err != nil {
			return err
		}
	}
	s.batches = append(s.batches, batch)
	return nil
}

func (s *seen) offsets() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var offsets []int64
	for _, msg := range slices.Concat(s.batches...) {
		offsets = append(offsets, msg.Offset)
	}
	return offsets
}

func committed(t *testing.T, log eventlog.Log) int64 {
	t.Helper()
	offset, _, err := log.Committed(t.Context(), group, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func TestConsumerHandlesWhatIsThereAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, got := newLog(t, 1), seen{}
		add(t, log, 5)
		stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle, Batch: 2})
		synctest.Wait()
		add(t, log, 1)
		before := time.Now()
		synctest.Wait()
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the append woke the consumer after %v, want at once", waited)
		}
		if want := []int64{0, 1, 2, 3, 4, 5}; !slices.Equal(got.offsets(), want) {
			t.Errorf("handled %v, want %v", got.offsets(), want)
		}
		if n := len(got.batches[0]); n != 2 {
			t.Errorf("the first batch has %d messages, want 2", n)
		}
		if at := committed(t, log); at != 6 {
			t.Errorf("committed %d, want 6", at)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v, want nil after a stop", err)
		}
	})
}

func TestConsumerGoesOnWhereItsGroupStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t, 1)
		add(t, log, 3)
		for _, want := range [][]int64{{0, 1, 2}, {3, 4}} {
			got := seen{}
			stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle})
			synctest.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.offsets(), want) {
				t.Errorf("handled %v, want %v", got.offsets(), want)
			}
			add(t, log, 2)
		}
	})
}

func TestConsumerNeverSkipsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog(t, 1)
		add(t, log, 4)
		const failures = 12
		var tries []time.Time
		got := seen{fail: func(batch []eventlog.Message) error {
			if batch[0].Offset == 2 && len(tries) < failures {
				tries = append(tries, time.Now())
				return fault.New(fault.Invalid, "", "not an order") // a kind that is not retried if it comes from the log
			}
			return nil
		}}
		stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle, Batch: 2})
		time.Sleep(time.Minute)
		synctest.Wait()
		if at := committed(t, log); at != 2 {
			t.Errorf("committed %d while the batch at 2 fails, want 2", at)
		}
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if want := []int64{0, 1, 2, 3}; !slices.Equal(got.offsets(), want) {
			t.Errorf("handled %v, want %v", got.offsets(), want)
		}
		for i := 1; i < len(tries); i++ {
			most := min(100*time.Millisecond<<(i-1), 30*time.Second)
			if pause := tries[i].Sub(tries[i-1]); pause < most/2 || pause > most {
				t.Errorf("pause %d was %v, want %v to %v", i, pause, most/2, most)
			}
		}
	})
}

func TestConsumerFinishesTheBatchInHand(t *testing.T) {
	for _, tt := range []struct {
		name string
		work time.Duration
		want int64
	}{
		{"within the grace", 5 * time.Second, 1},
		{"too slow", time.Minute, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newLog(t, 1)
				add(t, log, 1)
				stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Grace: 10 * time.Second,
					Handle: func(ctx context.Context, _ []eventlog.Message) error {
						select {
						case <-time.After(tt.work):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}})
				synctest.Wait()
				began := time.Now()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if took, most := time.Since(began), min(tt.work, 10*time.Second); took != most {
					t.Errorf("stopped after %v, want %v", took, most)
				}
				if at := committed(t, log); at != tt.want {
					t.Errorf("committed %d, want %d", at, tt.want)
				}
			})
		})
	}
}

func TestConsumerEndsWhenItsRecordsAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, got := newLog(t, 1), seen{}
		add(t, log, 3)
		if err := log.Commit(t.Context(), group, topic, 0, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Trim(t.Context(), topic, eventlog.Retention{Since: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		c := eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle}
		if err := c.Run(t.Context()); fault.CodeOf(err) != eventlog.CodeOutOfRange {
			t.Fatalf("Run = %v, want code %s", err, eventlog.CodeOutOfRange)
		}
		c.Group = "newcomer"
		stop := run(t, c)
		add(t, log, 1)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if want := []int64{3}; !slices.Equal(got.offsets(), want) {
			t.Errorf("a new group handled %v, want %v", got.offsets(), want)
		}
	})
}

func TestConsumerThatCannotStart(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (eventlog.Consumer{Events: newLog(t, 1), Topic: topic, Group: group}).Run(ended); err != nil {
		t.Errorf("Run in a context that has ended = %v, want nil", err)
	}
	for _, tt := range []struct {
		topic, group string
		want         fault.Kind
	}{{"none", group, fault.NotFound}, {topic, "", fault.Invalid}} {
		err := eventlog.Consumer{Events: newLog(t, 1), Topic: tt.topic, Group: tt.group}.Run(t.Context())
		if !fault.Is(err, tt.want) {
			t.Errorf("Run of topic %q, group %q = %v, want %v", tt.topic, tt.group, err, tt.want)
		}
	}
}

func TestConsumerMeasuresItsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, metrics := newLog(t, 4), telemetry.NewMetrics()
		add(t, log, 10)
		broken := true
		got := seen{fail: func([]eventlog.Message) error {
			if broken {
				return errors.New("the view is away")
			}
			return nil
		}}
		stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle, Metrics: metrics})
		check := func(name string, want float64) {
			t.Helper()
			synctest.Wait()
			if v, ok := metrics.Value(name); !ok || v != want {
				t.Errorf("%s = %v, %v; want %v", name, v, ok, want)
			}
		}
		time.Sleep(20 * time.Second)
		check("agora_log_lag_records", 10)
		check("agora_log_lag_seconds", 20)
		got.mu.Lock()
		broken = false
		got.mu.Unlock()
		time.Sleep(time.Minute)
		check("agora_log_lag_records", 0)
		check("agora_log_lag_seconds", 0)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestALagIsNoLongerToldAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, metrics := newLog(t, 1), telemetry.NewMetrics()
		add(t, log, 3)
		got := seen{fail: func([]eventlog.Message) error { return errors.New("the view is away") }}
		stop := run(t, eventlog.Consumer{Events: log, Topic: topic, Group: group, Handle: got.handle, Metrics: metrics})
		time.Sleep(5 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"agora_log_lag_records", "agora_log_lag_seconds"} {
			if v, ok := metrics.Value(name); !ok || v != 0 {
				t.Errorf("%s = %v, %v after another process may have taken over, want 0", name, v, ok)
			}
		}
	})
}

func TestConsumerReadsItsPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions = 4
		log, metrics, got := newLog(t, partitions), telemetry.NewMetrics(), seen{}
		add(t, log, 100)
		stop := run(t, eventlog.Consumer{
			Events: log, Topic: topic, Group: group, Handle: got.handle, Partitions: []int{3, 1}, Metrics: metrics,
		})
		synctest.Wait()
		add(t, log, 100)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		ends, err := log.Ends(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for p := range partitions {
			offset, ok, err := log.Committed(t.Context(), group, topic, p)
			if want := p == 1 || p == 3; ok != want || err != nil || want && offset != ends[p].Next {
				t.Errorf("partition %d: committed %d of %d, %v, %v; want it read: %v", p, offset, ends[p].Next, ok, err, want)
			}
		}
		for _, batch := range got.batches {
			if p := batch[0].Partition; p != 1 && p != 3 {
				t.Errorf("got a batch of partition %d", p)
			}
		}
		recorder := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if want := `agora_log_lag_records{group="views/3,1"} 0`; !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	})
}

func TestConsumerRefusesWrongPartitions(t *testing.T) {
	for _, tt := range []struct {
		partitions []int
		want       fault.Kind
	}{{[]int{0, 4}, fault.NotFound}, {[]int{-1}, fault.NotFound}, {[]int{1, 2, 1}, fault.Invalid}} {
		err := eventlog.Consumer{Events: newLog(t, 4), Topic: topic, Group: group, Partitions: tt.partitions}.Run(t.Context())
		if !fault.Is(err, tt.want) {
			t.Errorf("Run of partitions %v = %v, want %v", tt.partitions, err, tt.want)
		}
	}
}
