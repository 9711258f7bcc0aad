package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/outbox"
	"agora/telemetry"
)

// sharedSource is a source that lets one process lead at a time.
type sharedSource struct {
	source
	lead sync.Mutex
	lost context.CancelCauseFunc // ends the lead of who has it, as a broken connection does
}

func (s *sharedSource) Lead(ctx context.Context, _ string, work func(context.Context) error) (bool, error) {
	if !s.lead.TryLock() {
		return false, nil
	}
	defer s.lead.Unlock()
	ctx, s.lost = context.WithCancelCause(ctx)
	defer s.lost(nil)
	err := work(ctx)
	return true, errors.Join(err, context.Cause(ctx))
}

// process is a program with a relay.
type process struct {
	*outbox.Relay
	target
	stop func()
}

func start(t *testing.T, s outbox.Source) *process {
	p := &process{}
	p.Relay = outbox.NewRelay(s, p.publish, slog.New(slog.DiscardHandler), nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.stop = func() { cancel(); <-done }
	return p
}

func TestOneOfTheProcessesRelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sharedSource{}
		first := start(t, s)
		synctest.Wait()
		second := start(t, s)
		s.add(3)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := second.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if len(first.got) != 3 || len(second.got) != 0 {
			t.Errorf("the first process relayed %v and the second %v, want all by the first", first.got, second.got)
		}
		first.stop()
		s.add(3)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		second.stop()
		if got, want := fmt.Sprint(slices.Concat(first.got, second.got)), "[m1 m2 m3 m4 m5 m6]"; got != want {
			t.Errorf("relayed %s, want %s", got, want)
		}
	})
}

func TestALostLeadIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sharedSource{}
		first := start(t, s)
		synctest.Wait()
		second := start(t, s)
		time.Sleep(campaign / 2) // so that the second is the next to try
		synctest.Wait()
		s.lost(errors.New("the connection broke"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s.add(2)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		first.stop()
		second.stop()
		if len(first.got) != 0 || len(second.got) != 2 {
			t.Errorf("the first relayed %v and the second %v, want all by the second", first.got, second.got)
		}
	})
}

// campaign is how often a relay tries to lead.
const campaign = time.Second

func TestFlushLeadsWhereNobodyDoes(t *testing.T) {
	s, g := &sharedSource{}, &target{}
	s.add(2)
	if err := outbox.NewRelay(s, g.publish, slog.New(slog.DiscardHandler), nil).Flush(t.Context()); err != nil || len(g.got) != 2 {
		t.Errorf("flush = %v with %v, want both messages", err, g.got)
	}
}

func TestTheAgeIsThatOfTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := telemetry.NewMetrics()
		s, g := &sharedSource{}, &target{fails: 1_000_000}
		s.add(1)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			outbox.NewRelay(s, g.publish, slog.New(slog.DiscardHandler), metrics).Run(ctx)
			close(done)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if age, _ := metrics.Value("agora_outbox_age_seconds"); age < 50 {
			t.Errorf("age = %v while the relay leads and fails, want about a minute", age)
		}
		stop()
		<-done
		if age, _ := metrics.Value("agora_outbox_age_seconds"); age != 0 {
			t.Errorf("age = %v after the lead ended, want 0", age)
		}
	})
}
