package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"

	"agora/fault"
)

// durability makes commits durable that SQLite has only written to its log, and knows how far that is. So the
// disk syncs one group of writes while the next one runs: SQLite itself would do the one after the other. The
// commits are numbered from 1 on.
type durability struct {
	log  *os.File // SQLite's write-ahead log; it takes no locks on this file that closing ours could drop
	sync func() error

	mu      sync.Mutex
	moved   sync.Cond // synced or failed was set
	begun   uint64    // the newest commit that may be visible to readers
	synced  uint64    // the newest one that no crash takes back
	failure error     // why none is any more
}

// newDurability follows the log of the database that a connection has read. SQLite is asked where it is, because it
// follows links.
func newDurability(ctx context.Context, conn *sql.Conn) (*durability, error) {
	var path string
	if err := conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return nil, fmt.Errorf("find the log: %w", err)
	}
	log, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	d := &durability{log: log, sync: log.Sync}
	d.moved.L = &d.mu
	return d, nil
}

// begin numbers the commit that comes next. It has to be called before the commit can be seen.
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

// keep makes all commits up to a number durable. After a failure it is never tried again: Linux forgets what it
// could not write, so that a second try would succeed without having done anything. See Rebello et al., "Can
// Applications Recover from fsync Failures?", USENIX ATC 2020. Opening the file again reads what there is.
func (d *durability) keep(number uint64) error {
	if err := d.broken(); err != nil {
		return err
	}
	if err := d.sync(); err != nil {
		d.fail(err)
		return d.broken()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = number
	d.moved.Broadcast()
	return d.failure
}

// fail ends the store: nobody knows any more what the disk has.
func (d *durability) fail(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = fault.Wrap(fault.Unavailable, cause, "the disk failed: the store takes nothing until it is opened again")
	d.moved.Broadcast()
}

// broken returns why nothing can be made durable any more, or nil.
func (d *durability) broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// settle returns when all that was visible before the call is durable. Who reads, and tells others what was read,
// calls it in between, or a crash could take back what they were told.
func (d *durability) settle() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for seen := d.begun; d.synced < seen; {
		if d.failure != nil {
			return d.failure
		}
		d.moved.Wait()
	}
	return nil
}

func (d *durability) close() error { return d.log.Close() }
