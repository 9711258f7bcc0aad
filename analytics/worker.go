package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"agora/fault"
)

// Ports are what a worker works on.
type Ports struct {
	Log       EventLog
	State     StateStore
	Catalogue Catalogue
	Files     Files
}

// Worker folds a log: it reads the records, commits an epoch at a time, and writes the files that are due. One goroutine uses
// it. After an error Step may be called again, unless the error has the code CodeStale: then another worker has gone on,
// or this one cannot know, and the caller opens a new one.
type Worker struct {
	ports Ports
	rules Rules
	head  *head
	parts []*part
	reads [][][]byte // by partition: records that have been read and not yet folded
	open  map[WindowKey]bool
	cuts  [][]Cut  // by partition: the files that are not in the catalogue, as far as known
	next  []Offset // by partition: where the catalogue is, as far as known
	ready *Commit  // made and perhaps not committed
}

// readSize is about how many bytes of the log are read at a time.
const readSize = 4 << 20

// maxWaiting is how many files of a partition may wait for the catalogue. The fold then waits too: the log is the buffer.
const maxWaiting = 4

// Open returns a worker that goes on where the state and the catalogue are.
func Open(ctx context.Context, ports Ports, rules Rules) (*Worker, error) {
	if err := rules.check(); err != nil {
		return nil, err
	}
	bounds, err := ports.Log.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("bounds of the log: %w", err)
	}
	partitions := len(bounds.End)
	w := &Worker{ports: ports, rules: rules, open: map[WindowKey]bool{}, cuts: make([][]Cut, partitions), reads: make([][][]byte, partitions)}
	for n := range partitions {
		w.parts = append(w.parts, newPart(n, &w.rules))
	}
	// The catalogue is asked first: the state then knows each file that the catalogue has.
	snapshot, err := ports.Catalogue.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("snapshot of the catalogue: %w", err)
	}
	w.next = snapshot.Next
	if err := w.load(ctx); err != nil {
		return nil, fmt.Errorf("load the state: %w", err)
	}
	if err := w.sweep(ctx, &snapshot); err != nil {
		return nil, err
	}
	return w, nil
}

// load reads the state and puts the partitions where it is.
func (w *Worker) load(ctx context.Context) error {
	loaded, err := loadState(ctx, w.ports.State)
	if err != nil {
		return err
	}
	w.head, w.open = loaded.head, loaded.open
	if w.head == nil {
		w.head = &head{Sources: map[SourceID]sourceState{}}
		for _, p := range w.parts {
			w.head.Parts = append(w.head.Parts, p.state)
		}
		return nil
	}
	if len(w.head.Parts) != len(w.parts) {
		return fault.New(fault.Conflict, "partitions_differ", fmt.Sprintf("the state has %d partitions, and the log %d", len(w.head.Parts), len(w.parts)))
	}
	for n, p := range w.parts {
		for _, c := range loaded.cuts[n] {
			if c.To > w.next[n] {
				w.cuts[n] = append(w.cuts[n], c)
			}
		}
		p.restore(w.head.Parts[n], w.cuts[n], loaded.erasures[n], w.next[n])
	}
	return nil
}

// Step does the next piece of work. It returns false if there is nothing to do before more records are in the log. It may
// have worked although it returns an error: while files cannot be written the fold goes on for a while.
func (w *Worker) Step(ctx context.Context) (bool, error) {
	if w.ready != nil {
		return true, w.commit(ctx)
	}
	wrote, failed := w.writeFiles(ctx)
	if wrote || failed != nil && w.waiting() >= maxWaiting {
		return wrote, failed
	}
	folded, err := w.fold(ctx)
	if folded || err != nil || failed != nil {
		return folded, errors.Join(err, failed)
	}
	return w.purge(ctx)
}

// waiting returns how many files of a partition wait for the catalogue at most.
func (w *Worker) waiting() int {
	most := 0
	for _, cuts := range w.cuts {
		most = max(most, len(cuts))
	}
	return most
}

