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
	checkpointEvery = time.Second
	// longLog is the length of the log, in pages, from which on the writer itself helps to get to its end, so
	// that it begins from the start again. SQLite finds a page of a longer log in more than one step.
	longLog = 4096
	// readerPatience is how long the writer waits for readers of a long log.
	readerPatience = 20 * time.Millisecond
)

// checkpointer moves pages from the log into the database beside the writer, which SQLite would have wait for it.
// It cannot come to the end of a log that grows meanwhile: what is left then is little, and the writer does it.
type checkpointer struct {
	db      *sql.DB // a connection of its own
	durable *durability
	long    atomic.Bool
	once    sync.Once
	stop    chan struct{}
	ended   chan struct{}
	moved   uint64 // the newest commit at the last look
}

// startCheckpointer runs until close.
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
		case <-time.After(checkpointEvery):
			c.step()
		}
	}
}

// step moves what can be moved now. After a failed sync nothing is moved, as nobody knows what the log holds.
func (c *checkpointer) step() {
	newest := c.durable.newest()
	if newest == c.moved || c.durable.broken() != nil {
		return
	}
	var busy, pages, done int
	// It waits for nobody: it leaves pages in the log that readers or the writer may need there.
	err := c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done)
	if c.note(err); err != nil {
		return
	}
	c.moved = newest
	c.long.Store(pages >= longLog)
}

// finish lets the writer, between two transactions, move the rest of a long log and begin it again. That takes a
// moment in which nobody reads the log any more, which would never come by itself under many readers: so they are
// waited for, but not longer than a commit takes. If one reads for longer, the next step tries again.
func (c *checkpointer) finish(t *Tx) {
	if c.durable.broken() != nil || !c.long.CompareAndSwap(true, false) {
		return
	}
	ctx := context.Background()
	for _, pragma := range []string{waitFor(readerPatience), "PRAGMA wal_checkpoint(RESTART)", waitFor(lockPatience)} {
		_, err := t.conn.ExecContext(ctx, pragma)
		c.note(err)
	}
}

func waitFor(d time.Duration) string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds())
}

// note keeps a failed sync of the database's file from being forgotten: to move the same pages once more would
// succeed without having done anything, as in durability.keep. Every other failure is no news: the log grows, and
// the next step or write meets it again.
func (c *checkpointer) note(err error) {
	if driver, ok := errors.AsType[sqlite3.Error](err); ok && driver.ExtendedCode == sqlite3.ErrIoErrFsync {
		c.durable.fail(err)
	}
}

// interrupt returns when no step runs or will run.
func (c *checkpointer) interrupt() {
	c.once.Do(func() { close(c.stop) })
	<-c.ended
}

func (c *checkpointer) close() error {
	c.interrupt()
	return c.db.Close()
}
