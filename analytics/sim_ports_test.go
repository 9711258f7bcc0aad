package analytics

import (
	"context"
	"errors"

	"agora/fault"
)

var (
	errAway = errors.New("the store is away")
	errFull = fault.New(fault.Exhausted, "disk_full", "the disk is full")
)

// killed is the panic that ends a worker in the middle of what it does.
type killed struct{}

// simPorts are the ports of one worker. They fail, are full, kill the worker before or after what they do, or do it when the
// next worker is at work, as a worker that hangs does.
type simPorts struct {
	world *world
	dead  bool
}

func (s *simPorts) ports() Ports {
	return Ports{Log: s, State: simState{s}, Catalogue: simCatalogue{s}, Files: s}
}

// call does something that may change a store.
func (s *simPorts) call(write bool, do func() error) error {
	w := s.world
	if s.dead {
		panic(killed{})
	}
	w.calls++
	w.hung()
	if write && w.full {
		return errFull
	}
	switch fate := w.fate(); {
	case fate < w.odds && write && w.rng.IntN(3) == 0:
		w.late = append(w.late, do)
		s.kill()
	case fate < w.odds:
		s.kill()
	case fate < 2*w.odds:
		_ = do()
		s.kill()
	case fate < 3*w.odds:
		return errAway
	case fate < 4*w.odds:
		_ = do()
		return errAway
	}
	return do()
}

// lake is call for something that changes the lake, which may be away for a longer time.
func (s *simPorts) lake(do func() error) error {
	if s.world.away {
		return errAway
	}
	return s.call(true, do)
}

func (s *simPorts) kill() {
	s.dead = true
	panic(killed{})
}

// Append implements EventLog.
func (s *simPorts) Append(ctx context.Context, partition int, records ...[]byte) (at Offset, err error) {
	err = s.call(true, func() (err error) {
		at, err = s.world.log.Append(ctx, partition, records...)
		return err
	})
	return at, err
}

// Read implements EventLog.
func (s *simPorts) Read(ctx context.Context, partition int, from Offset, _ int) (records [][]byte, err error) {
	err = s.call(false, func() (err error) {
		if begin := s.world.begin[partition]; from < begin {
			return ErrTrimmed(partition, begin)
		}
		records, err = s.world.log.Read(ctx, partition, from, 1+s.world.rng.IntN(2000))
		return err
	})
	return records, err
}

// Bounds implements EventLog.
func (s *simPorts) Bounds(ctx context.Context) (b Bounds, err error) {
	err = s.call(false, func() (err error) {
		b, err = s.world.log.Bounds(ctx)
		return err
	})
	return b, err
}

// Trim implements EventLog. The world keeps the records, to fold them again.
func (s *simPorts) Trim(_ context.Context, partition int, before Offset) error {
	return s.call(true, func() error {
		s.world.begin[partition] = max(s.world.begin[partition], before)
		return nil
	})
}

type simState struct{ *simPorts }

// Scan implements StateStore.
func (s simState) Scan(ctx context.Context, prefix []byte, each func(key, value []byte) error) error {
	return s.call(false, func() error { return s.world.state.Scan(ctx, prefix, each) })
}

// Read implements StateStore.
func (s simState) Read(ctx context.Context, keys ...[]byte) (values [][]byte, err error) {
	err = s.call(false, func() (err error) {
		values, err = s.world.state.Read(ctx, keys...)
		return err
	})
	return values, err
}

// Commit implements StateStore.
func (s simState) Commit(ctx context.Context, from, to int64, changes []Change) error {
	return s.call(true, func() error { return s.world.state.Commit(ctx, from, to, changes) })
}

type simCatalogue struct{ *simPorts }

// Snapshot implements Catalogue.
func (s simCatalogue) Snapshot(ctx context.Context) (found Snapshot, err error) {
	err = s.call(false, func() (err error) {
		found, err = s.world.catalogue.Snapshot(ctx)
		return err
	})
	return found, err
}

// Add implements Catalogue.
func (s simCatalogue) Add(ctx context.Context, files ...File) error {
	return s.lake(func() error { return s.world.catalogue.Add(ctx, files...) })
}

// Replace implements Catalogue.
func (s simCatalogue) Replace(ctx context.Context, before, after File) error {
	return s.lake(func() error { return s.world.catalogue.Replace(ctx, before, after) })
}

// Write implements Files. What it writes is what the rows are now, also if it is done late.
func (s *simPorts) Write(ctx context.Context, name string, rows *Rows) (size int64, err error) {
	var all []FileRow
	for i := range rows.Len() {
		all = append(all, rows.Row(i))
	}
	err = s.lake(func() (err error) {
		size, err = s.world.files.put(ctx, name, all)
		return err
	})
	return size, err
}

// Filter implements Files.
func (s *simPorts) Filter(ctx context.Context, from, to string, drop func(Stored) bool) (size int64, err error) {
	err = s.lake(func() (err error) {
		size, err = s.world.files.Filter(ctx, from, to, drop)
		return err
	})
	return size, err
}

// List implements Files.
func (s *simPorts) List(ctx context.Context) (names []string, err error) {
	err = s.call(false, func() (err error) {
		names, err = s.world.files.List(ctx)
		return err
	})
	return names, err
}

// Remove implements Files.
func (s *simPorts) Remove(ctx context.Context, names ...string) error {
	return s.lake(func() error { return s.world.files.Remove(ctx, names...) })
}
