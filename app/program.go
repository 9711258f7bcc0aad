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

// Module is one part of the running program. Modules start in the order in which they were added, and stop in the reverse order.
// So a module can use the modules before it from its Start to the end of its Stop. Every function may be nil.
type Module struct {
	// Name is the name for people: "order store".
	Name string
	// Start makes the module usable and returns. If it returns an error, it has released what it acquired.
	Start func(ctx context.Context) error
	// Run works until its context ends. It is called after Start. If Run returns before its context ends, the whole program stops,
	// even without an error.
	Run func(ctx context.Context) error
	// Check returns why the module cannot work now, or nil. Only readiness calls it.
	Check func(ctx context.Context) error
	// Stop finishes the work of the module and releases what Start acquired. The context of Run ends after Stop, so that Run can
	// still send buffered data.
	Stop func(ctx context.Context) error
}

// Program starts modules, runs them, and stops them. A program ends in these steps: it becomes not ready; it waits for drain, so
// that load balancers notice; the HTTP server, which is the last module, finishes its requests; the modules before it stop
// (workers flush their buffers); the stores close.
type Program struct {
	log     *slog.Logger
	drain   time.Duration
	grace   time.Duration
	modules []Module
	ready   atomic.Bool
}

// NewProgram returns a program without modules. When a program is stopped, it first continues for the time of drain without being
// ready. Then each module has the time of grace to stop. grace has to be above zero.
func NewProgram(log *slog.Logger, drain, grace time.Duration) *Program {
	return &Program{log: log, drain: drain, grace: grace}
}

// Add appends modules. It must not be called after Run.
func (p *Program) Add(modules ...Module) { p.modules = append(p.modules, modules...) }

// Run starts all modules, and stops them when ctx ends or a module fails. It returns nil if ctx ended and every module stopped
// without an error, otherwise all errors.
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
			p.log.ErrorContext(ctx, "stopping", "reason", "a module ended before it was stopped")
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // stopped during the start
	}
	return errors.Join(err, p.stop(context.WithoutCancel(ctx), started))
}

// leave makes the program not ready and waits until drain is over or a module ends.
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

// stop stops all modules in reverse order, even if some of them fail to stop.
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

// Ready returns nil if all modules are started and can work, otherwise an Unavailable error that names the first module that
// cannot.
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
	err      error         // result of Run; read it after done is closed
}

// run calls the module's Run in a goroutine. It sends to ended if Run returns before the module is stopped.
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
			r.err = errors.New("ended before it was stopped")
		}
		ended <- struct{}{}
	}()
	return r
}

// stop calls Stop, ends Run, and waits for both, for the time of grace at most.
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
		return errors.Join(err, fmt.Errorf("%s is still running after %v", r.Name, grace))
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		return errors.Join(err, fmt.Errorf("%s: %w", r.Name, r.err))
	}
	return err
}
