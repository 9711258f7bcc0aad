package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/guard"
	"agora/pattern/lead"
)

// NodeOptions are what a Node is made of.
type NodeOptions struct {
	Shape     Shape // never changes for a log
	Log       eventlog.Log
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Trim      Trim // as the TimelineStore has it
	Users     Users
	Products  Products      // nil if no post may have a product
	Posting   guard.Limiter // of the posts of each author; nil sets no limit
	Divider   lead.Divider  // elects the servers that share the log; nil means that this one is alone

	Strategy  Strategy
	Threshold Threshold     // of Hybrid
	MaxPulled int           // the most authors whose posts a page pulls
	MaxPulls  int           // the most pages that pull the posts of all followed authors at a time; 0 sets no bound
	Memory    int           // bytes of all caches
	Every     time.Duration // the longest time between two runs of the worker
	IdleAfter time.Duration // without a read, a user's timeline is dropped
	Keep      time.Duration // how long records stay in the log, at least until the timelines have them
	Restored  bool          // the log was restored from an older copy; of one start of one server

	Monitor *Monitor     // nil measures nothing
	Streams *HubMonitor  // nil measures nothing
	Logger  *slog.Logger // nil logs nothing
}

// The bounds of a worker's run.
const (
	runRecords    = 50_000    // of a partition
	runOperands   = 10_000    // of one call of Merge
	runDeliveries = 8_000_000 // at which a run begins early
)

// keptDeletes is how long a tail keeps deletions: longer than anybody caches a page.
const keptDeletes = 10 * time.Minute

// trimPeriod is how often old records of the log are deleted.
const trimPeriod = 10 * time.Minute

// maxMissed is how many events a live stream may have missed and still go on.
const maxMissed = 500

// Node is a server of the feed. Open it with OpenNode and call Run.
type Node struct {
	Service *Service
	Hub     *Hub // of the live streams

	options  NodeOptions
	epochs   Epochs
	follower *Builder // of the tail
	worker   *Worker
}

// OpenNode reads the newest records of the log, so that the node can answer requests. It needs Run to stay up to date.
func OpenNode(ctx context.Context, o NodeOptions) (*Node, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	epochs := Epochs{Shape: o.Shape, Log: o.Log, Graph: o.Graph}
	starts, err := epochs.Open(ctx, o.Restored)
	if err != nil {
		return nil, fmt.Errorf("open the log of the feed: %w", err)
	}
	builder := Builder{
		Shape: o.Shape, Epoch: starts[len(starts)-1].Epoch, Starts: starts,
		Log: o.Log, Posts: o.Posts, Graph: o.Graph, Timelines: o.Timelines,
		Strategy: o.Strategy, Threshold: o.Threshold, Trim: o.Trim,
		Records: runRecords, Operands: runOperands, CacheBytes: o.Memory * 3 / 8, Monitor: o.Monitor,
		Bounds: Bounds{Relations: o.Memory / 4, Celebrities: o.Memory / 8, Posts: o.Memory / 8, Deletes: keptDeletes},
	}
	follower := builder
	tail, err := follower.OpenTail(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the newest records of the feed: %w", err)
	}
	posts := NewCachedPosts(o.Posts, o.Memory/8)
	reader := &Reader{
		Shape: o.Shape, Tail: tail, Posts: posts, Graph: o.Graph, Timelines: o.Timelines, Strategy: o.Strategy, MaxPulled: o.MaxPulled,
	}
	if o.MaxPulls > 0 {
		reader.Pulls = make(chan struct{}, o.MaxPulls)
	}
	bounds := StreamBounds{Authors: o.MaxPulled, Missed: maxMissed, Pulls: reader.Pulls}
	return &Node{
		Hub:     NewHub(tail, posts, o.Graph, bounds, o.Streams),
		options: o, epochs: epochs, follower: &follower,
		worker: &Worker{
			Builder: &builder, Divider: o.Divider, Every: o.Every, Deliveries: runDeliveries, IdleAfter: o.IdleAfter, Log: o.Logger,
		},
		Service: &Service{
			Shape: o.Shape, Epoch: builder.Epoch, Log: o.Log, Posts: posts, Graph: o.Graph, Timelines: o.Timelines,
			Tail: tail, Reader: reader, Strategy: o.Strategy, Users: o.Users, Products: o.Products, Posting: o.Posting,
			Presence: NewPresence(o.Log, o.Logger), Monitor: o.Monitor, Logger: o.Logger,
		},
	}, nil
}

// Run keeps the node up to date, serves streams and builds timelines, until ctx ends or the log is another one than the node was opened with.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, loop := range []func(context.Context) error{
		func(ctx context.Context) error { return n.again(ctx, n.runTail) },
		func(ctx context.Context) error {
			return n.again(ctx, func(ctx context.Context) error { return n.epochs.Watch(ctx, n.Service.Epoch) })
		},
		n.worker.Run, n.Service.Presence.Run, n.Hub.Run, n.trim,
	} {
		all.Go(func() {
			if err := loop(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (n *Node) runTail(ctx context.Context) error { return n.follower.RunTail(ctx, n.Service.Tail) }

// again calls work until ctx ends, as long as its errors are such that a repetition may help.
func (n *Node) again(ctx context.Context, work func(context.Context) error) error {
	delays := backoff.Delays{First: 10 * time.Millisecond, Longest: time.Second}
	for ctx.Err() == nil {
		err := work(ctx)
		if err = unlessEnded(ctx, err); err == nil || !fault.Passing(err) {
			return err
		}
		n.options.Logger.WarnContext(ctx, "the log of the feed cannot be read; the next attempt follows", "error", err)
		backoff.Sleep(ctx, delays.Next())
	}
	return nil
}

// trim deletes old records of the log at intervals, until ctx ends.
func (n *Node) trim(ctx context.Context) error {
	for backoff.Sleep(ctx, trimPeriod); ctx.Err() == nil; backoff.Sleep(ctx, trimPeriod) {
		if err := unlessEnded(ctx, n.trimOnce(ctx)); err != nil {
			n.options.Logger.WarnContext(ctx, "old records of the feed could not be deleted; the next attempt follows", "error", err)
		}
	}
	return nil
}

// trimOnce deletes the records that are older than Keep, unless a timeline still needs one of them.
func (n *Node) trimOnce(ctx context.Context) error {
	head, ok, err := n.options.Timelines.Head(ctx)
	if err != nil || !ok {
		return err
	}
	since := time.Now().Add(-n.options.Keep)
	for topic, covered := range map[string]Vector{PostsTopic: head.reach().Posts, GraphTopic: head.reach().Graph} {
		needed, err := n.needed(ctx, topic, covered, since)
		if err != nil {
			return err
		}
		if needed {
			continue
		}
		if _, err := n.options.Log.Trim(ctx, topic, eventlog.Retention{Since: since}); err != nil {
			return err
		}
	}
	return nil
}

// needed reports whether a record that was appended before a time is not in all timelines.
func (n *Node) needed(ctx context.Context, topic string, covered Vector, since time.Time) (bool, error) {
	for p, at := range covered {
		if at.Epoch() != n.Service.Epoch {
			return true, nil
		}
		messages, err := n.options.Log.Read(ctx, topic, p, at.Offset(), 1)
		if err != nil {
			return false, err
		}
		if len(messages) > 0 && messages[0].Appended.Before(since) {
			return true, nil
		}
	}
	return false, nil
}
