package lead

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"agora/backoff"
	"agora/fault"
)

// Divider is a Leader that counts the processes that are members of a group.
type Divider interface {
	Leader
	// Join makes the process a member of the group while work runs. The context of work ends when the membership is
	// lost, as does that of all leads of the process; Join then returns a fault.Unavailable. A process can join a group once
	// at a time.
	Join(ctx context.Context, group string, work func(ctx context.Context, members Count) error) error
}

// Count returns how many processes are members of a group now, the caller included.
type Count func(ctx context.Context) (int, error)

// ErrJoined returns the error of a process that joins a group of which it is a member.
func ErrJoined(group string) error {
	return fault.New(fault.Conflict, "already_joined", "this process is a member of "+group+" already")
}

// Share is this process's share of work that has several parts, such as the partitions of a topic. Each part is led by one
// process at a time. With n members, each leads at most ceil(Parts/n) parts, and gives up the surplus when others join.
// Set the fields, then call Run.
type Share struct {
	Divider Divider // elects the processes; nil means that this one is alone and leads all parts
	Group   string  // the same in each process; part 3 is the task Group/3
	Parts   int     // they are numbered from 0
	Log     *slog.Logger
}

// Run calls work for each part that this process leads, concurrently, until ctx ends. The context of work ends when the
// process loses the part or gives it up, and no other process wins a part that was given up before its work has returned.
// An error of the work or of the election ends Run unless a retry can help (fault.Passing).
func (s Share) Run(ctx context.Context, work func(ctx context.Context, part int) error) error {
	s.Log = cmp.Or(s.Log, slog.New(slog.DiscardHandler)).With("group", s.Group)
	if s.Divider == nil {
		return s.runAll(ctx, work)
	}
	for ctx.Err() == nil {
		err := s.Divider.Join(ctx, s.Group, func(ctx context.Context, members Count) error {
			return s.divide(ctx, members, work)
		})
		switch {
		case err == nil, ctx.Err() != nil:
		case fault.Passing(err):
			s.Log.WarnContext(ctx, "the parts of this server are lost, or cannot be tried for", "error", err)
		default:
			return fmt.Errorf("%s: %w", s.Group, err)
		}
		backoff.Sleep(ctx, Campaign)
	}
	return nil
}

func (s Share) runAll(ctx context.Context, work func(ctx context.Context, part int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, s.Parts)
	for part := range s.Parts {
		go func() { ended <- work(ctx, part) }()
	}
	var errs []error
	for range s.Parts {
		err := <-ended
		if err != nil {
			cancel()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// divide leads the share of a member until ctx ends, and returns after all work has returned.
func (s Share) divide(ctx context.Context, members Count, work func(ctx context.Context, part int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	d := &division{Share: s, work: work, led: map[int]context.CancelFunc{}, failed: make(chan error, 1)}
	defer d.running.Wait()
	defer cancel()
	for ctx.Err() == nil {
		if err := d.adjust(ctx, members); err != nil && ctx.Err() == nil {
			return err
		}
		wait, done := context.WithTimeout(ctx, Campaign)
		select {
		case err := <-d.failed:
			done()
			return err
		case <-wait.Done():
			done()
		}
	}
	return nil
}

// division is a running Share.
type division struct {
	Share
	work    func(ctx context.Context, part int) error
	running sync.WaitGroup
	failed  chan error // the first error of a part

	mu    sync.Mutex
	led   map[int]context.CancelFunc // gives up a led part, by part
	order []int                      // the led parts, in the order in which they were won
	next  int                        // the part to try first
}

// adjust gives up surplus parts, or tries to lead missing ones.
func (d *division) adjust(ctx context.Context, members Count) error {
	n, err := members(ctx)
	if err != nil {
		return err
	}
	quota := (d.Parts + max(n, 1) - 1) / max(n, 1)
	d.giveUp(quota)
	for range d.Parts {
		d.mu.Lock()
		part, missing := d.next, len(d.led) < quota
		d.next = (d.next + 1) % d.Parts
		_, mine := d.led[part]
		d.mu.Unlock()
		if !missing {
			return nil
		}
		if mine {
			continue
		}
		if err := d.try(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// giveUp ends the work on the parts that were won last, down to the quota.
func (d *division) giveUp(quota int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range d.order[min(quota, len(d.order)):] {
		d.led[part]()
	}
}

// try tries to lead a part, and returns when it leads or another process does.
func (d *division) try(ctx context.Context, part int) error {
	known := make(chan error, 1)
	d.running.Go(func() {
		begun := false
		_, err := d.Divider.Lead(ctx, fmt.Sprintf("%s/%d", d.Group, part), func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			d.add(part, cancel)
			defer d.remove(part)
			begun = true
			known <- nil
			d.Log.InfoContext(ctx, "this server leads", "part", part)
			return d.work(ctx, part)
		})
		if !begun {
			known <- err
		} else if err != nil && ctx.Err() == nil {
			select {
			case d.failed <- err:
			default:
			}
		}
	})
	return <-known
}

func (d *division) add(part int, cancel context.CancelFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.led[part] = cancel
	d.order = append(d.order, part)
}

func (d *division) remove(part int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.led, part)
	d.order = slices.DeleteFunc(d.order, func(p int) bool { return p == part })
}
