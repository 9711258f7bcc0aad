package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"

	"agora/fault"
)

// durability syncs SQLite's log, so that the disk syncs one group of writes while the next group is executed. SQLite by
// itself would do one after the other. Commits have numbers from 1 on.
type durability struct {
	log     *os.File // SQLite's write-ahead log, on which SQLite holds no locks that closing this file would drop
	syncLog func() error

	mu      sync.Mutex
	changed sync.Cond // synced or failure was set
	begun   uint64    // number of the newest commit that readers may see
	synced  uint64    // number of the newest durable commit
	failure error     // why no further commit becomes durable
}

// newDurability opens the log of the database that the connection has read. It asks SQLite for the path, because the log of
// a symbolic link is in the folder of the file that the link points to.
func newDurability(ctx context.Context, conn *sql.Conn) (*durability, error) {
	var path string
	if err := conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return nil, fmt.Errorf("find the log: %w", err)
	}
	log, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	d := &durability{log: log, syncLog: log.Sync}
	d.changed.L = &d.mu
	return d, nil
}

// begin returns the number of the next commit. It has to be called before readers can see the commit.
func (d *durability) begin() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun++
	return d.begun
}

// newest returns the number of the newest commit.
func (d *durability) newest() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// sync makes all commits up to a number durable. After a failure it never tries again, because Linux drops the pages that
// it could not write, so that a second sync would succeed without them (Rebello et al., "Can Applications Recover from
// fsync Failures?", USENIX ATC 2020). Opening the file again reads what is on the disk.
func (d *durability) sync(number uint64) error {
	if err := d.broken(); err != nil {
		return err
	}
	if err := d.syncLog(); err != nil {
		d.fail(err)
		return d.broken()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = number
	d.changed.Broadcast()
	return d.failure
}

// fail makes the store refuse all calls, because it is unknown what is on the disk.
func (d *durability) fail(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = fault.Wrap(fault.Unavailable, cause, "the disk failed: the store takes nothing until it is opened again")
	d.changed.Broadcast()
}

// broken returns why no commit can be made durable, or nil.
func (d *durability) broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// waitForVisible returns when all commits that were visible before the call are durable. A reader calls it before it
// returns what it read, because a crash could undo a commit that is only visible.
func (d *durability) waitForVisible() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for seen := d.begun; d.synced < seen; {
		if d.failure != nil {
			return d.failure
		}
		d.changed.Wait()
	}
	return nil
}

func (d *durability) close() error { return d.log.Close() }
