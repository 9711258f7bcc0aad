package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/outbox"
	"agora/pattern/outbox/outboxtest"
	"agora/telemetry"
)

// source is a Source in memory.
type source struct {
	mu       sync.Mutex
	messages []outbox.Message
	mark     uint64
	markFail error
}

func (s *source) add(n int) (last outbox.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		seq := uint64(len(s.messages)) + 1
		last = outbox.Message{Seq: seq, ID: fmt.Sprint("m", seq), At: time.Now(), Body: []byte("{}")}
		s.messages = append(s.messages, last)
	}
	return last
}

func (s *source) Pending(_ context.Context, limit int) ([]outbox.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.messages[s.mark:]
	return rest[:min(limit, len(rest))], nil
}

func (s *source) Relayed(_ context.Context, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.markFail; err != nil {
		s.markFail = nil
		return err
	}
	s.mark = max(s.mark, seq)
	return nil
}

func TestTheReferenceOfSource(t *testing.T) {
	outboxtest.Run(t, func(*testing.T) outboxtest.Fixture {
		s := &source{}
		return outboxtest.Fixture{Source: s, Add: func(*testing.T) outbox.Message { return s.add(1) }}
	})
}

// target records the messages that it receives, after a number of failures.
type target struct {
	got   []string
	fails int
}

func (g *target) publish(_ context.Context, messages []outbox.Message) error {
	if g.fails > 0 {
		g.fails--
		return errors.New("away")
	}
	for _, m := range messages {
		g.got = append(g.got, m.ID)
	}
	return nil
}

func run(t *testing.T, s *source, g *target, during func(*outbox.Relay)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		relay := outbox.NewRelay(s, g.publish, outbox.Options{})
		var running sync.WaitGroup
		running.Go(func() { relay.Run(ctx) })
		during(relay)
		stop()
		running.Wait()
	})
}

func TestRelayCarriesInOrder(t *testing.T) {
	s, g := &source{}, &target{}
	s.add(2500)
	run(t, s, g, func(*outbox.Relay) { synctest.Wait() })
	if len(g.got) != 2500 || g.got[0] != "m1" || g.got[2499] != "m2500" {
		t.Errorf("%d messages arrived, want 2500 in order", len(g.got))
	}
}

func TestRelayIsWokenAndAlsoLooksByItself(t *testing.T) {
	s, g := &source{}, &target{}
	run(t, s, g, func(r *outbox.Relay) {
		synctest.Wait()
		s.add(1)
		r.Wake()
		time.Sleep(200 * time.Millisecond) // less than the interval of polls
		synctest.Wait()
		if len(g.got) != 1 {
			t.Errorf("woken, the relay carried %d messages, want 1", len(g.got))
		}
		s.add(1)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(g.got) != 2 {
			t.Errorf("after a second, the relay carried %d messages, want 2", len(g.got))
		}
	})
}

func TestRelayRepeatsRatherThanSkips(t *testing.T) {
	s, g := &source{markFail: errors.New("crashed before the mark")}, &target{fails: 3}
	s.add(2)
	run(t, s, g, func(*outbox.Relay) { time.Sleep(time.Minute) })
	if got, want := fmt.Sprint(g.got), "[m1 m2 m1 m2]"; got != want {
		t.Errorf("arrived %s, want %s: once unmarked, once marked", got, want)
	}
	if s.mark != 2 {
		t.Errorf("mark = %d, want 2", s.mark)
	}
}

func TestTheAgeOfAStuckOutboxGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := telemetry.NewMetrics()
		s, g := &source{}, &target{fails: 20}
		relay := outbox.NewRelay(s, g.publish, outbox.Options{Metrics: metrics})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { relay.Run(ctx) })
		age := func() float64 {
			t.Helper()
			synctest.Wait()
			v, ok := metrics.Value("agora_outbox_age_seconds")
			if !ok {
				t.Error("the age is not measured")
			}
			return v
		}
		if got := age(); got != 0 {
			t.Errorf("age of an empty outbox = %v, want 0", got)
		}
		s.add(1)
		time.Sleep(30 * time.Second)
		if got := age(); got < 25 || got > 30 { // the gauge is set at each retry, at most 5 s after the last
			t.Errorf("age after half a minute of failures = %v, want 25 to 30", got)
		}
		time.Sleep(5 * time.Minute)
		if got := age(); got != 0 || len(g.got) != 1 {
			t.Errorf("age = %v with %d messages carried on, want 0 with 1", got, len(g.got))
		}
		g.fails = 1_000_000
		s.add(1)
		time.Sleep(time.Minute)
		stop()
		running.Wait()
		if got := age(); got != 0 {
			t.Errorf("age = %v after the relay ended, want 0: another process may relay the rest", got)
		}
	})
}

func TestFlushEmptiesTheOutbox(t *testing.T) {
	s, g := &source{}, &target{}
	s.add(1500)
	relay := outbox.NewRelay(s, g.publish, outbox.Options{})
	if err := relay.Flush(t.Context()); err != nil || len(g.got) != 1500 {
		t.Errorf("flush = %v with %d messages, want all 1500", err, len(g.got))
	}
	g.fails = 1
	s.add(1)
	if err := relay.Flush(t.Context()); err == nil {
		t.Error("flush hides a failure")
	}
}
