package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"agora/fault"
)

// groupBytes is about how large a group of writes may grow before it is committed without those that still wait.
const groupBytes = 4 << 20

// write is one caller's part of a group that is committed as one batch.
type write struct {
	stage func(*pebble.Batch) error // called by the one writer whose turn it is
	done  chan struct{}             // closed once err is final
	err   error
}

// commit makes what stage adds to a batch durable together with the writes of other callers: one of those who
// wait takes the turn and writes and syncs for all, while the next group gathers. Pebble shares a sync between
// concurrent commits by itself, and is faster with many small ones because it writes on while it syncs. But stages
// that run one at a time, in the order of the log's file, number records without holes; and nobody is writing
// beside a sync that fails, where Pebble would end the process.
//
// An error of stage counts as one of the database, since only a broken batch refuses a key.
func (db *DB) commit(stage func(*pebble.Batch) error) error {
	w := &write{stage: stage, done: make(chan struct{})}
	db.mu.Lock()
	db.waiting = append(db.waiting, w)
	db.mu.Unlock()
	for {
		select {
		case <-w.done:
			return w.err
		case db.turn <- struct{}{}:
			db.commitGroup()
			<-db.turn
		}
	}
}

// commitGroup commits the writes that have waited longest. The caller has the turn.
func (db *DB) commitGroup() {
	db.mu.Lock()
	waiting, refused := db.waiting, db.refused
	db.waiting = nil
	db.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	if refused != nil {
		finish(waiting, fault.Wrap(fault.Unavailable, refused, "the database takes no writes"))
		return
	}

	batch := db.db.NewBatch()
	defer func() { _ = batch.Close() }() // it only gives back memory
	taken := 0
	var err error
	for ; err == nil && taken < len(waiting) && batch.Len() < groupBytes; taken++ {
		err = waiting[taken].stage(batch)
	}
	if err == nil {
		err = db.apply(batch)
	}
	if err != nil {
		db.refuse(err)
	}
	db.mu.Lock()
	db.waiting = append(waiting[taken:], db.waiting...)
	db.mu.Unlock()
	finish(waiting[:taken], fault.Wrap(fault.Unavailable, err, "the write may be lost"))
}

// apply writes the batch and waits for the sync by itself, since Pebble's own Commit takes a failed sync for the
// end of the process and, should its logger survive that, for a success. Where Pebble cannot even begin its next
// log file, it ends the process.
func (db *DB) apply(batch *pebble.Batch) error {
	if batch.Empty() {
		return nil
	}
	if err := db.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	if err := batch.SyncWait(); err != nil {
		return fmt.Errorf("sync batch: %w", err)
	}
	return nil
}

// finish tells the callers how their writes ended.
func finish(writes []*write, err error) {
	for _, w := range writes {
		w.err = err
		close(w.done)
	}
}
