package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

const (
	checkpointInterval = time.Second
	// longLog is the length of the log, in pages, from which on the writer restarts the log. SQLite needs more than one
	// step to find a page of a longer log.
	longLog = 4096
	// readerTimeout is how long the writer waits for the readers of a long log.
	readerTimeout = 20 * time.Millisecond
)

// checkpointer copies pages from the log into the database while the writer goes on, which SQLite's own checkpoints would
// block. It cannot reach the end of a log that grows at the same time, so that the writer copies the few pages that are left.
type checkpointer struct {
	db      *sql.DB // a connection of its own
	durable *durability
	long    atomic.Bool // the log is long: the writer has to restart it
	once    sync.Once
	stop    chan struct{}
	ended   chan struct{}
	copied  uint64 // the newest commit at the last step
}

// startCheckpointer starts a checkpointer that runs until close.
func startCheckpointer(db *sql.DB, durable *durability) *checkpointer {
	c := &checkpointer{db: db, durable: durable, stop: make(chan struct{}), ended: make(chan struct{})}
	go c.run()
	return c
}

func (c *checkpointer) run() {
	defer close(c.ended)
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(checkpointInterval):
			c.step()
		}
	}
}

// step copies the pages that no connection needs in the log. After a failed sync it copies nothing, because it is unknown which
// part of the log is on the disk.
func (c *checkpointer) step() {
	newest := c.durable.newest()
	if newest == c.copied || c.durable.broken() != nil {
		return
	}
	var busy, pages, done int
	// PASSIVE does not wait: it leaves the pages in the log that readers or the writer need there.
	err := c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done)
	if c.note(err); err != nil {
		return
	}
	c.copied = newest
	c.long.Store(pages >= longLog)
}

// restartLog copies the rest of a long log and restarts it, on the writer's connection between two transactions. A restart
// needs a moment without readers of the log, and while there are many readers, some always read. So restartLog
// waits for the readers, as long as a commit takes. If a reader takes longer, the next step tries again.
func (c *checkpointer) restartLog(t *Tx) {
	if c.durable.broken() != nil || !c.long.CompareAndSwap(true, false) {
		return
	}
	ctx := context.Background()
	for _, pragma := range []string{busyTimeout(readerTimeout), "PRAGMA wal_checkpoint(RESTART)", busyTimeout(lockTimeout)} {
		_, err := t.conn.ExecContext(ctx, pragma)
		c.note(err)
	}
}

func busyTimeout(d time.Duration) string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds())
}

// note makes the store fail after a failed sync of the database file, because a second copy of the same pages would
// succeed without writing them: see durability.sync. All other failures are ignored: the log grows, and the next step or write fails too.
func (c *checkpointer) note(err error) {
	if driver, ok := errors.AsType[sqlite3.Error](err); ok && driver.ExtendedCode == sqlite3.ErrIoErrFsync {
		c.durable.fail(err)
	}
}

// interrupt ends the steps and waits for the current one.
func (c *checkpointer) interrupt() {
	c.once.Do(func() { close(c.stop) })
	<-c.ended
}

func (c *checkpointer) close() error {
	c.interrupt()
	return c.db.Close()
}
