// Package leadtest is the conformance suite of package lead.
package leadtest

import (
	"context"
	"errors"
	"testing"

	"agora/fault"
	"agora/pattern/lead"
)

// Run tests a Leader. Each call of open returns the Leaders of two processes that share a store, and a function that takes
// all leads away from the process that has some, as a broken connection does.
func Run[L lead.Leader](t *testing.T, open func(t *testing.T) (first, second L, crash func())) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, first, second lead.Leader, crash func())
	}{
		{"one process leads a task at a time", testOneLeads},
		{"a process leads many tasks", testManyLeads},
		{"a lead is given up", testLeadIsGivenUp},
		{"lost leads are taken over", testLeadsAreLost},
		{"no lead in a context that has ended", testEndedContext},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, second, crash := open(t)
			tt.test(t, first, second, crash)
		})
	}
}

// held is a lead or a membership of a process.
type held struct {
	stop  context.CancelFunc
	ended chan error // the result of Lead or Join
}

// hold passes work to call, and returns when the work has begun. It runs until stop.
func hold(t *testing.T, call func(ctx context.Context, work func(context.Context) error) error) held {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	h := held{stop: stop, ended: make(chan error, 1)}
	begun := make(chan struct{})
	go func() {
		h.ended <- call(ctx, func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return nil
		})
	}()
	select {
	case <-begun:
	case err := <-h.ended:
		t.Fatalf("the work does not begin: %v", err)
	}
	return h
}

// end stops the work and wants it to have ended well.
func (h held) end(t *testing.T) {
	t.Helper()
	h.stop()
	if err := <-h.ended; err != nil {
		t.Errorf("the call ended with %v after its context, want nil", err)
	}
}

func leadTask(t *testing.T, leader lead.Leader, task string) held {
	t.Helper()
	return hold(t, func(ctx context.Context, work func(context.Context) error) error {
		led, err := leader.Lead(ctx, task, work)
		if !led && err == nil {
			err = errors.New("another process leads")
		}
		return err
	})
}

// wantLed tries to lead a task and fails unless that is as wanted.
func wantLed(t *testing.T, leader lead.Leader, task string, want bool) {
	t.Helper()
	called := false
	led, err := leader.Lead(t.Context(), task, func(context.Context) error { called = true; return nil })
	if led != want || called != want || err != nil {
		t.Errorf("Lead of %s = %v, %v, and called %v; want %v", task, led, err, called, want)
	}
}

func testOneLeads(t *testing.T, first, second lead.Leader, _ func()) {
	l := leadTask(t, first, "views")
	wantLed(t, second, "views", false)
	wantLed(t, first, "views", false)
	wantLed(t, second, "cache", true)
	wantLed(t, first, "cache", true)
	l.end(t)
	wantLed(t, second, "views", true)
}

func testManyLeads(t *testing.T, first, second lead.Leader, _ func()) {
	views, cache := leadTask(t, first, "views"), leadTask(t, first, "cache")
	other := leadTask(t, second, "relay")
	views.end(t)
	wantLed(t, second, "views", true)
	wantLed(t, second, "cache", false)
	wantLed(t, first, "relay", false)
	cache.end(t)
	other.end(t)
	wantLed(t, first, "relay", true)
}

func testLeadIsGivenUp(t *testing.T, first, second lead.Leader, _ func()) {
	failure := fault.New(fault.NotFound, "too_late", "too late")
	for range 3 {
		if led, err := first.Lead(t.Context(), "views", func(context.Context) error { return failure }); !led || !errors.Is(err, failure) {
			t.Errorf("Lead = %v, %v; want the error of the work", led, err)
		}
		wantLed(t, second, "views", true)
	}
}

func testLeadsAreLost(t *testing.T, first, second lead.Leader, crash func()) {
	leads := []held{leadTask(t, first, "views"), leadTask(t, first, "cache")}
	crash()
	for _, l := range leads {
		if err := <-l.ended; !fault.Is(err, fault.Unavailable) {
			t.Errorf("Lead = %v after the lead was lost, want fault.Unavailable", err)
		}
	}
	for _, task := range []string{"views", "cache"} {
		for led := false; !led; {
			var err error
			if led, err = second.Lead(t.Context(), task, func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		wantLed(t, first, task, true)
	}
}

func testEndedContext(t *testing.T, first, second lead.Leader, _ func()) {
	ctx, cancel := context.WithCancel(t.Context())
	kept := leadTask(t, first, "cache")
	cancel()
	never := func(context.Context) error { t.Error("the work was called"); return nil }
	if led, err := first.Lead(ctx, "views", never); led || !errors.Is(err, context.Canceled) {
		t.Errorf("Lead = %v, %v; want context.Canceled", led, err)
	}
	wantLed(t, second, "views", true)
	wantLed(t, second, "cache", false) // the other lead of the process is untouched
	kept.end(t)
}
