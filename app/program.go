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

// Module is one part of the running program. Modules start in the order in which they were added and stop in the
// reverse order, so that each module can use the ones before it from its Start to the end of its Stop. Every function may be nil.
type Module struct {
	// Name is for people: "order store".
	Name string
	// Start makes the module usable and returns. What it began must be undone if it returns an error.
	Start func(ctx context.Context) error
	// Run works until its context ends. It begins when Start has returned. If Run returns earlier, with an error or
	// without, the whole program stops.
	Run func(ctx context.Context) error
	// Check returns why the module cannot work at the moment, or nil. Only readiness calls it.
	Check func(ctx context.Context) error
	// Stop finishes what the module began and releases what Start acquired. The context of Run ends after Stop, so that Run can
	// still send what is buffered.
	Stop func(ctx context.Context) error
}

// Program starts modules, runs them, and stops them. A program ends in this order: it is no longer ready; load balancers
// get the time of drain to notice; the last module stops, which is the HTTP server (it accepts no new requests and finishes
// the others); the modules before it stop (workers flush their buffers); the stores close.
type Program struct {
	log     *slog.Logger
	drain   time.Duration
	grace   time.Duration
	modules []Module
	ready   atomic.Bool
}

// NewProgram returns a program without modules. A program that is asked to stop first runs on for drain, not ready. Then each
// module gets the time of grace to stop, which has to be above zero.
func NewProgram(log *slog.Logger, drain, grace time.Duration) *Program {
	return &Program{log: log, drain: drain, grace: grace}
}

// Add appends modules. It must not be called after Run.
func (p *Program) Add(modules ...Module) { p.modules = append(p.modules, modules...) }

// Run starts all modules, and stops them when ctx ends or one of them fails. It returns nil if ctx ended and every module
// stopped without an error, and otherwise all errors.
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

// leave makes the program not ready and waits for drain, or until a module ends.
func (p *Program) leave(ended <-chan struct{}) {
	p.ready.Store(false)
	select {
	case <-time.After(p.drain):
	case <-ended:
	}
}

// start starts the modules in order until one fails, and returns the started ones.
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

// stop stops the modules in reverse order. A module that fails to stop does not keep the others from stopping.
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

// run begins the Run of a module, if there is one, and sends to ended if Run returns before it should.
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

// stop stops the module and ends its Run, and waits for both within the grace.
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
