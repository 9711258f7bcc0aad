package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"agora/fault"
)

// Module is one part of the running program. Modules are started in the order in which they were added and
// stopped in the reverse one, so that each may use those before it from its Start to the end of its Stop.
// Every function may be nil.
type Module struct {
	// Name is for people: "order store".
	Name string
	// Start makes the module usable and returns. What it began must be undone if it returns an error.
	Start func(ctx context.Context) error
	// Run works until its context ends. It begins when Start has returned. If it returns before it is asked
	// to, with an error or without, the whole program stops.
	Run func(ctx context.Context) error
	// Check says why the module cannot do its work at the moment, or nil. It is asked for readiness only.
	Check func(ctx context.Context) error
	// Stop finishes what the module began and gives back what Start took. Run's context ends after it, so
	// that Stop can still have Run's help to send what is held back.
	Stop func(ctx context.Context) error
}

// Program starts modules, keeps them running, and stops them. The order in which a program ends is: it is
// no longer ready, the last module stops (the HTTP server: it takes no new requests and finishes those it
// has), then those before it (workers flush what they hold), and the stores close at the end. Between the first
// two, load balancers have time to notice.
type Program struct {
	log     *slog.Logger
	drain   time.Duration
	grace   time.Duration
	modules []Module
	ready   atomic.Bool
}

// NewProgram returns a program without modules. Asked to stop, it goes on for the time of drain, not ready, before
// it begins to; then each module gets the grace, a time above zero.
func NewProgram(log *slog.Logger, drain, grace time.Duration) *Program {
	return &Program{log: log, drain: drain, grace: grace}
}

// Add appends modules. It must not be called any more when Run was.
func (p *Program) Add(modules ...Module) { p.modules = append(p.modules, modules...) }

// Run starts all modules and stops them when ctx ends or one of them fails. It returns nil if it was asked
// to stop and all of it went well, and otherwise everything that went wrong.
func (p *Program) Run(ctx context.Context) error {
	ended := make(chan struct{}, len(p.modules))
	started, err := p.start(ctx, ended)
	if err == nil {
		p.ready.Store(true)
		p.log.InfoContext(ctx, "ready")
		select {
		case <-ctx.Done():
			p.log.InfoContext(ctx, "stopping", "reason", context.Cause(ctx), "drain", p.drain)
			p.leave(ended)
		case <-ended:
			p.ready.Store(false)
			p.log.ErrorContext(ctx, "stopping", "reason", "a part of the program ended by itself")
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // asked to stop while it was starting
	}
	return errors.Join(err, p.stop(context.WithoutCancel(ctx), started))
}

// leave makes the program not ready and goes on for the time that others need to notice, as long as it can.
func (p *Program) leave(ended <-chan struct{}) {
	p.ready.Store(false)
	select {
	case <-time.After(p.drain):
	case <-ended:
	}
}

// start starts the modules in order, up to the first that fails, and returns those that are started.
func (p *Program) start(ctx context.Context, ended chan<- struct{}) ([]*running, error) {
	var started []*running
	for _, m := range p.modules {
		if err := ctx.Err(); err != nil {
			return started, err
		}
		begin := time.Now()
		if m.Start != nil {
			if err := m.Start(ctx); err != nil {
				return started, fmt.Errorf("start %s: %w", m.Name, err)
			}
		}
		started = append(started, run(context.WithoutCancel(ctx), m, ended))
		p.log.DebugContext(ctx, "started", "module", m.Name, "took", time.Since(begin))
	}
	return started, nil
}

// stop stops the modules in reverse order and goes on past those that fail to.
func (p *Program) stop(ctx context.Context, started []*running) error {
	var failures []error
	for _, r := range slices.Backward(started) {
		begin := time.Now()
		if err := r.stop(ctx, p.grace); err != nil {
			failures = append(failures, err)
		}
		p.log.DebugContext(ctx, "stopped", "module", r.Name, "took", time.Since(begin))
	}
	return errors.Join(failures...)
}

// Ready returns nil if all modules are started and can do their work, and otherwise an Unavailable error
// that names the first that cannot.
func (p *Program) Ready(ctx context.Context) error {
	if !p.ready.Load() {
		return fault.New(fault.Unavailable, "not_ready", "the program is starting or stopping")
	}
	for _, m := range p.modules {
		if m.Check == nil {
			continue
		}
		if err := m.Check(ctx); err != nil {
			return fault.Wrap(fault.Unavailable, err, m.Name+" is not ready")
		}
	}
	return nil
}

// running is a module that was started.
type running struct {
	Module
	cancel   context.CancelFunc
	stopping atomic.Bool
	done     chan struct{} // closed when Run has returned
	err      error         // what Run returned; to be read after done
}

// run begins the module's Run, if it has one, and sends to ended if it returns before it is asked to.
func run(ctx context.Context, m Module, ended chan<- struct{}) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{Module: m, cancel: cancel, done: make(chan struct{})}
	if m.Run == nil {
		close(r.done)
		return r
	}
	go func() {
		defer close(r.done)
		r.err = m.Run(ctx)
		if r.stopping.Load() {
			return
		}
		if r.err == nil {
			r.err = errors.New("ended by itself")
		}
		ended <- struct{}{}
	}()
	return r
}

// stop asks the module to stop, ends its Run, and waits for both, each no longer than the grace.
func (r *running) stop(ctx context.Context, grace time.Duration) error {
	defer r.cancel()
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	r.stopping.Store(true)
	var err error
	if r.Stop != nil {
		if err = r.Stop(ctx); err != nil {
			err = fmt.Errorf("stop %s: %w", r.Name, err)
		}
	}
	r.cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("%s is still at work after %v", r.Name, grace))
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		return errors.Join(err, fmt.Errorf("%s: %w", r.Name, r.err))
	}
	return err
}
