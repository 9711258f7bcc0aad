package feed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/lead"
)

const (
	workerTick   = 100 * time.Millisecond // how often a Worker looks whether a run is due
	idlePeriod   = time.Hour              // how often it looks for idle users
	idleAtOnce   = 1000
	guessedReach = 100 // followers of an author, before any run has shown how many there are
)

// Worker builds the timelines of the partitions that this server leads, with one run for all of them. A server that stops or
// hangs loses its partitions to the others within seconds. Set the fields, then call Run.
type Worker struct {
	Builder    *Builder      // used by nobody else
	Divider    lead.Divider  // elects the servers; nil means that this one is alone
	Every      time.Duration // the longest time between two runs
	Deliveries int           // a run begins earlier when about so many are waiting
	IdleAfter  time.Duration // without a read, a user's timeline is dropped
	Log        *slog.Logger  // may be nil

	mu      sync.Mutex   // held during a run
	mine    map[int]bool // partitions that this server leads
	leads   map[int]*Lead
	reach   float64 // deliveries of a record, lately
	ran     time.Time
	idledAt map[int]time.Time
}

// WorkerGroup is the group of the servers that build timelines.
const WorkerGroup = "feed.timelines"

// Run builds timelines until ctx ends. It returns errors that a repetition does not mend, such as ErrLogRestored.
func (w *Worker) Run(ctx context.Context) error {
	w.Log = cmp.Or(w.Log, slog.New(slog.DiscardHandler))
	w.mine, w.leads, w.idledAt, w.reach = map[int]bool{}, map[int]*Lead{}, map[int]time.Time{}, guessedReach
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	built := make(chan error, 1)
	go func() {
		defer cancel()
		built <- w.build(ctx)
	}()
	share := lead.Share{Divider: w.Divider, Group: WorkerGroup, Parts: w.Builder.Shape.Graph, Log: w.Log}
	err := share.Run(ctx, w.hold)
	cancel()
	return errors.Join(err, <-built)
}

// hold leads a partition until ctx ends. It waits for the end of a run, so that the next leader finds nothing in progress.
func (w *Worker) hold(ctx context.Context, partition int) error {
	w.mu.Lock()
	w.mine[partition] = true
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.mine, partition)
	delete(w.leads, partition)
	return nil
}

// build runs the builder whenever it is time, until ctx ends.
func (w *Worker) build(ctx context.Context) error {
	delays := backoff.Delays{First: workerTick, Longest: 10 * time.Second}
	for ctx.Err() == nil {
		err := w.once(ctx)
		switch {
		case err == nil:
			delays.Reset()
			backoff.Sleep(ctx, workerTick)
		case ctx.Err() != nil:
		case fault.Passing(err), fault.Is(err, fault.Stale):
			w.Log.WarnContext(ctx, "timelines could not be written", "error", err)
			backoff.Sleep(ctx, delays.Next())
		default:
			return err
		}
	}
	return nil
}

// once makes a run if it is time.
func (w *Worker) once(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var leads []*Lead
	for p := range w.mine {
		if w.leads[p] == nil {
			l, err := w.Builder.Claim(ctx, p)
			if err != nil {
				return err
			}
			w.leads[p] = l
			w.ran = time.Time{} // what the leader before has left is due
		}
		leads = append(leads, w.leads[p])
	}
	if len(leads) == 0 {
		return nil
	}
	due, err := w.due(ctx, leads)
	if err == nil && due {
		err = w.run(ctx, leads)
	}
	if err == nil {
		err = w.dropIdle(ctx)
	}
	if err != nil {
		clear(w.leads) // a write may be on its way: the next Claim makes it fail
	}
	return err
}

// due reports whether it is time for a run, or so much waits for one that it has to begin earlier. A run without anything new
// finds out whether the timelines are still there.
func (w *Worker) due(ctx context.Context, leads []*Lead) (bool, error) {
	if time.Since(w.ran) >= w.Every {
		return true, nil
	}
	waiting, err := w.Builder.waiting(ctx, leads)
	return float64(waiting)*w.reach >= float64(w.Deliveries), err
}

// waiting returns how many posts the next run of leads will find.
func (b *Builder) waiting(ctx context.Context, leads []*Lead) (posts int64, err error) {
	ends, err := b.Log.Ends(ctx, PostsTopic)
	if err != nil {
		return 0, err
	}
	from := leads[0].fence.Row.Posts
	for _, l := range leads {
		from = lower(from, l.fence.Row.Posts)
	}
	for p, at := range from {
		posts += ends[p].Next - at.Offset()
	}
	return posts, nil
}

func (w *Worker) run(ctx context.Context, leads []*Lead) error {
	began := time.Now()
	stats, err := w.Builder.Run(ctx, leads...)
	if err != nil {
		return err
	}
	w.ran = began
	if stats.Records > 0 {
		w.reach = 0.8*w.reach + 0.2*float64(stats.Deliveries)/float64(stats.Records)
	}
	w.Builder.Monitor.ran(stats, time.Since(began))
	return nil
}

// dropIdle drops the timelines of users who have not read for long. A user who reads again gets a new one. The users are
// forgotten after the drop, so that a crash in between repeats it.
func (w *Worker) dropIdle(ctx context.Context) error {
	for p, l := range w.leads {
		if time.Since(w.idledAt[p]) < idlePeriod {
			continue
		}
		before := time.Now().Add(-w.IdleAfter)
		users, err := w.Builder.Graph.Idle(ctx, p, before, idleAtOnce)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			if err := w.Builder.Timelines.Drop(ctx, l.fence.Epoch, users...); err != nil {
				return err
			}
			if err := w.Builder.Graph.Forget(ctx, before, users...); err != nil {
				return err
			}
		}
		if len(users) < idleAtOnce {
			w.idledAt[p] = time.Now()
		}
	}
	return nil
}
