package lead

import (
	"context"
	"sync"

	"agora/fault"
)

// Memory is the in-memory reference: an election between the processes that Process returns.
type Memory struct {
	mu      sync.Mutex
	leaders map[string]*Process // by task
	members map[string]map[*Process]bool
}

// NewMemory returns a Memory in which nobody leads.
func NewMemory() *Memory {
	return &Memory{leaders: map[string]*Process{}, members: map[string]map[*Process]bool{}}
}

// Process returns the Leader of one more process.
func (m *Memory) Process() *Process {
	p := &Process{memory: m}
	p.connect()
	return p
}

// Process is a Divider of Memory.
type Process struct {
	memory *Memory
	alive  context.Context // ends with the connection
	lose   context.CancelCauseFunc
}

func (p *Process) connect() {
	p.alive, p.lose = context.WithCancelCause(context.Background())
}

// Crash ends all leads and memberships, like a broken connection. The process can win new ones at once.
func (p *Process) Crash() {
	p.memory.mu.Lock()
	defer p.memory.mu.Unlock()
	for task, leader := range p.memory.leaders {
		if leader == p {
			delete(p.memory.leaders, task)
		}
	}
	for _, members := range p.memory.members {
		delete(members, p)
	}
	p.lose(fault.New(fault.Unavailable, "", "the connection broke"))
	p.connect()
}

// Lead implements Leader.
func (p *Process) Lead(ctx context.Context, task string, work func(ctx context.Context) error) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p.memory.mu.Lock()
	if p.memory.leaders[task] != nil {
		p.memory.mu.Unlock()
		return false, nil
	}
	p.memory.leaders[task] = p
	alive := p.alive
	p.memory.mu.Unlock()
	return true, p.hold(ctx, alive, work, func() { delete(p.memory.leaders, task) })
}

// Join implements Divider.
func (p *Process) Join(ctx context.Context, group string, work func(ctx context.Context, members Count) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.memory.mu.Lock()
	members := p.memory.members[group]
	if members[p] {
		p.memory.mu.Unlock()
		return ErrJoined(group)
	}
	if members == nil {
		members = map[*Process]bool{}
		p.memory.members[group] = members
	}
	members[p] = true
	alive := p.alive
	p.memory.mu.Unlock()
	count := func(context.Context) (int, error) {
		p.memory.mu.Lock()
		defer p.memory.mu.Unlock()
		return len(members), nil
	}
	return p.hold(ctx, alive, func(ctx context.Context) error { return work(ctx, count) }, func() { delete(members, p) })
}

// hold calls work and then release, unless the connection broke meanwhile.
func (p *Process) hold(ctx, alive context.Context, work func(ctx context.Context) error, release func()) error {
	held, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })
	err := work(held)
	stop()
	cancel(nil)
	p.memory.mu.Lock()
	defer p.memory.mu.Unlock()
	if alive.Err() != nil {
		if ctx.Err() == nil {
			err = context.Cause(alive)
		}
		return err
	}
	release()
	return err
}
