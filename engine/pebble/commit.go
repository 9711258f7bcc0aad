package pebble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

// groupBytes is the approximate size at which a group is committed without the writes that still wait.
const groupBytes = 4 << 20

// write is one caller's part of a group, which is committed as one batch.
type write struct {
	stage func(*pebble.Batch) error // adds the part to the batch; called by the caller that commits the group
	done  chan struct{}             // closed when err is final
	err   error
}

// Commit makes what stage adds to a batch durable, together with the writes of other callers. One of the waiting callers
// gets the token, and writes and syncs for all of them while the next group collects. Pebble shares a sync among concurrent
// commits by itself, and is faster with many small ones because it writes while it syncs. But stages that are called one
// at a time, in the order of the log file, number records without gaps; and when a sync fails no other write is in
// progress, in which case Pebble would end the process.
//
// An error of stage is an error of the database, because only a broken batch refuses a key.
func (db *DB) Commit(stage func(*pebble.Batch) error) error {
	w := &write{stage: stage, done: make(chan struct{})}
	db.mu.Lock()
	db.waiting = append(db.waiting, w)
	db.mu.Unlock()
	for {
		select {
		case <-w.done:
			return w.err
		case db.token <- struct{}{}:
			db.commitGroup()
			<-db.token
		}
	}
}

// commitGroup commits the writes that have waited longest. The caller has the token.
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

	if err := db.room(); err != nil {
		finish(waiting, err)
		return
	}

	batch := db.db.NewBatch()
	defer func() { _ = batch.Close() }() // only frees memory
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

// room returns an error if less of the disk is free than the reserve.
func (db *DB) room() error {
	if db.reserve == 0 {
		return nil
	}
	disk, err := db.fs.GetDiskUsage(db.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the free space of "+db.dir+" cannot be read")
	}
	if disk.AvailBytes < db.reserve {
		return fault.New(fault.Unavailable, "disk_full", fmt.Sprintf("the disk of %s has %d bytes left, and writes need %d", db.dir, disk.AvailBytes, db.reserve))
	}
	return nil
}

// apply writes the batch and waits for the sync. Pebble's own Commit ends the process after a failed sync, or, if its
// logger prevents that, reports success. If Pebble cannot begin its next log file, it ends the process here too.
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

// finish ends the writes with an error, or nil.
func finish(writes []*write, err error) {
	for _, w := range writes {
		w.err = err
		close(w.done)
	}
}
