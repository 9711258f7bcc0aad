package lead_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/lead"
	"agora/pattern/lead/leadtest"
)

func TestMemory(t *testing.T) {
	leadtest.RunDivider(t, func(*testing.T) (first, second *lead.Process, crash func()) {
		memory := lead.NewMemory()
		first, second = memory.Process(), memory.Process()
		return first, second, first.Crash
	})
}

func TestOfAStoreOfOneProcess(t *testing.T) {
	if l := lead.Of(t); l != nil {
		t.Errorf("Of = %v, want nil", l)
	}
	p := lead.NewMemory().Process()
	if l := lead.Of(p); l != p {
		t.Errorf("Of = %v, want the store", l)
	}
}

// server runs a task until stopped.
type server struct {
	*lead.Process
	begun int // how often its work began
	stop  func() error
}

func start(t *testing.T, p *lead.Process) *server {
	s := &server{Process: p}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	task := &lead.Task{Leader: p, Name: "relay"}
	go func() {
		ended <- task.Run(ctx, func(ctx context.Context) error {
			s.begun++
			<-ctx.Done()
			return nil
		})
	}()
	synctest.Wait()
	s.stop = func() error { cancel(); return <-ended }
	return s
}

func TestATaskIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := lead.NewMemory()
		first, second := start(t, memory.Process()), start(t, memory.Process())
		want := func(one, two int, when string) {
			t.Helper()
			time.Sleep(2 * lead.Campaign)
			synctest.Wait()
			if first.begun != one || second.begun != two {
				t.Errorf("%s, the work began %d and %d times, want %d and %d", when, first.begun, second.begun, one, two)
			}
		}
		want(1, 0, "while the first leads")
		if err := first.stop(); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		want(1, 1, "after the first gave up")
		second.Crash()
		want(1, 2, "after the lead was lost")
		if err := second.stop(); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

func TestATaskThatFailsEnds(t *testing.T) {
	failure := errors.New("a bug")
	for name, leader := range map[string]lead.Leader{"shared": lead.NewMemory().Process(), "alone": nil} {
		err := (&lead.Task{Leader: leader, Name: "relay"}).Run(t.Context(), func(context.Context) error { return failure })
		if !errors.Is(err, failure) {
			t.Errorf("%s: Run = %v, want %v", name, err, failure)
		}
	}
}

func TestATaskIsTriedAgainWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tries := 0
		err := (&lead.Task{Leader: lead.NewMemory().Process(), Name: "relay"}).Run(ctx, func(context.Context) error {
			if tries++; tries == 3 {
				cancel()
			}
			return fault.New(fault.Unavailable, "", "away")
		})
		if err != nil || tries != 3 {
			t.Errorf("Run = %v after %d tries, want nil after 3", err, tries)
		}
	})
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := lead.NewMemory()
		leader := &lead.Task{Leader: memory.Process(), Name: "relay"}
		other := &lead.Task{Leader: memory.Process(), Name: "relay"}
		alone := &lead.Task{Name: "relay"}
		once := func(task *lead.Task, want bool) {
			t.Helper()
			called := false
			done, err := task.Once(t.Context(), func(context.Context) error { called = true; return nil })
			if done != want || called != want || err != nil {
				t.Errorf("Once = %v, %v, and called %v; want %v", done, err, called, want)
			}
		}
		once(alone, true)
		once(leader, true)
		once(other, true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- leader.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
		}()
		synctest.Wait()
		once(leader, true) // concurrently with its own Run
		once(other, false)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		once(other, true)
	})
}