// fold folds one epoch and commits it. It returns false if the log does not hold a whole one.
func (w *Worker) fold(ctx context.Context) (bool, error) {
	if err := w.readAll(ctx); err != nil {
		return false, err
	}
	deltas := w.closedDeltas()
	if deltas == nil {
		return false, nil
	}
	e := newEpoch(&w.rules, w.head, w.open, deltas)
	keys := e.keys()
	values, err := w.ports.State.Read(ctx, keys...)
	if err != nil {
		return false, fmt.Errorf("read the state: %w", err)
	}
	ready, err := e.merge(keys, values)
	if err != nil {
		return false, err
	}
	w.ready = ready
	return true, w.commit(ctx)
}

// readAll folds records until each partition has closed its epoch, or has no more records.
func (w *Worker) readAll(ctx context.Context) error {
	for {
		more := false
		for n, p := range w.parts {
			if p.closed {
				continue
			}
			if len(w.reads[n]) == 0 {
				records, err := w.ports.Log.Read(ctx, n, p.state.Next, readSize)
				if err != nil {
					return fmt.Errorf("read partition %d of the log: %w", n, err)
				}
				w.reads[n] = records
			}
			more = more || len(w.reads[n]) > 0
		}
		if !more {
			return nil
		}
		if err := w.applyAll(); err != nil {
			return err
		}
	}
}

// applyAll folds what has been read, in all partitions side by side: they share nothing.
func (w *Worker) applyAll() error {
	var wait sync.WaitGroup
	failed := make([]error, len(w.parts))
	for n, p := range w.parts {
		wait.Go(func() {
			for !p.closed && len(w.reads[n]) > 0 && failed[n] == nil {
				if failed[n] = p.apply(w.reads[n][0]); failed[n] == nil {
					w.reads[n] = w.reads[n][1:]
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// closedDeltas returns what the next epoch consists of, or nil if not all partitions have come to its end. A partition that
// lacks a tick, because whoever made ticks crashed in between, has nothing in that epoch.
func (w *Worker) closedDeltas() []*delta {
	for _, p := range w.parts {
		if !p.closed {
			return nil
		}
	}
	first := slices.MinFunc(w.parts, func(a, b *part) int { return int(a.delta.epoch - b.delta.epoch) }).delta.epoch
	var deltas []*delta
	for _, p := range w.parts {
		if p.delta.epoch == first {
			deltas = append(deltas, p.delta)
		}
	}
	return deltas
}

// commit commits what is ready. The commit is made once and tried until it is known: to fold the records a second time would
// find each identifier in the table.
func (w *Worker) commit(ctx context.Context) error {
	c := w.ready
	err := w.ports.State.Commit(ctx, c.From, c.To, c.Changes)
	if fault.CodeOf(err) == CodeStale {
		// Perhaps an earlier try has happened, or another worker has made the same commit: one log gives one state.
		if at, err := epochOf(ctx, w.ports.State); err != nil {
			return err
		} else if at != c.To {
			return ErrStale("the state")
		}
	} else if err != nil {
		return fmt.Errorf("commit epoch %d: %w", c.To, err)
	}
	w.ready, w.head = nil, c.head
	for _, k := range c.opened {
		w.open[k] = true
	}
	for _, k := range c.ended {
		delete(w.open, k)
	}
	for _, cut := range c.cuts {
		w.cuts[cut.Partition] = append(w.cuts[cut.Partition], cut)
	}
	for _, p := range w.parts {
		if p.closed && p.delta.epoch == c.To {
			p.begin()
		}
	}
	return nil
}

// Tick appends the tick that closes the present epoch, and returns its number. Until Step has seen all ticks that other
// workers made, the number may be one that says nothing any more.
func (w *Worker) Tick(ctx context.Context, at Micros) (int64, error) {
	number := w.head.Epoch
	for _, p := range w.parts {
		number = max(number, p.state.Epoch)
	}
	record := Tick{Epoch: number + 1, At: at}.Append(nil)
	for n := range w.parts {
		if _, err := w.ports.Log.Append(ctx, n, record); err != nil {
			return 0, fmt.Errorf("append tick %d to partition %d: %w", number+1, n, err)
		}
	}
	return number + 1, nil
}
