package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"agora/fault"
)

// maxGroup bounds how many writes share one commit, and with it how long the first of them waits.
const maxGroup = 512

// writer runs all writes of a database on one goroutine and lets those that wait at the same time share
// one commit, so that the cost of making it durable (one sync of the log) is divided among them. Each
// write is its own transaction to its caller: it runs under a savepoint, and if it fails, it alone is
// undone. This is group commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database
// Systems", SIGMOD 1984. A second goroutine syncs a group while the first runs the next one.
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

// group is what shared a commit.
type group struct {
	writes []*write
	number uint64 // of its commit; 0 if it changed nothing
}

// write is one caller's transaction.
type write struct {
	ctx    context.Context
	run    func(*Tx) error
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
		// Without room, so that at most one group waits while another is synced: more would be small ones, which
		// write the same pages again and again.
		written: make(chan group),
		done:    make(chan struct{}),
	}
	// An earlier process may have left writes in the log that its disk does not have.
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

// do runs fn in a transaction and returns after it is durable. If fn fails, nothing of it is kept and its
// error is returned. fn runs on the writer's goroutine: it must not block on anything but the database,
// and must not write again through the same writer.
func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	request := &write{ctx: ctx, run: fn, answer: make(chan struct{})}
	if err := w.send(request); err != nil {
		return err
	}
	// The writer always answers, so there is no early return here: a caller that left while its write was
	// under way would not know whether it was kept.
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
		w.checkpoints.finish(w.tx)
		w.written <- w.commit(w.gather([]*write{first}))
	}
}

// syncLoop makes groups durable and answers their writes. The writes of a group that changed nothing wait for the
// groups before it all the same, and fail if those were lost: what they read is of those.
func (w *writer) syncLoop() {
	defer close(w.done)
	for g := range w.written {
		err := w.durable.broken()
		if g.number > 0 {
			err = w.durable.keep(g.number)
		}
		if err != nil {
			g.fail(err)
		}
		for _, request := range g.writes {
			close(request.answer)
		}
	}
}

// fail makes the writes fail that have not done so by themselves.
func (g group) fail(err error) {
	for _, request := range g.writes {
		if request.err == nil {
			request.err = err
		}
	}
}

// gather adds to the group what waits right now. It does not wait for more: while a commit is synced the
// next group gathers by itself.
func (w *writer) gather(group []*write) []*write {
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

// commit runs the writes in one transaction. If the transaction itself fails, every write in it fails.
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
			request.err = w.tx.isolated(request.run)
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
		// SQLite may have ended the transaction by itself; the rollback makes sure and may fail then.
		_, _ = w.tx.Exec("ROLLBACK")
		w.tx.broken = nil
	}
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

// Tx is the writer's connection inside a transaction. Statements are prepared once per connection.
//
// Its calls do not take a context: the driver would start a goroutine a call to watch it, and a
// statement of the shared transaction must not be interrupted for one caller's sake.
type Tx struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	inside   bool // a savepoint is open for the write that runs
	lazy     bool // a write runs; its savepoint opens with its first change
	changed  bool // a savepoint was opened since this was reset

	// broken is why the whole transaction has to be given up: a full disk or an input/output error makes
	// SQLite roll all of it back, and a savepoint after that would begin a transaction of its own.
	broken error
}

// isolated runs fn so that a failure undoes only fn's own changes. The savepoint is opened by the first
// change, because many writes are refused by what they read.
func (t *Tx) isolated(fn func(*Tx) error) error {
	t.lazy, t.inside = true, false
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
	}
	if _, release := t.Exec("RELEASE one"); release != nil {
		t.broken = errors.Join(err, release)
	}
	return err
}

// Exec runs a statement that changes rows and returns how many it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if err := t.isolate(); err != nil {
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

// isolate opens the savepoint of the write that runs, unless that was done or no write runs.
func (t *Tx) isolate() error {
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
