package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/saga"
	"agora/shop"
	"agora/shop/shoptest"
	"agora/telemetry"
)

// sharedLog is an event log of several servers, of which one leads at a time.
type sharedLog struct {
	*eventlog.Memory
	mu      sync.Mutex
	leaders map[string]context.CancelCauseFunc // of each task, what ends the lead
}

func newSharedLog() *sharedLog {
	return &sharedLog{Memory: eventlog.NewMemory(), leaders: map[string]context.CancelCauseFunc{}}
}

func (l *sharedLog) Lead(ctx context.Context, task string, work func(context.Context) error) (bool, error) {
	l.mu.Lock()
	if l.leaders[task] != nil {
		l.mu.Unlock()
		return false, nil
	}
	ctx, lose := context.WithCancelCause(ctx)
	l.leaders[task] = lose
	l.mu.Unlock()
	defer func() {
		lose(nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.leaders, task)
	}()
	err := work(ctx)
	if lost := context.Cause(ctx); fault.Is(lost, fault.Unavailable) {
		return true, lost
	}
	return true, err
}

// lose takes the lead away, as a broken connection does.
func (l *sharedLog) lose(task string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaders[task](fault.New(fault.Unavailable, "", "the connection broke"))
}

// hold leads a task as another server, until released.
func (l *sharedLog) hold(t *testing.T, task string) (release func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if led, err := l.Lead(ctx, task, func(ctx context.Context) error { <-ctx.Done(); return nil }); !led || err != nil {
			t.Errorf("the other server's lead = %v, %v", led, err)
		}
	}()
	synctest.Wait()
	return func() { stop(); <-ended }
}

func TestATaskIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newSharedLog()
		release := log.hold(t, "task")
		ctx, stop := context.WithCancel(t.Context())
		begun := 0
		ended := make(chan error, 1)
		go func() {
			ended <- whileLeading(ctx, log, "task", quiet(), func(ctx context.Context) error {
				begun++
				<-ctx.Done()
				return nil
			})
		}()
		wantBegun := func(want int, when string) {
			t.Helper()
			time.Sleep(2 * campaign)
			synctest.Wait()
			if begun != want {
				t.Fatalf("%s, the work began %d times, want %d", when, begun, want)
			}
		}
		wantBegun(0, "while another server leads")
		release()
		wantBegun(1, "when that gave up")
		log.lose("task")
		wantBegun(2, "after the lead was lost")
		stop()
		if err := <-ended; err != nil {
			t.Errorf("whileLeading = %v, want nil", err)
		}
	})
}

func TestATaskThatFailsEnds(t *testing.T) {
	failure := errors.New("a bug")
	for name, store := range map[string]any{"shared": newSharedLog(), "alone": eventlog.NewMemory()} {
		err := whileLeading(t.Context(), store, "task", quiet(), func(context.Context) error { return failure })
		if !errors.Is(err, failure) {
			t.Errorf("%s: %v, want %v", name, err, failure)
		}
	}
}

// shareEvents puts an event log in the place of the stall's that other servers have, too.
func (s *stall) shareEvents() *sharedLog {
	s.Helper()
	log := newSharedLog()
	if err := log.Create(s.Context(), shop.Topic, shopPartitions); err != nil {
		s.Fatal(err)
	}
	s.stores.events = log
	s.relay = outboxRelay(s.stores)
	return log
}

func TestDrainWaitsForTheServerThatLeads(t *testing.T) {
	for _, tt := range []struct {
		name string
		goOn func(s *stall, release func())
	}{
		{"which catches up", func(s *stall, _ func()) {
			for _, p := range s.projections(s.stores.events) {
				ends, err := s.stores.events.Ends(s.Context(), shop.Topic)
				if err == nil {
					err = p.catchUpTo(s.Context(), ends, quiet())
				}
				if err != nil {
					s.Error(err)
				}
			}
		}},
		{"which ends", func(_ *stall, release func()) { release() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStall(t)
				log := s.shareEvents()
				s.sell(3)
				one, other := log.hold(t, "inventory"), log.hold(t, "orders")
				release := sync.OnceFunc(func() { one(); other() })
				defer release()
				drained := make(chan error, 1)
				go func() { drained <- s.drain(t.Context()) }()
				time.Sleep(time.Minute)
				select {
				case err := <-drained:
					t.Fatalf("drain ended with %v while another server leads and is behind", err)
				default:
				}
				tt.goOn(s, release)
				if err := <-drained; err != nil {
					t.Error(err)
				}
				s.audit()
			})
		})
	}
}

func TestFollowGoesOnAfterTheLeadWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t)
		log := s.shareEvents()
		stop := s.follow()
		s.sell(2)
		synctest.Wait()
		s.audit()
		log.lose("inventory")
		log.lose("orders")
		s.sell(2)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.audit()
		stop()
	})
}

// sharedOrders is a store of orders that other servers have, too.
type sharedOrders struct {
	*shop.MemoryOrders
	*sharedLog
}

func TestOneServerFinishesCheckouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sharedOrders{shop.NewMemoryOrders(), newSharedLog()}
		metrics := telemetry.NewMetrics()
		finish := func(context.Context, saga.Record) error { return errors.New("the gateway is away") }
		m := marketplace{runner: saga.NewRunner("checkout", store.MemoryOrders, map[string]saga.Step{"pay": finish}, quiet(), metrics)}
		placement := shoptest.Placement("")
		placement.Saga = &saga.Record{ID: placement.Order.ID, Step: "pay", Due: time.Now()}
		if _, err := store.Place(t.Context(), placement); err != nil {
			t.Fatal(err)
		}
		release := store.hold(t, "checkouts")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.runSagas(ctx, store, quiet()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _ := metrics.Value("agora_saga_steps_total"); n != 0 {
			t.Errorf("%v steps were tried while another server finishes checkouts, want none", n)
		}
		release()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _ := metrics.Value("agora_saga_steps_total"); n == 0 {
			t.Error("no step was tried when that server had ended")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
