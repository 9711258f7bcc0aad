package eventlogtest

import (
	"context"
	"errors"
	"testing"

	"agora/fault"
	"agora/pattern/eventlog"
)

// Lead tests a log that several processes share. Each call of open returns one log as two of them have it, and what
// takes the lead away from the one that has it, as when its process dies.
func Lead(t *testing.T, open func(t *testing.T) (first, second eventlog.Leader, crash func())) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, first, second eventlog.Leader, crash func())
	}{
		{"one leads a group at a time", testOneLeads},
		{"the lead is given back", testLeadIsGivenBack},
		{"a lost lead is taken over", testLeadIsLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, second, crash := open(t)
			tt.test(t, first, second, crash)
		})
	}
}

// leading is a process that leads the group "views".
type leading struct {
	stop  context.CancelFunc
	ended chan error // the result of Lead
}

// lead returns when the process leads.
func lead(t *testing.T, log eventlog.Leader) leading {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	l := leading{stop: stop, ended: make(chan error, 1)}
	begun := make(chan struct{})
	go func() {
		led, err := log.Lead(ctx, "views", func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return nil
		})
		if !led && err == nil {
			err = errors.New("another process leads")
		}
		l.ended <- err
	}()
	select {
	case <-begun:
	case err := <-l.ended:
		t.Fatalf("the process does not lead: %v", err)
	}
	return l
}

// wantLed tries to lead a group and fails unless that is as wanted.
func wantLed(t *testing.T, log eventlog.Leader, group string, want bool) {
	t.Helper()
	called := false
	led, err := log.Lead(t.Context(), group, func(context.Context) error { called = true; return nil })
	if led != want || called != want || err != nil {
		t.Errorf("Lead of %s = %v, %v, and called %v; want %v", group, led, err, called, want)
	}
}

func testOneLeads(t *testing.T, first, second eventlog.Leader, _ func()) {
	l := lead(t, first)
	wantLed(t, second, "views", false)
	wantLed(t, second, "cache", true)
	wantLed(t, first, "cache", true)
	l.stop()
	if err := <-l.ended; err != nil {
		t.Errorf("Lead = %v after it was to stop, want nil", err)
	}
	wantLed(t, second, "views", true)
}

func testLeadIsGivenBack(t *testing.T, first, second eventlog.Leader, _ func()) {
	failure := fault.New(fault.NotFound, eventlog.CodeOutOfRange, "too late")
	for range 3 {
		if led, err := first.Lead(t.Context(), "views", func(context.Context) error { return failure }); !led || !errors.Is(err, failure) {
			t.Errorf("Lead = %v, %v; want the error of the work", led, err)
		}
		wantLed(t, second, "views", true)
	}
}

func testLeadIsLost(t *testing.T, first, second eventlog.Leader, crash func()) {
	l := lead(t, first)
	crash()
	if err := <-l.ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("who lost the lead was told %v, want fault.Unavailable", err)
	}
	for led := false; !led; {
		var err error
		if led, err = second.Lead(t.Context(), "views", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	wantLed(t, first, "views", true)
}
