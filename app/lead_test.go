package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/eventlog"
	"agora/pattern/lead"
	"agora/pattern/saga"
	"agora/shop"
	"agora/shop/shoptest"
	"agora/telemetry"
)

// hold leads a task as another server, until released.
func hold(t *testing.T, leader lead.Leader, task string) (release func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if led, err := leader.Lead(ctx, task, func(ctx context.Context) error { <-ctx.Done(); return nil }); !led || err != nil {
			t.Errorf("the other server's lead = %v, %v", led, err)
		}
	}()
	synctest.Wait()
	return func() { stop(); <-ended }
}

// sharedLog is an event log of several servers, as one of them has it.
type sharedLog struct {
	*eventlog.Memory
	*lead.Process
}

// sharedOrders is a store of orders of several servers, as one of them has it.
type sharedOrders struct {
	*shop.MemoryOrders
	*lead.Process
}

// TestWorkIsLeftToTheServerThatLeads has another server lead each task of the shop, and then end.
func TestWorkIsLeftToTheServerThatLeads(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events func(log *eventlog.Memory, leads *lead.Process) eventlog.Log
	}{
		{"the event log elects its followers", func(log *eventlog.Memory, leads *lead.Process) eventlog.Log { return sharedLog{log, leads} }},
		{"the store of orders elects them", func(log *eventlog.Memory, _ *lead.Process) eventlog.Log { return log }},
	} {
		t.Run(tt.name, func(t *testing.T) { testWorkIsLeft(t, tt.events) })
	}
}

func testWorkIsLeft(t *testing.T, events func(*eventlog.Memory, *lead.Process) eventlog.Log) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t)
		leads := lead.NewMemory()
		s.sell(2)
		s.stores.orders = sharedOrders{s.stores.orders.(*shop.MemoryOrders), leads.Process()}
		s.stores.events = events(s.stores.events.(*eventlog.Memory), leads.Process())
		s.relay = newRelay(s.stores, quiet(), nil)
		other := leads.Process()
		for _, task := range []string{"outbox", "inventory", "orders"} {
			release := hold(t, other, task)
			drained := make(chan error, 1)
			s.place(2)
			go func() { drained <- s.drain(t.Context()) }()
			time.Sleep(time.Minute)
			select {
			case err := <-drained:
				t.Fatalf("drain ended with %v while another server leads %s", err, task)
			default:
			}
			release()
			if err := <-drained; err != nil {
				t.Error(err)
			}
			s.audit()
		}
		stop := s.follow()
		release := hold(t, other, "outbox")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.relay.run(ctx) }()
		s.place(2)
		time.Sleep(time.Minute)
		if newest, relayed, err := s.stores.orders.Relay(t.Context()); newest == relayed || err != nil {
			t.Errorf("%d of %d entries are relayed, %v; want another server to relay the rest", relayed, newest, err)
		}
		release()
		time.Sleep(time.Minute)
		s.audit()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestOneServerFinishesCheckouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leads := lead.NewMemory()
		store := sharedOrders{shop.NewMemoryOrders(), leads.Process()}
		metrics := telemetry.NewMetrics()
		finish := func(context.Context, saga.Record) error { return errors.New("the gateway is away") }
		m := marketplace{
			stores: &stores{orders: store}, log: quiet(),
			runner: saga.NewRunner("checkout", store, map[string]saga.Step{"pay": finish}, saga.Options{Metrics: metrics}),
		}
		placement := shoptest.Placement("")
		placement.Saga = &saga.Record{ID: placement.Order.ID, Step: "pay", Due: time.Now()}
		if _, err := store.Place(t.Context(), placement); err != nil {
			t.Fatal(err)
		}
		release := hold(t, leads.Process(), "checkouts")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.runSagas(ctx) }()
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
