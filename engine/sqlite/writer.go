package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"agora/fault"
)

// maxGroup bounds how many writes share one commit, and with it how long the first of them waits.
const maxGroup = 512

// writer executes all writes of a database on one goroutine. The writes that wait at the same time share one commit and
// one sync of the log. To its caller each write is a transaction: it has a savepoint of its own, and a failure rolls back
// that write alone. This is group commit (DeWitt et al., "Implementation Techniques for Main Memory Database Systems",
// SIGMOD 1984). A second goroutine syncs a group while the first one executes the next group.
type writer struct {
	db      *sql.DB
	tx      *Tx
	queue   chan *write
	written chan group
	done    chan struct{}

	durable     *durability
	checkpoints *checkpointer

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool
}

// group is the writes that share a commit.
type group struct {
	writes []*write
	number uint64 // number of the commit; 0 if it changed nothing
}

// write is one caller's transaction.
type write struct {
	ctx    context.Context
	fn     func(*Tx) error
	err    error
	answer chan struct{}
}

// newWriter returns a writer through db to the file at path.
func newWriter(ctx context.Context, db *sql.DB, path string) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		db:    db,
		tx:    &Tx{conn: conn, prepared: map[string]*sql.Stmt{}},
		queue: make(chan *write, 2*maxGroup),
		// Unbuffered, so that one group at most waits for the sync: more and smaller groups would write the same pages
		// several times.
		written: make(chan group),
		done:    make(chan struct{}),
	}
	// An earlier process may have left writes in the log that were never synced.
	for _, pragma := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_autocheckpoint = 0"} {
		if _, err := conn.ExecContext(ctx, pragma); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if w.durable, err = newDurability(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	checkpoints, err := connect(path, false)
	if err != nil {
		return nil, errors.Join(err, w.durable.close(), conn.Close())
	}
	w.checkpoints = startCheckpointer(checkpoints, w.durable)
	go w.loop()
	go w.syncLoop()
	return w, nil
}

// do executes fn in a transaction: see Database.Write.
func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	request := &write{ctx: ctx, fn: fn, answer: make(chan struct{})}
	if err := w.send(request); err != nil {
		return err
	}
	// Every write is answered, so that do does not return when ctx ends: a caller that left early would not know whether
	// its write was stored.
	<-request.answer
	return Classify(request.err)
}

func (w *writer) send(request *write) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fault.New(fault.Unavailable, "", "the store is closed")
	}
	select {
	case w.queue <- request:
		return nil
	case <-request.ctx.Done():
		return request.ctx.Err()
	}
}

func (w *writer) loop() {
	defer close(w.written)
	for first := range w.queue {
		w.checkpoints.restartLog(w.tx)
		w.written <- w.commit(w.takeGroup(first))
	}
}

// syncLoop makes groups durable and answers their writes. A group that changed nothing also waits for the earlier groups,
// because it read what they wrote, and fails if they are lost.
func (w *writer) syncLoop() {
	defer close(w.done)
	for g := range w.written {
		err := w.durable.broken()
		if g.number > 0 {
			err = w.durable.sync(g.number)
		}
		if err != nil {
			g.fail(err)
		}
		for _, request := range g.writes {
			close(request.answer)
		}
	}
}

// fail sets the error of the writes that have none.
func (g group) fail(err error) {
	for _, request := range g.writes {
		if request.err == nil {
			request.err = err
		}
	}
}

// takeGroup returns the first write and those that wait. It does not wait for further writes, which collect by themselves
// while the group is synced.
func (w *writer) takeGroup(first *write) []*write {
	group := []*write{first}
	for len(group) < maxGroup {
		select {
		case request, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, request)
		default:
			return group
		}
	}
	return group
}

