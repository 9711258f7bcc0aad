package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

// EpochsTopic has one partition and holds a mark for each epoch of the log. A log without the mark of the present epoch
// is another log, or an older copy.
const EpochsTopic = "feed.epochs"

const kindEpoch = "log.epoch"

// Epochs finds out which epoch the log is in. The GraphStore knows where all of them began; the log holds the mark of its own.
type Epochs struct {
	Shape Shape
	Log   eventlog.Log
	Graph GraphStore
}

// mark is the value of a record of EpochsTopic. Its form is pinned by TestMarksKeepTheirForm.
type mark struct {
	Epoch Epoch  `json:"epoch"`
	Mark  uint64 `json:"mark,string"`
}

// ErrLogReplaced returns the error of a server whose log has come into another epoch: it has to start again.
func ErrLogReplaced() error {
	return fault.New(fault.Conflict, "log_replaced", "the log of the feed was replaced while this server ran: it has to start again")
}

// Open creates the topics of the log if they are not there, and returns the starts of its epochs; the last one is that of the
// present epoch. A new one begins if the log is new, belongs to other stores, or ends before what the stores have from it.
//
// An older copy of the log may end after that and still lack posts that the PostStore has: one server then starts with restored,
// which begins a new epoch in any case. No server runs while a log is replaced.
func (e Epochs) Open(ctx context.Context, restored bool) ([]LogStart, error) {
	for topic, partitions := range map[string]int{PostsTopic: e.Shape.Posts, GraphTopic: e.Shape.Graph, EpochsTopic: 1} {
		if err := e.Log.Create(ctx, topic, partitions); err != nil {
			return nil, fmt.Errorf("create %s: %w", topic, err)
		}
	}
	for {
		starts, err := e.Graph.Starts(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the epochs: %w", err)
		}
		var last LogStart
		if len(starts) > 0 {
			last = starts[len(starts)-1]
		}
		marked, _, err := e.marked(ctx, 0)
		if err != nil {
			return nil, err
		}
		if last.Epoch != 0 && !last.Marked { // a server has begun it, and may have crashed since
			if err := e.confirm(ctx, last, marked); err != nil {
				return nil, err
			}
			continue
		}
		ends, err := e.ends(ctx, last.Epoch)
		if err != nil {
			return nil, err
		}
		reached, err := e.reached(ctx, last.Epoch, ends)
		if err != nil {
			return nil, err
		}
		if last.Epoch != 0 && marked.Mark == last.Mark && reached && !restored {
			return starts, nil
		}
		restored = false
		if err := e.begin(ctx, max(last.Epoch, marked.Epoch)+1); err != nil {
			return nil, err
		}
	}
}

// begin stores the start of an epoch. Another server may be faster.
func (e Epochs) begin(ctx context.Context, epoch Epoch) error {
	if epoch > maxEpoch {
		return fault.New(fault.Internal, "epochs_used_up", "the log of the feed has had too many epochs")
	}
	ends, err := e.ends(ctx, epoch)
	if err != nil {
		return err
	}
	err = e.Graph.PutStart(ctx, LogStart{Epoch: epoch, Ends: ends, Mark: rand.Uint64()})
	if err != nil && !fault.Is(err, fault.Stale) {
		return fmt.Errorf("begin epoch %d of the log: %w", epoch, err)
	}
	return nil
}

// confirm marks the log with an epoch that is stored.
func (e Epochs) confirm(ctx context.Context, start LogStart, marked mark) error {
	if marked.Mark != start.Mark {
		body, err := json.Marshal(mark{start.Epoch, start.Mark})
		if err != nil {
			return err
		}
		id := strconv.Itoa(int(start.Epoch)) + "/" + strconv.FormatUint(start.Mark, 16)
		r := eventlog.Record{ID: id, Kind: kindEpoch, Key: kindEpoch, Value: body, At: time.Now()}
		if _, err := e.Log.Append(ctx, EpochsTopic, r); err != nil {
			return fmt.Errorf("mark epoch %d of the log: %w", start.Epoch, err)
		}
	}
	start.Marked = true
	if err := e.Graph.PutStart(ctx, start); err != nil && !fault.Is(err, fault.Stale) {
		return fmt.Errorf("mark epoch %d of the log: %w", start.Epoch, err)
	}
	return nil
}

// marked returns the last mark of the log from an offset on, and the offset after it.
func (e Epochs) marked(ctx context.Context, offset int64) (last mark, next int64, err error) {
	for {
		messages, err := e.Log.Read(ctx, EpochsTopic, 0, offset, 1000)
		if err != nil {
			return mark{}, 0, fmt.Errorf("read %s: %w", EpochsTopic, err)
		}
		if len(messages) == 0 {
			return last, offset, nil
		}
		m := messages[len(messages)-1]
		if err := json.Unmarshal(m.Value, &last); err != nil {
			return mark{}, 0, fmt.Errorf("decode record %s: %w", m.ID, err)
		}
		offset = m.Offset + 1
	}
}

// ends returns the ends of the log as positions of an epoch.
func (e Epochs) ends(ctx context.Context, epoch Epoch) (Reach, error) {
	b := Builder{Shape: e.Shape, Epoch: epoch, Log: e.Log}
	return b.end(ctx)
}

// reached reports whether the log has all that the GraphStore has from the epoch.
func (e Epochs) reached(ctx context.Context, epoch Epoch, ends Reach) (bool, error) {
	for p, end := range ends.Graph {
		row, ok, err := e.Graph.Reach(ctx, p)
		if err != nil {
			return false, fmt.Errorf("read the reach of the graph: %w", err)
		}
		if !ok {
			continue
		}
		if row.Graph.Epoch() == epoch && row.Graph > end {
			return false, nil
		}
		for q, at := range row.Posts {
			if at.Epoch() == epoch && at > ends.Posts[q] {
				return false, nil
			}
		}
	}
	return true, nil
}

// Watch returns ErrLogReplaced when the log comes into a later epoch than this one, or nil when ctx ends.
func (e Epochs) Watch(ctx context.Context, epoch Epoch) error {
	var offset int64
	for {
		last, next, err := e.marked(ctx, offset)
		if err == nil && last.Epoch > epoch {
			return ErrLogReplaced()
		}
		if err == nil {
			offset = next
			err = e.Log.Wait(ctx, EpochsTopic, 0, offset)
		}
		if err != nil || ctx.Err() != nil {
			return unlessEnded(ctx, err)
		}
	}
}
