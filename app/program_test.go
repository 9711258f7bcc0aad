package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
)

// diary is what the modules of a test did, in order.
type diary struct{ entries []string }

// module returns a module that writes down its start and its stop.
func (d *diary) module(name string) Module {
	return Module{
		Name:  name,
		Start: func(context.Context) error { d.entries = append(d.entries, "start "+name); return nil },
		Stop:  func(context.Context) error { d.entries = append(d.entries, "stop "+name); return nil },
	}
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(d.entries, want) {
		t.Errorf("did %q, want %q", d.entries, want)
	}
}

func program(modules ...Module) *Program {
	p := NewProgram(slog.New(slog.DiscardHandler), 0, 10*time.Second)
	p.Add(modules...)
	return p
}

// background runs the program until stop is called; then result holds what Run returned.
func background(t *testing.T, p *Program) (stop context.CancelFunc, result chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	result = make(chan error, 1)
	go func() { result <- p.Run(ctx) }()
	return stop, result
}

func TestModulesStopInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p := program(d.module("store"), d.module("workers"), d.module("server"))
		if err := p.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("ready before the start: %v", err)
		}
		stop, result := background(t, p)
		synctest.Wait()
		if err := p.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
		stop()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := p.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("ready after the end: %v", err)
		}
		d.expect(t, "start store", "start workers", "start server", "stop server", "stop workers", "stop store")
	})
}

func TestAFailedStartStopsWhatIsStarted(t *testing.T) {
	var d diary
	broken := Module{
		Name:  "broken",
		Start: func(context.Context) error { return errors.New("disk full") },
		Stop:  func(context.Context) error { d.entries = append(d.entries, "stop broken"); return nil },
	}
	err := program(d.module("a"), d.module("b"), broken, d.module("never")).Run(t.Context())
	if err == nil || err.Error() != "start broken: disk full" {
		t.Errorf("Run = %v, want start broken: disk full", err)
	}
	d.expect(t, "start a", "start b", "stop b", "stop a")
}

func TestASignalDuringTheStartIsNoFailure(t *testing.T) {
	var d diary
	ctx, cancel := context.WithCancel(t.Context())
	slow := Module{Name: "slow", Start: func(ctx context.Context) error { cancel(); return ctx.Err() }}
	if err := program(d.module("a"), slow, d.module("never")).Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	d.expect(t, "start a", "stop a")
}

func TestAModuleThatEndsStopsTheProgram(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"with an error", errors.New("log is broken"), "relay: log is broken"},
		{"without one", nil, "relay: ended before it was stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				relay := d.module("relay")
				relay.Run = func(context.Context) error { time.Sleep(time.Hour); return tt.err }
				err := program(d.module("store"), relay, d.module("server")).Run(t.Context())
				if err == nil || err.Error() != tt.want {
					t.Errorf("Run = %v, want %s", err, tt.want)
				}
				d.expect(t, "start store", "start relay", "start server", "stop server", "stop relay", "stop store")
			})
		})
	}
}

func TestStopHasTheHelpOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush, flushed := make(chan struct{}), make(chan struct{})
		worker := Module{
			Name: "worker",
			Run: func(ctx context.Context) error {
				select {
				case <-flush:
					close(flushed)
				case <-ctx.Done():
					return errors.New("ended before it could flush")
				}
				<-ctx.Done()
				return ctx.Err()
			},
			Stop: func(ctx context.Context) error {
				close(flush)
				select {
				case <-flushed:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		}
		stop, result := background(t, program(worker))
		synctest.Wait()
		stop()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestAModuleThatDoesNotStopIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		stuck := Module{Name: "stuck", Run: func(context.Context) error { <-release; return nil }}
		stop, result := background(t, program(d.module("store"), stuck))
		synctest.Wait()
		begin := time.Now()
		stop()
		err := <-result
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("stopping took %v, want the grace of 10s", took)
		}
		if err == nil || err.Error() != "stuck is still running after 10s" {
			t.Errorf("Run = %v", err)
		}
		d.expect(t, "start store", "stop store")
		close(release)
	})
}

func TestStoppingGoesOnPastAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		bad := Module{Name: "bad", Stop: func(context.Context) error { return errors.New("cannot sync") }}
		stop, result := background(t, program(d.module("store"), bad))
		synctest.Wait()
		stop()
		if err := <-result; err == nil || err.Error() != "stop bad: cannot sync" {
			t.Errorf("Run = %v, want stop bad: cannot sync", err)
		}
		d.expect(t, "start store", "stop store")
	})
}

func TestReadyAsksTheModules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away error
		p := program(Module{Name: "fine"}, Module{Name: "orders", Check: func(context.Context) error { return away }})
		stop, result := background(t, p)
		synctest.Wait()
		if err := p.Ready(t.Context()); err != nil {
			t.Errorf("Ready = %v", err)
		}
		away = errors.New("database is locked")
		if err := p.Ready(t.Context()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "orders is not ready") {
			t.Errorf("Ready = %v, want unavailable, naming orders", err)
		}
		stop()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestTheProgramGoesOnForTheDrain is the time in which load balancers notice that it is not ready.
func TestTheProgramGoesOnForTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan time.Time, 1)
		p := program(Module{Name: "server", Stop: func(context.Context) error { stopped <- time.Now(); return nil }})
		p.drain = 3 * time.Second
		stop, result := background(t, p)
		synctest.Wait()
		asked := time.Now()
		stop()
		synctest.Wait()
		if err := p.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("ready in the drain: %v", err)
		}
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
		if after := (<-stopped).Sub(asked); after != p.drain {
			t.Errorf("stopped after %v, want %v", after, p.drain)
		}
	})
}

// TestTheDrainEndsWithAPartOfTheProgram has nothing to go on for when a part has failed.
func TestTheDrainEndsWithAPartOfTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := make(chan struct{})
		p := program(Module{Name: "worker", Run: func(context.Context) error { <-fail; return errors.New("disk full") }})
		p.drain = time.Hour
		stop, result := background(t, p)
		synctest.Wait()
		stop()
		synctest.Wait()
		begin := time.Now()
		close(fail)
		if err := <-result; err == nil || time.Since(begin) != 0 {
			t.Errorf("Run = %v after %v, want the failure at once", err, time.Since(begin))
		}
	})
}