// commit executes the writes in one transaction. If the transaction itself fails, every write in it fails.
func (w *writer) commit(writes []*write) group {
	g := group{writes: writes}
	if err := w.durable.broken(); err != nil {
		g.fail(err)
		return g
	}
	if _, err := w.tx.Exec("BEGIN IMMEDIATE"); err != nil {
		g.fail(fmt.Errorf("begin: %w", err))
		return g
	}
	w.tx.changed = false
	for _, request := range writes {
		request.err = request.ctx.Err()
		if request.err == nil {
			request.err = w.tx.isolated(request.fn)
		}
		if w.tx.broken != nil {
			g.fail(w.tx.broken)
			break
		}
	}
	err := w.tx.broken
	if err == nil {
		if w.tx.changed {
			g.number = w.durable.begin()
		}
		_, err = w.tx.Exec("COMMIT")
	}
	if err != nil {
		g.fail(fmt.Errorf("commit: %w", err))
		// SQLite may have ended the transaction already. Then the rollback fails, which does no harm.
		_, _ = w.tx.Exec("ROLLBACK")
		w.tx.rolledBack(0)
		w.tx.broken = nil
	}
	clear(w.tx.undo)
	w.tx.undo = w.tx.undo[:0]
	return g
}

func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.done
	return errors.Join(w.checkpoints.close(), w.tx.close(), w.db.Close(), w.durable.close())
}

// Tx is a transaction on the connection of the writer. Statements are prepared once.
//
// Its methods take no context: the driver would start a goroutine for each call to watch it, and a statement of a
// transaction that several callers share must not be interrupted for one of them.
type Tx struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	inside   bool // the current write has an open savepoint
	lazy     bool // the current write has changed nothing yet: its first change opens the savepoint
	changed  bool // a write of the group has changed something

	undo []func() // registered with OnRollback by the writes of the group so far
	own  int      // number of functions in undo that earlier writes have registered

	// broken is the error for which the whole transaction has to be rolled back. After a full disk or an input/output error
	// SQLite has rolled it back already, and a further savepoint would begin another transaction.
	broken error
}

// isolated executes fn so that a failure rolls back the changes of fn alone. The first change opens the savepoint, because
// many writes read something and are refused.
func (t *Tx) isolated(fn func(*Tx) error) error {
	t.lazy, t.inside, t.own = true, false, len(t.undo)
	err := fn(t)
	t.lazy = false
	if !t.inside {
		if endsTransaction(err) {
			t.broken = err
		}
		return err
	}
	if err != nil {
		if _, undo := t.Exec("ROLLBACK TO one"); undo != nil {
			t.broken = errors.Join(err, undo)
			return err
		}
		t.rolledBack(t.own)
	}
	if _, release := t.Exec("RELEASE one"); release != nil {
		t.broken = errors.Join(err, release)
	}
	return err
}

// OnRollback registers undo, which is called if the changes of the current write are rolled back, alone or with its group.
// A store that keeps a copy of its rows in memory restores the copy with it.
func (t *Tx) OnRollback(undo func()) { t.undo = append(t.undo, undo) }

// rolledBack calls the registered functions except for the first ones, the last function first.
func (t *Tx) rolledBack(first int) {
	for _, undo := range slices.Backward(t.undo[first:]) {
		undo()
	}
	clear(t.undo[first:])
	t.undo = t.undo[:first]
}

// Exec executes a statement and returns how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if err := t.openSavepoint(); err != nil {
		return 0, err
	}
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// QueryRow scans the only row of a statement that reads into dest; sql.ErrNoRows says that there is none.
func (t *Tx) QueryRow(query string, args []any, dest ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(context.Background(), args...).Scan(dest...)
}

// openSavepoint opens the savepoint of the current write unless it is open. Between writes it does nothing.
func (t *Tx) openSavepoint() error {
	if !t.lazy {
		return nil
	}
	t.lazy = false
	if _, err := t.Exec("SAVEPOINT one"); err != nil {
		return err
	}
	t.inside, t.changed = true, true
	return nil
}

func (t *Tx) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := t.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.prepared[query] = stmt
	return stmt, nil
}

func (t *Tx) close() error {
	var errs []error
	for _, stmt := range t.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, t.conn.Close())...)
}
