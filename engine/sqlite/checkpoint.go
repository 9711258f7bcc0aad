package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"
)

const (
	checkpointEvery = time.Second
	// longLog is the length of the log, in pages, from which on the writer itself helps to get to its end, so
	// that it begins from the start again. SQLite finds a page of a longer log in more than one step.
	longLog = 4096
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

// step moves what can be moved now. A failure is no news: the log grows, and the next step or the next write meets
// the same one. After a failed sync nothing is moved, as nobody knows what the log holds.
func (c *checkpointer) step() {
	newest := c.durable.newest()
	if newest == c.moved || c.durable.broken() != nil {
		return
	}
	var busy, pages, done int
	if err := c.db.QueryRowContext(context.Background(), moveLog).Scan(&busy, &pages, &done); err != nil {
		return
	}
	c.moved = newest
	c.long.Store(pages >= longLog)
}

// moveLog waits for nobody: it leaves pages in the log that readers or the writer may need there.
const moveLog = "PRAGMA wal_checkpoint(PASSIVE)"

// finish lets the writer, between two transactions, move the rest of a long log.
func (c *checkpointer) finish(t *tx) {
	if c.durable.broken() != nil || !c.long.CompareAndSwap(true, false) {
		return
	}
	var busy, pages, done int
	_ = t.queryRow(moveLog, nil, &busy, &pages, &done) // as in step
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
